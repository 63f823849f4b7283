"""How far a review is."""

from __future__ import annotations

from decimal import Decimal

from reviewer.models.model import Usage
from reviewer.steps.progress import Progress


def test_a_stage_that_begins_has_done_and_spent_nothing() -> None:
    begun = Progress("scope")
    assert (begun.done, begun.total, begun.usage, begun.cost) == (0, 0, Usage(), Decimal(0))
