"""Gates: how many reviews of one process may be in a step at a time."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Gates:
    """Entered around preparing and planning, and around the analysers; open to all by default.

    `crowded` says that other reviews run in this process: what was read to plan is dropped before the wait for the
    models, and read again where it is asked for.
    """

    planning: AbstractContextManager[object] = field(default_factory=nullcontext)
    analysing: AbstractContextManager[object] = field(default_factory=nullcontext)
    crowded: bool = False
