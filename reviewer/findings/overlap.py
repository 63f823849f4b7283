"""Lines around the replaced ones that a suggestion says again: committed, they would stand twice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reviewer.change.quotes import squeeze

# A line of closing brackets or the word that closes a block: it may be said again on purpose.
_CLOSER = re.compile(r"[\W_]*|\s*(?:end|fi|done|esac|pass|else|endif|then|do|break|continue)\b\W*|\s*</\w+>\s*")


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The lines above and below those that are replaced, as far as they are known, in the order of the file."""

    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()


def trimmed(new: Sequence[str], old: Sequence[str], around: Neighbours) -> Iterator[list[str]]:
    """Return the lines without those that repeat their neighbours, and as they are where that may be meant.

    A statement said again is never meant. Of a closing line it cannot be told by its text; one that is indented
    less than all that is replaced closes what was opened above, and so does the line below it.
    """
    above = _repeated_above(new, old, around.above)
    below = _repeated_below(new[above:], old, around.below)
    kept = list(new[above : len(new) - below])
    if not above and not below:
        yield kept
        return
    dropped = [*new[:above], *new[len(new) - below :]]
    meant = all(_CLOSER.fullmatch(line) for line in dropped) and not _closes_outside(dropped, old)
    yield from (list(new), kept) if meant else (kept,)


def _repeated_above(new: Sequence[str], old: Sequence[str], above: Sequence[str]) -> int:
    """Return how many of the first lines are those directly above."""
    most = min(len(new) - 1, len(above))
    counts = range(most, 0, -1)
    return next((count for count in counts if _repeats(new[:count], above[len(above) - count :], old)), 0)


def _repeated_below(new: Sequence[str], old: Sequence[str], below: Sequence[str]) -> int:
    """Return how many of the last lines are those directly below."""
    most = min(len(new) - 1, len(below))
    counts = range(most, 0, -1)
    return next((count for count in counts if _repeats(new[len(new) - count :], below[:count], old)), 0)


def _repeats(said: Sequence[str], there: Sequence[str], old: Sequence[str]) -> bool:
    """Tell whether lines repeat others; what is among the replaced lines too may be kept on purpose."""
    texts = [squeeze(line) for line in said]
    replaced = {squeeze(line) for line in old if line.strip()}
    return texts == [squeeze(line) for line in there] and any(texts) and not replaced.intersection(texts)


def _closes_outside(dropped: Sequence[str], old: Sequence[str]) -> bool:
    inner = min((_width(line) for line in old if line.strip()), default=0)
    return any(line.strip() and _width(line) < inner for line in dropped)


def _width(line: str) -> int:
    return len(line) - len(line.lstrip())
