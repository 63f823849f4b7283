"""What one check found: one line, and a remedy where something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from reviewer.errors import ConfigurationError, KiloReviewError


class State(StrEnum):
    """How a part is. A BROKEN one keeps reviews from happening, a WARNING does not."""

    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state of one part; `remedy` is a sentence, "" where nothing is to be done."""

    part: str
    state: State
    detail: str
    remedy: str = ""


def ok(part: str, detail: str) -> Outcome:
    """Return that a part is as it should be."""
    return Outcome(part, State.OK, detail)


def warning(part: str, detail: str, remedy: str) -> Outcome:
    """Return that a part works and should be changed."""
    return Outcome(part, State.WARNING, detail, remedy)


def broken(part: str, detail: str, remedy: str) -> Outcome:
    """Return that a part keeps reviews from happening."""
    return Outcome(part, State.BROKEN, detail, remedy)


def skipped(part: str, detail: str) -> Outcome:
    """Return that a part could not be looked at, because of another one."""
    return Outcome(part, State.SKIPPED, detail)


def of_error(part: str, error: KiloReviewError) -> Outcome:
    """Return an expected error as what is broken; a ConfigurationError brings its own remedy."""
    remedy = error.remedy if isinstance(error, ConfigurationError) else ""
    detail = str(error).removesuffix(remedy).strip() if remedy else str(error)
    return broken(part, " ".join(detail.split()), remedy)


def checked(part: str, check: Callable[[], Iterable[Outcome]]) -> Iterator[Outcome]:
    """Yield what a check finds; where it raises an expected error, that is what it found."""
    try:
        yield from check()
    except KiloReviewError as error:
        yield of_error(part, error)
