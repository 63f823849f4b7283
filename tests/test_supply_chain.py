"""What is installed is what was locked: every package by its hash, and none that runs code at every start."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path
from typing import Any

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
    for folder in {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}:
        assert [path.name for path in folder.glob("*.pth") if not OURS.fullmatch(path.name)] == []


def test_no_installed_distribution_lists_a_file_that_runs_at_every_start():
    # `sitecustomize` and `usercustomize` run like a .pth; a .pth of the list may be written later than the install.
    starts = re.compile(r"[^/]+\.pth|(?:site|user)customize(?:/__init__)?\.py")
    wrong = [
        (distribution.name, str(file))
        for distribution in metadata.distributions()
        for file in distribution.files or ()
        if starts.fullmatch(str(file)) and not OURS.fullmatch(file.name)
    ]
    assert wrong == []


def test_a_locked_package_is_named_once_and_by_no_address():
    for lock in LOCKS:
        text = lock.read_text("utf-8")
        names = re.findall(r"^([A-Za-z0-9][^=\s]*)==\S+( ; [^\\\n]+)?", text, re.MULTILINE)
        assert len(names) == len(set(names)), lock.name
        code = "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("#"))
        assert re.findall(r"https?://|git\+| @ |^-e|--index-url|--trusted-host", code, re.MULTILINE) == [], (
            lock.name
        )


# --- the bill of materials -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    done = subprocess.run([sys.executable, "tools/sbom.py"], cwd=ROOT, capture_output=True, check=True)
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded


def test_the_bill_names_every_locked_package_with_its_hashes(document: dict[str, Any]):
    lock = (ROOT / "requirements" / "runtime.lock").read_text("utf-8")
    locked = set(re.findall(r"^([A-Za-z0-9][^=\s]*)==(\S+)", lock, re.MULTILINE))
    assert {(part["name"], part["version"]) for part in document["components"]} == locked
    assert len(locked) > 50
    digests = [
        row["content"]
        for part in document["components"]
        for reference in part["externalReferences"]
        for row in reference["hashes"]
    ]
    assert sorted(digests) == sorted(re.findall(r"--hash=sha256:([0-9a-f]{64})", lock))
    assert all(part["externalReferences"][0]["hashes"] for part in document["components"])


def test_the_bill_has_the_form_that_cyclonedx_asks_for(document: dict[str, Any]):
    """The required fields of the 1.6 schema, unique references, and no reference to what is not there."""
    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", document["serialNumber"])
    references = [part["bom-ref"] for part in document["components"]]
    assert len(references) == len(set(references))
    for part in document["components"]:
        assert part["type"] == "library"
        assert re.fullmatch(r"pkg:pypi/[a-z0-9._-]+@[A-Za-z0-9.+!-]+", part["purl"])
        for licence in part.get("licenses", ()):
            assert set(licence) in ({"expression"}, {"license"})
    known = {*references, "kilo-review"}
    for row in document["dependencies"]:
        assert {row["ref"], *row["dependsOn"]} <= known
    direct = next(row for row in document["dependencies"] if row["ref"] == "kilo-review")["dependsOn"]
    assert any(reference.startswith("pkg:pypi/flask@") for reference in direct)
    below = {reference for row in document["dependencies"] for reference in row["dependsOn"]}
    assert set(references) <= below


def test_the_same_lock_gives_the_same_bill(document: dict[str, Any]):
    again = subprocess.run([sys.executable, "tools/sbom.py"], cwd=ROOT, capture_output=True, check=True)
    assert json.loads(again.stdout) == document
