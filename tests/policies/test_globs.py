"""Globs mean what git says that they mean, and the worst of them ends."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.attributes import attributes_of, parse_gitattributes
from policies.globs import GlobInvalid, check_glob, compile_glob, matching

# Enough to make every construct meet every other one, and names that meet them.
PIECES = ["a", "b", ".", "*", "**", "***", "?", "\\*", "/", "/**/", "**/", "/**", "[ab]", "[!a]", "[a-b]", "[", "]"]
PATTERNS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=7).map("".join)
# git cuts plain text off first, so it takes the stars of `a**/` for a name of their own, against its page.
AS_DOCUMENTED = PATTERNS.filter(lambda text: not re.search(r"[^/*]\*\*", text))
NAMES = st.text("ab.*", min_size=1, max_size=3).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
SOME_PATHS = st.lists(PATHS, min_size=1, max_size=12, unique=True)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("globs")
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return folder


def git(folder: Path, command: str, *options: str, paths: list[str]) -> list[str]:
    done = subprocess.run(
        ["git", "-c", "core.excludesFile=", command, *options, "-z", "--stdin"],
        cwd=folder,
        input="".join(f"{path}\0" for path in paths),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.split("\0")[:-1]


@settings(max_examples=80, deadline=None)
@given(pattern=AS_DOCUMENTED, paths=SOME_PATHS)
def test_a_pattern_covers_the_paths_that_git_ignores_by_it(
    repository: Path, pattern: str, paths: list[str]
) -> None:
    (repository / ".gitattributes").unlink(missing_ok=True)
    (repository / ".gitignore").write_text(f"{pattern}\n", encoding="utf-8")
    ignored = set(git(repository, "check-ignore", "--no-index", paths=paths))
    assert {path for path in paths if matching(path, (pattern,)) is not None} == ignored


@settings(max_examples=80, deadline=None)
@given(
    pattern=AS_DOCUMENTED,
    paths=SOME_PATHS,
)
def test_an_attribute_goes_to_the_paths_that_git_gives_it(repository: Path, pattern: str, paths: list[str]) -> None:
    (repository / ".gitignore").unlink(missing_ok=True)
    text = f"{pattern} linguist-generated\n"
    (repository / ".gitattributes").write_text(text, encoding="utf-8")
    answers = git(repository, "check-attr", "linguist-generated", paths=paths)
    given_by_git = {path for path, _name, value in zip(*[iter(answers)] * 3, strict=True) if value == "set"}
    parsed = parse_gitattributes(text)
    assert {path for path in paths if attributes_of(path, parsed)} == given_by_git


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        ("docs", "a/docs/b.md", True),
        ("/docs", "a/docs/b.md", False),
        ("docs/", "docs", False),
        ("docs/*.md", "docs/a/b.md", False),
        ("docs/**/*.md", "docs/b.md", True),
        ("**", "a/b", True),
        ("a/**", "a", False),
        ("a**/b", "ax/y/b", False),
        ("[[:digit:]].txt", "7.txt", True),
        ("[z-a].txt", "b.txt", False),
        ("a[/]b", "a/b", False),
        ("name\\ ", "name ", True),
        ("\\#x", "#x", True),
        ("x  ", "x", True),
        ("*.py", "a\nb.py", True),
    ],
)
def test_the_corners_of_the_language(pattern: str, path: str, covered: bool) -> None:
    assert (matching(path, (pattern,)) is not None) is covered


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("", "is empty"),
        ("x" * 600, "characters"),
        ("!a", "negation"),
        ("#a", "a comment"),
        ("[a", "no end"),
        ("a\\", "no end"),
        ("a//b", "no name"),
    ],
)
def test_a_pattern_that_could_match_nothing_is_refused_with_the_reason(pattern: str, says: str) -> None:
    with pytest.raises(GlobInvalid, match=says):
        check_glob(pattern)


# Each was exponential or worse in an expression that backtracks.
WORST = [
    ("*a" * 255 + "b", "a" * 4096),
    ("**/" * 100 + "*a*a*a*a*a*a*a*b", "/".join(["a" * 60] * 60)),
    ("*" * 500, "a" * 4096 + "/b"),
    ("**/a/" * 100 + "b", "a/" * 2000 + "c"),
    ("?*" * 250, "x" * 4096),
    ("[a-z]*" * 80 + "1", "a" * 4096),
    ("*aaaaaaaa" * 50 + "b", "a" * 4096),
]


@pytest.mark.parametrize("number", range(len(WORST)))
def test_the_worst_pattern_ends_on_the_worst_path(number: int) -> None:
    """In a process of its own, so that an expression that runs for ever fails here instead of hanging."""
    pattern, path = WORST[number]
    code = (
        "import sys; from policies.globs import matching, compile_glob; from policies.attributes import *\n"
        "p, n = sys.argv[1:]\n"
        "matching(n, (p,)); attributes_of(n, parse_gitattributes(p + ' x'))"
    )
    subprocess.run([sys.executable, "-c", code, pattern, path], check=True, timeout=60, cwd=ROOT)


@given(PATTERNS)
def test_no_repetition_stands_inside_another_that_could_give_back_what_it_took(pattern: str) -> None:
    """The structure that the module's docstring argues from: every repeated group is possessive inside."""
    for exact in (False, True):
        expression = compile_glob(pattern, exact=exact)
        if expression is not None:
            repeated = re.findall(r"\((?:\?:)?([^()]*)\)[*+]", expression.pattern)
            assert set(repeated) <= {"[^/]++/"}
