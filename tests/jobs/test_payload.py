"""The job payload: what is written is what is read, and what an older version wrote can still be read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.words import Strategy
from reviewer.jobs.payload import JobPayload, Work

WORDS = st.text(max_size=20)
IDS = st.integers(0, 2**63 - 1)
PAYLOADS = st.builds(
    JobPayload,
    repository=st.just("octo/shop"),
    verb=st.sampled_from(Work),
    event=WORDS,
    delivery=WORDS,
    problem=WORDS,
    strategy=st.sampled_from(["", *(strategy.value for strategy in Strategy)]),
    model=WORDS,
    comment_id=IDS,
    actor_id=IDS,
    updated_at=WORDS,
)


@given(PAYLOADS)
def test_what_is_written_is_read(payload: JobPayload) -> None:
    assert JobPayload.from_json(json.loads(json.dumps(payload.to_json()))) == payload


def test_a_payload_of_an_older_version_is_a_review() -> None:
    old = JobPayload.from_json({"repository": "octo/shop", "verb": "", "comment_id": "7", "more": 1})
    assert (old.verb, old.comment_id, old.chosen_strategy) == (Work.REVIEW, 0, None)


@pytest.mark.parametrize("row", [{}, {"repository": 3}, {"repository": ""}, {"repository": "a/b", "verb": "dance"}])
def test_what_is_no_payload_is_refused(row: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"payload|Work"):
        JobPayload.from_json(row)
