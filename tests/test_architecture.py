"""The house rules that a reader cannot see at a glance, held by walking the source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from kilo_review import COMMANDS

ROOT = Path(__file__).parent.parent
# The module above all packages, which names the program's commands, and the packages from the ground up.
TOP = "kilo_review"
PACKAGES = ("policies", "reviewer", "webhooks")
MAY_IMPORT = {
    "policies": set(),
    "reviewer": {"policies"},
    "webhooks": {"policies", "reviewer"},
}
# Distribution -> the only folders whose modules may import it.
ONLY_IN = {
    "httpx": ("reviewer/models",),
    "github": ("reviewer/github",),
    "flask": ("webhooks", "reviewer/demo"),
    "sqlalchemy": ("reviewer/ledger",),
    "alembic": ("reviewer/ledger",),
    "tree_sitter": ("reviewer/syntax", "reviewer/context", "reviewer/findings"),
}
MODULE_LIMIT = 400


@cache
def modules() -> tuple[Path, ...]:
    packages = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return (ROOT / f"{TOP}.py", *packages)


@cache
def imported(path: Path) -> tuple[str, ...]:
    return tuple(imports(parsed(path)))


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_lies_below_it(package: str):
    wrong = [
        (str(path.relative_to(ROOT)), name)
        for path in modules()
        if path.relative_to(ROOT).parts[0] == package
        for name in imported(path)
        if (top := name.partition(".")[0]) in (*PACKAGES, TOP) and top != package and top not in MAY_IMPORT[package]
    ]
    assert wrong == []


# A module named in a string, to be imported later or run with `-m`.
NAMED = re.compile(rf"(?P<top>{'|'.join((*PACKAGES, TOP))})(?:[.:][a-z_]+)+|{TOP}")
# `serve` still starts `web` by its name; it goes when the roles are handed in like the commands.
NAMED_TODAY = {"webhooks.server"}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_names_in_strings_only_modules_that_it_may_import(package: str):
    wrong = [
        (str(path.relative_to(ROOT)), node.lineno, node.value)
        for path in modules()
        if path.relative_to(ROOT).parts[0] == package
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if (named := NAMED.fullmatch(node.value)) and named["top"] not in {package, *MAY_IMPORT[package]}
        if node.value not in NAMED_TODAY
    ]
    assert wrong == []


def test_every_command_names_a_module_that_can_run_it():
    for command in COMMANDS.values():
        module = import_module(command.module)
        assert callable(module.add_arguments)
        assert callable(module.main)


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_used_only_in_its_own_rooms(library: str):
    wrong = [
        str(path.relative_to(ROOT))
        for path in modules()
        if any(name.partition(".")[0] == library for name in imported(path))
        and not path.relative_to(ROOT).as_posix().startswith(ONLY_IN[library])
    ]
    assert wrong == []


def test_only_settings_reads_the_environment():
    wrong = [
        str(path.relative_to(ROOT))
        for path in modules()
        if path != ROOT / "reviewer/settings.py"
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute)
        and node.attr in ("environ", "getenv")
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    ]
    assert wrong == []


def test_no_module_has_outgrown_its_one_noun():
    long = {
        str(path.relative_to(ROOT)): count
        for path in modules()
        if "migrations" not in path.parts and (count := len(path.read_text("utf-8").splitlines())) > MODULE_LIMIT
    }
    assert long == {}


def test_nothing_runs_a_shell_or_text_as_code():
    wrong = []
    for path in modules():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call):
                if isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
                    wrong.append((str(path), node.lineno))
                if any(word.arg == "shell" and getattr(word.value, "value", True) for word in node.keywords):
                    wrong.append((str(path), node.lineno))
    assert wrong == []


def test_every_module_says_what_it_is():
    silent = [str(path.relative_to(ROOT)) for path in modules() if ast.get_docstring(parsed(path)) is None]
    assert silent == []


LATE = re.compile(r"# noqa: (?:[A-Z0-9]+, )*PLC0415(?P<why> [-(].)?")


def test_an_import_inside_a_function_says_why_it_is_late():
    """On its line, in the comment above it, or with the first of several imports."""
    wrong = []
    for path in modules():
        before = ""
        for number, line in enumerate(path.read_text("utf-8").split("\n"), 1):
            late = LATE.search(line)
            if late and not (late["why"] or LATE.search(before) or before.lstrip().startswith("#")):
                wrong.append(f"{path.relative_to(ROOT)}:{number}")
            before = line if line.strip() else before
    assert wrong == []
