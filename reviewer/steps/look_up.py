"""Answer what a model asks to see before it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from policies.policy import Policy
from reviewer.context.lookup import LookUps
from reviewer.context.lookup_request import LookupRequest
from reviewer.context.model import ContextItem
from reviewer.findings.parse import Parsed
from reviewer.git.snapshot import Snapshot
from reviewer.steps.unit_state import UnitState


def look_ups_at(head: Snapshot | None) -> Callable[[Sequence[LookupRequest]], tuple[ContextItem, ...]]:
    """Return what answers the look-ups of one unit; without a commit to read, nothing is shown."""
    return LookUps(head).answer_all if head is not None else lambda _requests: ()


def wants_look_up(parsed: Parsed, state: UnitState, policy: Policy) -> bool:
    """Tell whether an answer asks to see more and policy allows it; note where policy does not."""
    if not parsed.lookups or parsed.failed is not None:
        return False
    if state.lookup_rounds < policy.lookups:
        return True
    state.notices.append(f"a model asked for more context than review.lookups = {policy.lookups} allows")
    return False
