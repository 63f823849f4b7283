"""Write a CycloneDX bill of materials from a lock file: every package with its version, hashes and licence.

Usage: python tools/sbom.py [requirements/runtime.lock]. The licences are those of the installed packages.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

ROOT = Path(__file__).resolve().parent.parent
ENTRY = re.compile(
    r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\\n]+?))?\s*\\?$",
    re.MULTILINE,
)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
VIA = re.compile(r"^    # (?:via |  )(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)", re.MULTILINE)


def bill(lock: str, *, version: str) -> dict[str, Any]:
    """Return the CycloneDX 1.6 document of a lock file's text. The same lock gives the same document."""
    starts = [*ENTRY.finditer(lock)]
    ends = [entry.start() for entry in starts[1:]] + [len(lock)]
    texts = [lock[entry.start() : end] for entry, end in zip(starts, ends, strict=bool(starts))]
    parts = [_component(entry, text) for entry, text in zip(starts, texts, strict=True)]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, version + lock)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "kilo-review",
                "name": "kilo-review",
                "version": version,
                "purl": f"pkg:pypi/kilo-review@{version}",
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": parts,
        "dependencies": _dependencies(starts, texts),
    }


def _component(entry: re.Match[str], text: str) -> dict[str, Any]:
    name, version = entry["name"].lower(), entry["version"]
    part: dict[str, Any] = {
        "type": "library",
        "bom-ref": _reference(entry),
        "name": name,
        "version": version,
        "purl": _reference(entry),
        "externalReferences": [
            {
                "type": "distribution",
                "url": f"https://pypi.org/project/{name}/{version}/",
                # One for each file of the release that may be installed.
                "hashes": [{"alg": "SHA-256", "content": digest} for digest in HASH.findall(text)],
            }
        ],
    }
    if entry["marker"]:
        part["properties"] = [{"name": "kilo-review:environment", "value": entry["marker"]}]
    if licences := _licences(name):
        part["licenses"] = licences
    return part


def _dependencies(starts: list[re.Match[str]], texts: list[str]) -> list[dict[str, Any]]:
    known = {entry["name"].lower(): _reference(entry) for entry in starts}
    needs: dict[str, set[str]] = {"kilo-review": set(), **{reference: set() for reference in known.values()}}
    for entry, text in zip(starts, texts, strict=True):
        for via in VIA.finditer(text):
            needs[known.get(via["name"].lower(), "kilo-review")].add(_reference(entry))
    return [{"ref": reference, "dependsOn": sorted(below)} for reference, below in needs.items()]


def _reference(entry: re.Match[str]) -> str:
    return f"pkg:pypi/{entry['name'].lower()}@{entry['version']}"


def _licences(name: str) -> list[dict[str, Any]]:
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return []
    if expression := about.get_all("License-Expression"):
        return [{"expression": expression[0]}]
    lines = [line for line in about.get_all("Classifier") or () if line.startswith("License :: ")]
    return [{"license": {"name": line.rpartition(" :: ")[2]}} for line in lines]


def main(arguments: list[str]) -> int:
    """Print the bill of a lock file."""
    lock = Path(arguments[0]) if arguments else ROOT / "requirements" / "runtime.lock"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    json.dump(bill(lock.read_text("utf-8"), version=project["version"]), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
