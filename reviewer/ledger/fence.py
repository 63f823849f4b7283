"""Fence: a worker's writes name the fencing token of its lease, so that one that lost its lease writes nothing."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, bindparam, select, update

from reviewer.errors import LeaseLost
from reviewer.ledger.keys import UNFINISHED, Lease
from reviewer.ledger.tables import reviews as t

# Built once: building a statement costs more than running it.
_FENCE: Final = select(t.c.fence).where(t.c.id == bindparam("review"), t.c.state.in_(UNFINISHED))


def write_fenced(connection: Connection, lease: Lease, **values: Any) -> str:
    """Write to a review's row under its fence and return its state; LeaseLost where the fence has moved."""
    state = connection.execute(
        update(t)
        .where(t.c.id == lease.review_id, t.c.fence == lease.fence, t.c.state.in_(UNFINISHED))
        .values(**values)
        .returning(t.c.state)
    ).scalar()
    if state is None:
        raise LeaseLost(
            f"review {lease.review_id} is not this worker's any more (fence {lease.fence}): it was taken over, "
            "superseded or finished"
        )
    return str(state)


def check_fence(connection: Connection, lease: Lease) -> None:
    """Raise LeaseLost where the fence has moved: then no further call may be paid for."""
    if connection.execute(_FENCE, {"review": lease.review_id}).scalar() != lease.fence:
        raise LeaseLost(f"review {lease.review_id} is not this worker's any more: no further call is paid for")
