"""Imports: which files of a tree the imports of a file can mean, in any language, by the tail of their paths.

A resolver per language would need build files, module roots and search paths that a bare commit may not have.
The tails are enough to rank: `from werkzeug.utils import x`, `use crate::utils`, `import io.undertow.Undertow`,
`#include "SDL_hidapi.h"` and `import "gofr.dev/pkg/gofr"` each end as the path of what they mean ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_STATEMENT: Final = re.compile(
    r"""^\s* (?: import\b | from\b | use\b | using\b | \#\s*include\b | require\b | require_relative\b | package\b
        | export\b .* \bfrom\b | (?: const | let | var )\b .* \brequire\( | \} \s* from\b | pub\s+use\b | extern\b
        | (?: [\w.]+ \s+ )? "[\w./@-]+" $ )""",
    re.VERBOSE,
)
_PATH: Final = re.compile(r"[\w@$-]+(?:(?:\.\.?/|/|\.|::|\\)[\w@$*{-]+)*|\.{1,2}(?:/[\w@$.-]+)+|(?<!\.)\.+\w[\w.]*")
_SPLIT: Final = re.compile(r"[./\\]+|::")
_INDEX: Final = frozenset(("index", "__init__", "mod", "lib", "main"))
SCAN_LINES: Final = 4000


class Imports:
    """What a file imports: the tails of paths, and the names that it brings in."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.names: set[str] = set()
        self._known: dict[str, float] = {}
        self._tails: dict[str, set[tuple[str, ...]]] = {}
        grouped = False
        for number, line in enumerate(lines):
            if number > SCAN_LINES:
                break
            if grouped or _STATEMENT.match(line):
                self._statement(line)
                # `import (` in Go, `import {` in TypeScript and `from x import (` in Python go on.
                opened = line.rstrip().endswith(("(", "{", ",", "\\"))
                grouped = opened or (grouped and not line.strip().startswith((")", "}")) and line.strip() != "")

    def _statement(self, line: str) -> None:
        for found in _PATH.findall(line):
            parts = tuple(part for part in _SPLIT.split(found) if part and part not in ("*", "crate", "super"))
            if not parts:
                continue
            self.names.add(parts[-1])
            self._tails.setdefault(parts[-1], set()).add(parts)
            if len(parts) > 1:
                # The last part may be a name in the module, a suffix (`foo.h`) or the module itself.
                self._tails.setdefault(parts[-2], set()).add(parts[:-1])

    def strength(self, path: str) -> float:
        """Return how well an import fits a file: 0 for none, then 1 for one shared part up to 3 for three."""
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = max((self._fit(parts) for parts in _readings(path)), default=0.0)
        return known

    def _fit(self, parts: tuple[str, ...]) -> float:
        best = 0
        for tail in self._tails.get(parts[-1], ()):
            same = 0
            for mine, theirs in zip(reversed(parts), reversed(tail), strict=False):
                if mine != theirs:
                    break
                same += 1
            best = max(best, same)
        return min(3.0, float(best))


def _readings(path: str) -> list[tuple[str, ...]]:
    """Return what an import can call a file: by its name, or (a package, a Go import) by its folder."""
    *parts, name = path.split("/")
    folder, stem = tuple(parts), name.partition(".")[0]
    readings = [(*folder, stem)]
    if folder and (stem in _INDEX or name.endswith(".go")):
        readings.append(folder)
    return readings
