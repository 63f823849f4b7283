"""What the steps before merging gave."""

from __future__ import annotations

from reviewer.steps.outputs import StepOutputs
from reviewer.steps.verify import Verified


def test_a_review_that_asked_nothing_has_no_outputs() -> None:
    empty = StepOutputs()
    assert (empty.answers, empty.verified, empty.evidence.findings, empty.limits) == ((), Verified(), (), ())
