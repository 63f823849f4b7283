"""What a repository wants said of every change, in plain language: "every migration has a down step"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from policies.globs import check_glob, matching

MAX_NAME: Final = 60
MAX_TEXT: Final = 500
# More of them in one question and a model loses sight of some.
MAX_CHECKS: Final = 20
CHECK_KEYS: Final = ("name", "text", "paths", "gate")


@dataclass(frozen=True, slots=True)
class PlainCheck:
    """One statement that is to hold for a change; `paths` are the files that it is about, all where there are none.

    With `gate` it decides the check run: not met fails it, and one whose answer is not visible keeps it from green.
    """

    name: str
    text: str
    paths: tuple[str, ...] = ()
    gate: bool = False

    def concerns(self, path: str) -> bool:
        """Tell whether a changed file is one that the statement is about."""
        return not self.paths or matching(path, self.paths) is not None


def plain_checks(value: object) -> tuple[PlainCheck, ...]:
    """Read `[[checks]]` tables; ValueError says what is allowed."""
    if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
        raise ValueError('must be written as [[checks]] tables with name = "…" and text = "…"')
    if len(value) > MAX_CHECKS:
        raise ValueError(f"has {len(value)} entries; at most {MAX_CHECKS}")
    checks = tuple(_plain_check(row, f"[{index}]") for index, row in enumerate(value))
    names = [check.name for check in checks]
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        raise ValueError(f"has two checks named {twice!r}; give each a name of its own")
    return checks


def _plain_check(row: Mapping[str, object], where: str) -> PlainCheck:
    unknown = next((key for key in row if key not in CHECK_KEYS), "")
    if unknown:
        raise ValueError(f"{where}.{unknown[:60]} is not a key of a check: {', '.join(CHECK_KEYS)}")
    gate, paths = row.get("gate", False), row.get("paths", [])
    if not isinstance(gate, bool):
        raise ValueError(f"{where}.gate must be true or false")  # noqa: TRY004 - a value of a file
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise ValueError(f'{where}.paths must be a list of path patterns, such as ["migrations/**"]')
    return PlainCheck(
        _words(row, "name", MAX_NAME, where),
        _words(row, "text", MAX_TEXT, where),
        tuple(check_glob(path) for path in paths),
        gate,
    )


def _words(row: Mapping[str, object], key: str, most: int, where: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip() or len(value) > most:
        raise ValueError(f"{where}.{key} must be a text of 1 to {most} characters")
    return " ".join(value.split())


def together(old: tuple[PlainCheck, ...], new: tuple[PlainCheck, ...]) -> tuple[PlainCheck, ...]:
    """Put the organisation's checks after what is shipped."""
    return (*old, *new)


def added(
    old: Sequence[PlainCheck], new: Sequence[PlainCheck], _policy: object
) -> tuple[tuple[PlainCheck, ...], str]:
    """Add a repository's checks to its organisation's: none of those can be taken away or said otherwise."""
    names = {check.name for check in old}
    taken = [check.name for check in new if check.name in names]
    room = MAX_CHECKS - len(old)
    kept = [check for check in new if check.name not in names]
    why = f"without {', '.join(taken)}: the organisation's policy has a check of that name" if taken else ""
    if len(kept) > room:
        why = f"has more checks than fit beside the organisation's: at most {MAX_CHECKS} together"
    return (*old, *kept[:room]), why
