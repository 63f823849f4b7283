from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.models.error_body import parse_error
from reviewer.models.faults import FaultKind, ProviderFault, fault_of_answer, one_line, retry_after_seconds
from reviewer.models.retry import MAX_WAIT_SECONDS, Next, next_step, pause

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


SENT = {
    "max_tokens": 8192,
    "temperature": 0.2,
    "stream": True,
    "stream_options": {"include_usage": True},
    "response_format": {"type": "json_schema", "json_schema": {"strict": True}},
    "messages": [{"role": "system", "content": "x"}],
}


def fault(kind: FaultKind, retry_after: float | None = None) -> ProviderFault:
    return ProviderFault(kind, "x", retry_after=retry_after)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "3"}, 0.25),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "9" * 400}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "detail", "kind"),
    [
        (301, "", FaultKind.REDIRECT),
        (307, "", FaultKind.REDIRECT),
        (429, "slow down", FaultKind.RATE_LIMITED),
        (429, "insufficient_quota: check your plan", FaultKind.POLICY),
        (400, "Your credit balance is too low", FaultKind.POLICY),
        (402, "", FaultKind.POLICY),
        (403, "", FaultKind.POLICY),
        (401, "", FaultKind.KEY_REFUSED),
        (404, "", FaultKind.NOT_FOUND),
        (413, "", FaultKind.TOO_LONG),
        (400, "This model's maximum context length is 8192 tokens", FaultKind.TOO_LONG),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", FaultKind.TOO_LONG),
        (400, "the request exceeds the available context size", FaultKind.TOO_LONG),
        (400, "Invalid parameter: 'response_format' of type 'json_schema'", FaultKind.UNSUPPORTED),
        (400, "output_config: Extra inputs are not permitted", FaultKind.UNSUPPORTED),
        (422, "messages: wrong", FaultKind.BAD_REQUEST),
        (400, "API key not valid. Please pass a valid API key.", FaultKind.KEY_REFUSED),
        (404, "No endpoints found that support structured outputs (response_format)", FaultKind.UNSUPPORTED),
        (404, "The model `stream-1` does not exist", FaultKind.NOT_FOUND),
        (500, "this server does not support json_schema", FaultKind.UNSUPPORTED),
        (504, "", FaultKind.TIMEOUT),
        (524, "", FaultKind.TIMEOUT),
        (500, "", FaultKind.OVERLOADED),
        (502, "<html>", FaultKind.OVERLOADED),
        (529, "", FaultKind.OVERLOADED),
        (408, "", FaultKind.OVERLOADED),
    ],
)
def test_an_answer_that_is_no_answer_is_sorted_by_what_it_means(status: int, detail: str, kind: FaultKind) -> None:
    found = fault_of_answer(status, {}, parse_error(detail), NOW, SENT)
    assert found.kind is kind
    assert str(status) in str(found)


@pytest.mark.parametrize(
    ("kind", "retry_after", "tries", "others", "step"),
    [
        (FaultKind.RATE_LIMITED, None, 1, True, Next.OTHER),
        (FaultKind.RATE_LIMITED, 5, 1, False, Next.SAME),
        (FaultKind.RATE_LIMITED, 3600, 1, False, Next.OTHER),
        (FaultKind.TIMEOUT, None, 1, True, Next.OTHER),
        (FaultKind.TIMEOUT, None, 1, False, Next.SAME),
        (FaultKind.OVERLOADED, None, 1, True, Next.SAME),
        (FaultKind.OVERLOADED, None, 2, True, Next.OTHER),
        (FaultKind.OVERLOADED, 3600, 1, False, Next.OTHER),
        (FaultKind.CUT, None, 1, True, Next.SAME),
        (FaultKind.POLICY, None, 1, True, Next.OTHER),
        (FaultKind.KEY_REFUSED, None, 1, False, Next.OTHER),
        (FaultKind.TOO_LARGE, None, 1, False, Next.OTHER),
    ],
)
def test_the_next_step_follows_from_the_fault(
    kind: FaultKind, retry_after: float | None, tries: int, others: bool, step: Next
) -> None:
    assert next_step(fault(kind, retry_after), tries=tries, others=others, simpler=True) is step


def test_a_part_that_is_not_supported_is_left_out_while_there_is_a_simpler_way() -> None:
    unsupported = fault(FaultKind.UNSUPPORTED)
    assert next_step(unsupported, tries=1, others=True, simpler=True) is Next.SIMPLER
    assert next_step(unsupported, tries=1, others=True, simpler=False) is Next.OTHER


@given(st.integers(1, 6), st.integers(), st.none() | st.floats(0, MAX_WAIT_SECONDS))
def test_a_pause_is_never_under_retry_after_and_never_much_over_its_limit(
    tries: int, seed: int, retry_after: float | None
) -> None:
    seconds = pause(fault(FaultKind.OVERLOADED, retry_after), tries=tries, rng=random.Random(seed))
    assert seconds >= (retry_after or 0)
    assert seconds <= MAX_WAIT_SECONDS * 1.1


@given(st.text())
def test_an_error_fits_on_one_line(text: str) -> None:
    line = one_line(text)
    assert len(line) <= 200
    assert len(line.splitlines()) <= 1
