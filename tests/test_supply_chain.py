"""What is installed is what was locked: every package by its hash, and none that runs code at every start."""

from __future__ import annotations

import re
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
# The project's own editable install, and setuptools' shim where a Python brings it.
OURS = re.compile(r"_?kilo_review.*\.pth|__editable__.*\.pth|_editable_.*\.pth|distutils-precedence\.pth")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_locked_package_has_a_version_and_a_hash(lock: Path):
    entries = re.split(r"\n(?=[A-Za-z0-9])", lock.read_text("utf-8").strip())
    packages = [entry for entry in entries if re.match(r"[A-Za-z0-9]", entry)]
    assert packages
    assert [entry.split("\n")[0] for entry in packages if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_litellm_is_in_no_lock_file():
    assert [lock.name for lock in LOCKS if re.search(r"^litellm\b", lock.read_text("utf-8"), re.MULTILINE)] == []


def test_no_package_brings_code_that_runs_at_every_start_of_python():
    folder = Path(sysconfig.get_path("purelib"))
    assert [path.name for path in folder.glob("*.pth") if not OURS.fullmatch(path.name)] == []
