"""A folder of packages such as a base installation has: links to those of this environment, without any extra."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent


def distributions(extras: Iterable[str] = ()) -> dict[str, metadata.Distribution]:
    """Return what kilo-review with these extras needs, itself included, by canonical name."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [("kilo-review", extra) for extra in ("", *extras)]
    seen: set[tuple[str, str]] = set()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        found[name] = metadata.distribution(name)
        for line in found[name].requires or ():
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
                waiting += [(canonicalize_name(wanted.name), more) for more in ("", *wanted.extras)]
    return found


def base_site(folder: Path, extras: Iterable[str] = ()) -> Path:
    """Fill a folder with links to the packages of a base installation, and to our own sources."""
    folder.mkdir()
    for distribution in distributions(extras).values():
        tops = {Path(str(file)).parts[0] for file in distribution.files or ()}
        for top in tops - {"..", "__pycache__"}:
            if not top.endswith(".pth"):
                _link(folder / top, Path(str(distribution.locate_file(top))))
    for name in ("kilo_review.py", "reviewer", "webhooks", "policies"):
        _link(folder / name, ROOT / name)
    return folder


def command(*words: str) -> list[str]:
    """Return the command line of the program with the packages of PYTHONPATH alone."""
    return [sys.executable, "-S", "-m", "kilo_review", *words]


def _link(link: Path, target: Path) -> None:
    if not link.exists():
        link.symlink_to(target)
