"""Paths on the command line mean what they mean to git."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.errors import ConfigurationError
from reviewer.local.pathspecs import from_the_top
from reviewer.local.repository import find_repository
from reviewer.local.selection import Selection, Which, select
from tests.git_folder import ENV
from tests.local.repo import Scratch


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    made = Scratch(tmp_path / "repo")
    made.commit(**{"a.py": "a = 1\n", "sub/a.py": "a = 1\n", "sub/deep/b.py": "b = 1\n", "gone.py": "g = 1\n"})
    for path in ("a.py", "sub/a.py", "sub/deep/b.py"):
        made.write(path, "a = 2\n")
    (made.root / "gone.py").unlink()
    return made


def changed(scratch: Scratch, *pathspecs: str, start: str = "", which: Which = Which.UNCOMMITTED) -> list[str]:
    selection = Selection(which, "HEAD", pathspecs=pathspecs, start=scratch.root / start)
    with select(find_repository(scratch.root), selection) as found:
        return [file.path for file in found.change.files]


SPECS = (
    *("a.py", "./a.py", "../a.py", "deep", "deep/", ".", "..", "*.py", "deep/*", ":/a.py", ":(top)sub", ":!deep"),
    *(":(exclude)a.py", ":(glob)**/b.py", ":(icase)A.PY", ":(top,exclude)a.py", "../gone.py", "a.py", "deep/b.py"),
)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("start", ["", "sub"])
def test_a_path_is_what_it_is_to_git_diff_where_the_person_stands(scratch: Scratch, spec: str, start: str):
    asked = subprocess.run(
        ["git", "diff", "--name-only", "HEAD", "--", spec],
        cwd=scratch.root / start,
        env=ENV,
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode or not asked.stdout:
        with pytest.raises(ConfigurationError):
            changed(scratch, spec, start=start)
    else:
        assert changed(scratch, spec, start=start) == asked.stdout.split()


def test_an_absolute_path_and_one_through_a_link_are_the_same_file(scratch: Scratch, tmp_path: Path):
    (tmp_path / "way").symlink_to(scratch.root)
    assert changed(scratch, str(scratch.root / "sub" / "a.py")) == ["sub/a.py"]
    assert changed(scratch, str(tmp_path / "way" / "sub" / "a.py"), start="sub") == ["sub/a.py"]


@pytest.mark.parametrize("which", [Which.UNCOMMITTED, Which.STAGED, Which.COMMIT, Which.RANGE])
@pytest.mark.parametrize("spec", ["typo.py", "sub/typo/", "*.rs", ":(glob)**/*.rs"])
def test_a_path_that_matches_nothing_is_an_error_that_names_it(scratch: Scratch, spec: str, which: Which):
    with pytest.raises(ConfigurationError, match="matches no file"):
        changed(scratch, spec, which=which)


@pytest.mark.parametrize("spec", ["/", "/etc/passwd", "../../outside", "../repository-beside/a.py"])
def test_a_path_outside_the_repository_is_an_error(scratch: Scratch, spec: str):
    with pytest.raises(ConfigurationError, match="outside the repository"):
        changed(scratch, spec)


def test_a_path_without_a_change_is_no_error(scratch: Scratch):
    scratch.write("same.py", "s = 1\n")
    scratch.git("add", "same.py")
    scratch.git("commit", "--quiet", "-m", "c", "same.py")
    assert changed(scratch, "same.py") == []
    assert changed(scratch, "gone.py") == ["gone.py"]


@given(st.text(st.sampled_from("ab./:*[]!^()-\\é "), min_size=1, max_size=10))
def test_whatever_is_typed_stays_inside_or_is_refused(spec: str):
    root = Path("/nowhere/repo")
    try:
        (found,) = from_the_top((spec,), root, root / "sub")
    except ConfigurationError:
        return
    assert not found.startswith(("/", "../"))
    assert found != ".."
