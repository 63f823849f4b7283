"""What an import can mean, in every language, by the tail of a path."""

from __future__ import annotations

import pytest

from reviewer.syntax.imports import Imports
from reviewer.syntax.test_paths import is_test_path, subject_of


@pytest.mark.parametrize(
    ("line", "path", "strength"),
    [
        ("from werkzeug.utils import cached", "src/werkzeug/utils.py", 2),
        ("import werkzeug.utils as u", "src/werkzeug/utils.py", 2),
        ("import { x } from '../lib/foo'", "src/lib/foo.ts", 2),
        ("import x from './lib/foo/index.js'", "src/lib/foo/index.js", 3),
        ("const { a } = require('./foo')", "src/foo.js", 1),
        ('import "gofr.dev/pkg/gofr/container"', "pkg/gofr/container/container.go", 3),
        ("import io.undertow.Undertow;", "core/src/main/java/io/undertow/Undertow.java", 3),
        ("use App\\Models\\User;", "app/Models/User.php", 2),
        ("use crate::base::time;", "src/base/time.rs", 2),
        ('#include "SDL_hidapi.h"', "include/SDL_hidapi.h", 1),
        ("require_relative 'lib/job'", "app/lib/job.rb", 2),
        ("import a.b.Job", "src/c/Other.kt", 0),
        ("value = other.utils", "src/other/utils.py", 0),
    ],
)
def test_the_tail_of_an_import_fits_the_tail_of_a_path(line: str, path: str, strength: int) -> None:
    assert Imports([line]).strength(path) == strength


def test_an_import_over_several_lines_is_read_to_its_end() -> None:
    imports = Imports(["import (", '\t"fmt"', '\t"gofr.dev/pkg/config"', ")", "x := other.thing"])
    assert imports.strength("pkg/config/env.go") == 2
    assert imports.strength("other/thing.go") == 0


@pytest.mark.parametrize(
    ("path", "test", "subject"),
    [
        ("tests/test_wrappers.py", True, "wrappers"),
        ("src/app.spec.ts", True, "app"),
        ("pkg/server_test.go", True, "server"),
        ("src/io/UndertowTest.java", True, "undertow"),
        ("lib/contest.py", False, "contest"),
        ("src/latest.js", False, "latest"),
    ],
)
def test_a_test_is_known_by_its_path_and_so_is_what_it_tests(path: str, test: bool, subject: str) -> None:
    assert is_test_path(path) is test
    assert subject_of(path) == subject
