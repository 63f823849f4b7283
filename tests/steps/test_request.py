"""What the pipeline is asked with."""

from __future__ import annotations

from reviewer.steps.request import ReviewRequest
from tests.steps.parts import change


def test_a_request_that_says_nothing_more_is_public_and_leaves_the_strategy_to_policy() -> None:
    request = ReviewRequest(change())
    assert not request.private
    assert request.strategy is None
    assert (request.labels, request.earlier, request.untouched, request.notices) == ((), (), (), ())
