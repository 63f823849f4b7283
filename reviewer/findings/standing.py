"""Whether the code of an earlier finding still stands in the change, and whether it was mended. Pure."""

from __future__ import annotations

from reviewer.findings.code import ChangedCode, Place
from reviewer.findings.earlier import EarlierFinding


def places_of(old: EarlierFinding, code: ChangedCode) -> tuple[Place, ...]:
    """Return where the code of an earlier finding stands: in its file, else, where that is gone, in any other."""
    if not old.quote:
        return ()
    return code.find(old.quote, {old.path} if old.path in code.paths else None)


def stands_still(old: EarlierFinding, code: ChangedCode) -> bool:
    """Tell whether an earlier finding's code and all around it is as it was; where it is not known, it is not."""
    return any(not old.nearby or code.nearby(place) == old.nearby for place in places_of(old, code))
