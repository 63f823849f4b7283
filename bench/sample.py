"""A repository and a change of a stated size, out of code that people wrote: the packages that we run on.

The head is their code as installed; the base lacks some of its functions and has older forms of some lines. The
lock file and the seed fix every byte, so the same install gives the same commits. For sizes above what is
installed the packages are taken again under another folder and name.
"""

from __future__ import annotations

import importlib.util
import random
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

SEED = 20261121
OVERLAP = 1.055
PACKAGES = (
    *("werkzeug", "flask", "rq", "redis", "httpx", "httpcore", "jinja2", "rich", "alembic", "urllib3"),
    *("github", "sqlalchemy", "markdown_it", "anyio", "requests", "jsonschema", "click", "mako", "cffi", "nacl"),
)
_DEF = re.compile(r"^( *)(?:async )?def \w+\(")
_CHECK = re.compile(r"^( +)if (not )?(\w+(?:\.\w+)*)( is None)?:$")


@dataclass(frozen=True, slots=True)
class Sample:
    """A bare repository with two commits, and the diff between them as git prints it."""

    git_dir: Path
    base: str
    head: str
    diff: bytes
    files: int
    changed_files: int

    @property
    def diff_lines(self) -> int:
        return self.diff.count(b"\n")


def build(folder: Path, *, files: int, changed: int, diff_lines: int, seed: int = SEED) -> Sample:
    """Make a repository of `files` Python files; `changed` of them differ, in about `diff_lines` lines of diff."""
    rng = random.Random(seed)
    head = dict(_sources(files))
    # Hunks that meet share their context lines, so that a diff comes out shorter than its parts.
    each = diff_lines * OVERLAP / changed
    blocks = {path: list(_functions(lines)) for path, lines in head.items()}
    able = [path for path, found in blocks.items() if any(last - first + 15 <= each for first, last in found)]
    touched = able[:: max(1, len(able) // changed)][:changed]
    base = dict(head)
    missing = diff_lines * OVERLAP
    for done, path in enumerate(touched):
        base[path], cost = _older(head[path], blocks[path], max(each, missing / (len(touched) - done)), rng)
        missing -= cost
    git_dir = folder / "sample.git"
    _git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(git_dir))
    _git(
        git_dir,
        "-c",
        "core.compression=1",
        "fast-import",
        "--quiet",
        data=_stream(base, {path: head[path] for path in touched}),
    )
    before, after = (_git(git_dir, "rev-parse", name).decode().strip() for name in ("main~1", "main"))
    diff = _git(git_dir, "diff-tree", "-r", "-p", "-M", "--full-index", before, after)
    return Sample(git_dir, before, after, diff, len(head), diff.count(b"\ndiff --git ") + 1)


def check_out(sample: Sample, folder: Path) -> None:
    """Make a work tree at the base that holds the head's change uncommitted."""
    _git(folder.parent, "clone", "--quiet", str(sample.git_dir), str(folder))
    _git(folder, "reset", "--quiet", "--mixed", sample.base)


def _sources(files: int) -> Iterator[tuple[str, list[str]]]:
    """Yield so many files with their lines; a second round of the packages has other names, as forks have."""
    left = files
    for turn in count():
        for package in PACKAGES:
            spec = importlib.util.find_spec(package)
            assert spec is not None, f"{package} is not installed: run make setup"
            assert spec.origin is not None
            root = Path(spec.origin).parent
            for path in sorted(root.rglob("*.py")):
                text = path.read_text("utf-8", "replace")
                name = f"{package}_{turn}" if turn else package
                if turn:
                    text = re.sub(rf"\b{package}\b", name, text)
                if len(text) > 1000:
                    yield f"services/{name}/{path.relative_to(root)}", text.split("\n")
                    left -= 1
                if not left:
                    return


def _older(
    lines: list[str], blocks: list[tuple[int, int]], wanted: float, rng: random.Random
) -> tuple[list[str], int]:
    """Return an older version of a file, and about how many lines its diff will have."""
    rng.shuffle(blocks)
    gone: set[int] = set()
    cost = 4
    for first, last in blocks:
        # A hunk has six lines of context and a header.
        size = last - first + 7
        if cost + size <= wanted + 4 and gone.isdisjoint(range(first - 1, last + 1)):
            gone.update(range(first, last))
            cost += size
    older = []
    for at, line in enumerate(lines):
        found = _CHECK.match(line)
        if at in gone:
            continue
        if found and cost + 9 <= wanted + 4 and not found[2]:
            older.append(f"{found[1]}if {found[3]} {'==' if found[4] else '!='} None:")
            cost += 9
        else:
            older.append(line)
    return older, cost


def _functions(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Yield the half-open ranges of functions with their decorators, by indentation."""
    for at, line in enumerate(lines):
        found = _DEF.match(line)
        if not found:
            continue
        indent, first, last = found[1], at, at + 1
        while first and lines[first - 1].startswith(f"{indent}@"):
            first -= 1
        while last < len(lines) and (
            not lines[last].strip() or lines[last].startswith((f"{indent} ", f"{indent})"))
        ):
            last += 1
        yield first, last


def _stream(*commits: dict[str, list[str]]) -> bytes:
    out = []
    for number, tree in enumerate(commits):
        message = f"Commit {number}\n".encode()
        out.append(
            b"commit refs/heads/main\ncommitter Bench <bench@example.com> %d +0000\n" % (1_700_000_000 + number)
        )
        out.append(b"data %d\n%s" % (len(message), message))
        for path, lines in tree.items():
            text = "\n".join(lines).encode()
            out.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(text), text))
    return b"".join(out)


def _git(folder: Path, *args: str, data: bytes = b"") -> bytes:
    return subprocess.run(["git", *args], cwd=folder, input=data, capture_output=True, check=True).stdout
