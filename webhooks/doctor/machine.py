"""Check this machine: git, the state folder and its disk, the policy file."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from reviewer.git.git import git_program
from reviewer.settings import MIB, Settings, organisation_policy
from webhooks.doctor.outcome import Outcome, broken, ok, warning

LEAST_GIT: Final = (2, 31)
# Under this nothing can be written for long: the ledger, a mirror, a work tree of one review.
LEAST_FREE: Final = 1024 * MIB
GIT_SECONDS: Final = 10


def check_git() -> Iterator[Outcome]:
    """Check that git is there and new enough."""
    done = subprocess.run(
        [git_program(), "--version"], capture_output=True, text=True, timeout=GIT_SECONDS, check=False
    )
    found = re.search(r"(\d{1,4})\.(\d{1,4})", done.stdout)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    least = ".".join(map(str, LEAST_GIT))
    if version < LEAST_GIT:
        said = done.stdout.strip() or f"git ended with status {done.returncode}"
        yield broken("git", said, f"Install git {least} or newer.")
    else:
        yield ok("git", done.stdout.strip())


def check_disk(settings: Settings) -> Iterator[Outcome]:
    """Check that the state folder can be written to, and that the mirrors fit on its disk."""
    folder = settings.state_dir
    remedy = "Set KILO_REVIEW_STATE_DIR to a folder that this user may write to."
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        free = shutil.disk_usage(folder).free
    except OSError as error:
        yield broken("disk", f"{folder} cannot be written to: {error.strerror or error}", remedy)
        return
    left = f"{free // MIB:,} MiB free for {folder}"
    missing = settings.mirror_limit - mirrors_size(folder / "mirrors") - free
    if free < LEAST_FREE:
        yield broken("disk", left, f"Make room: at least {LEAST_FREE // MIB:,} MiB are needed.")
    elif missing > 0:
        room = f"{settings.mirror_limit // MIB:,} MiB"
        yield warning(
            "disk", left, f"The mirrors may grow to {room}: make room, or lower KILO_REVIEW_MIRROR_LIMIT."
        )
    else:
        yield ok("disk", left)


def mirrors_size(folder: Path) -> int:
    """Return the bytes of the mirrors' files, 0 where there are none."""
    return sum(path.stat().st_size for path in folder.rglob("*.pack")) if folder.is_dir() else 0


def check_policy(settings: Settings) -> Iterator[Outcome]:
    """Check that the organisation's policy can be read."""
    organisation_policy(settings)
    yield ok("policy", str(settings.policy_file or "the shipped defaults"))
