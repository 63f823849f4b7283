"""What follows a fault: the same model again, the next one, or nothing."""

from __future__ import annotations

import random
from enum import StrEnum
from typing import Final

from reviewer.models.faults import FaultKind, ProviderFault

# HTTP attempts of one question, fail-overs included.
MAX_ATTEMPTS: Final = 3
# A longer `retry-after` is not slept through: the job comes back later, with its worker slot free in between.
MAX_WAIT_SECONDS: Final = 30.0
FIRST_PAUSE_SECONDS: Final = 1.0


class Next(StrEnum):
    """The three next steps."""

    SAME = "same"
    OTHER = "other"
    SIMPLER = "simpler"


def next_step(fault: ProviderFault, *, tries: int, others: bool, simpler: bool) -> Next:
    """Decide after the `tries`-th fault of a model. `others` says that another model could answer.

    A rate limit or a hang goes to another model at once where there is one, since waiting does not help; a passing
    hiccup is tried once more in place, since the provider's cache of the prompt is there.
    """
    if fault.kind is FaultKind.UNSUPPORTED and simpler:
        return Next.SIMPLER
    if not fault.passing:
        return Next.OTHER
    if fault.kind is FaultKind.RATE_LIMITED:
        too_long = fault.retry_after is not None and fault.retry_after > MAX_WAIT_SECONDS
        return Next.OTHER if others or too_long else Next.SAME
    if others and (fault.kind is FaultKind.TIMEOUT or tries > 1):
        return Next.OTHER
    too_long = fault.retry_after is not None and fault.retry_after > MAX_WAIT_SECONDS
    return Next.OTHER if too_long else Next.SAME


def pause(fault: ProviderFault, *, tries: int, rng: random.Random) -> float:
    """Return the seconds to wait before the same model is asked again.

    `retry-after` is a floor, spread upwards so that workers do not come back together; without it the pause doubles
    and is jittered over its whole length (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter).
    """
    if fault.retry_after is not None:
        return fault.retry_after * (1 + 0.1 * rng.random())
    ceiling = min(MAX_WAIT_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** (tries - 1))
    return float(ceiling * (0.5 + 0.5 * rng.random()))
