"""How long to look for a write whose answer did not come, and how far GitHub's lists lag behind its writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

# GitHub's lists lag its writes by about a second: bedevere waits one "to reach internal consistency".
DELAYS: Final = (0.5, 1.0, 2.0)
# What was written this long ago is in every list. In seconds.
LIST_LAG: Final = 4.0


@dataclass(frozen=True, slots=True)
class Settle:
    """Looks at growing intervals; `sleep` takes seconds."""

    delays: tuple[float, ...] = DELAYS
    sleep: Callable[[float], None] = time.sleep

    def looks(self) -> Iterator[None]:
        """Yield once per look, after its wait."""
        for delay in self.delays:
            self.sleep(delay)
            yield
