"""Changed files laid out for an analyser, and the process it runs in: no secret, no configuration, a time limit."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from reviewer.errors import PathRefused

# A repository's own settings for the analysers of a language: never laid out for them, whatever flags a tool has to
# ignore them. None of these is code that they would judge.
CONFIGURATION: Final = frozenset(
    {
        ".bandit",
        ".eslintignore",
        ".eslintrc.cjs",
        ".eslintrc.js",
        ".gitignore",
        ".gitleaks.toml",
        ".gitleaksignore",
        ".hadolint.yaml",
        ".hadolint.yml",
        ".ruff.toml",
        ".shellcheckrc",
        ".squawk.toml",
        "bandit.yaml",
        "bandit.yml",
        "eslint.config.js",
        "eslint.config.mjs",
        "eslint.config.ts",
        "hadolint.yaml",
        "oxlint.config.ts",
        "pyproject.toml",
        "ruff.toml",
        "setup.cfg",
        "sgconfig.yaml",
        "sgconfig.yml",
        "shellcheckrc",
        "tox.ini",
        "zizmor.yaml",
        "zizmor.yml",
    }
)
_STEERS_GITLEAKS: Final = (".gitleaks.toml", ".gitleaksignore")
# Comments by which a file silences an analyser that has no flag against it. The copy that is analysed bears as many
# other letters in their place, so that places stay what they are.
_SILENCERS: Final = re.compile(
    rb"(?i)ast-grep-ignore|(?:eslint|oxlint)-(?:disable|enable)|squawk-ignore|shellcheck(?=[ \t]+[^\n]*disable)"
)
FILE_LIMIT: Final = 1024 * 1024
TOTAL_LIMIT: Final = 64 * 1024 * 1024
OUTPUT_LIMIT: Final = 32 * 1024 * 1024
TIME_LIMIT: Final = 60.0
NICE: Final = 10


@dataclass(frozen=True, slots=True)
class Ran:
    """What a process left behind; `timed_out` where the time limit ended it."""

    status: int
    output: bytes
    complaint: str
    timed_out: bool


def is_configuration(path: str) -> bool:
    """Tell whether a file could steer an analyser of a language; a workflow may have any name."""
    folder, _, name = path.rpartition("/")
    return name in CONFIGURATION and not folder.endswith(".github/workflows")


def without_silencers(data: bytes) -> bytes:
    """Return a file with every comment that would silence an analyser made void, in the same number of bytes."""
    return _SILENCERS.sub(lambda match: b"x" * len(match.group()), data)


def lay_out(files: Mapping[str, bytes], folder: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """Write files below a folder; return the name of each there -> its path, and those left out for size or name.

    What steers the search for secrets (`.gitleaks.toml`, `.gitleaksignore`) is laid out under another name, so that
    it is searched and not obeyed.

    Raises PathRefused for a path that would leave the folder: a tree of git cannot hold one, a crafted diff can.
    """
    written: dict[str, str] = {}
    left: list[str] = []
    total = 0
    for path, data in sorted(files.items()):
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or "\0" in path or not pure.parts:
            raise PathRefused(f"{path!r} leads out of the tree", rule="path-outside")
        too_large = len(data) > FILE_LIMIT or total + len(data) > TOTAL_LIMIT
        if too_large:
            left.append(path)
            continue
        if pure.name in _STEERS_GITLEAKS:
            pure = pure.with_name(pure.name.replace(".", "_"))
            if pure.as_posix() in files:
                left.append(path)
                continue
        target = folder.joinpath(*pure.parts)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        except OSError:
            # A name that this file system cannot hold (length, a file where a folder should be).
            left.append(path)
            continue
        total += len(data)
        written[pure.as_posix()] = path
    return written, tuple(left)


def execute(command: Sequence[str], *, cwd: Path, home: Path, seconds: float = TIME_LIMIT) -> Ran:
    """Run a program of ours with an environment of its own and a hard time limit on its process group.

    Nothing of this process's environment is passed on: an analyser with a hole must find no key.
    """
    out, err = home / "stdout", home / "stderr"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            list(command),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env={"PATH": os.defpath, "HOME": str(home), "TMPDIR": str(home), "LC_ALL": "C.UTF-8", "NO_COLOR": "1"},
            start_new_session=True,
        )
        # The model's answer is what a review waits for: an analyser takes what is left of the processor.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
        timed_out = False
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            timed_out, status = True, -signal.SIGKILL
        finally:
            _kill_group(process)
    with out.open("rb") as stream:
        output = stream.read(OUTPUT_LIMIT)
    with err.open("rb") as stream:
        complaint = stream.read(2000).decode("utf-8", "replace").strip()
    return Ran(status, output, complaint.splitlines()[-1] if complaint else "", timed_out)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def beside_python(name: str) -> Path | None:
    """Return a program of this environment's own bin folder: never whatever PATH or a repository offers."""
    path = Path(sys.executable).parent / name
    return path if path.is_file() else None
