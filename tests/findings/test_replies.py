"""What a person's reply says of a finding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.findings.replies import Stance, stance_of

REJECTING = (
    "This is by design: callers hold the lock.",
    "False positive, `count` is validated in parse().",
    "Won't fix, the table has three rows.",
    "That can't happen, the constructor refuses zero.",
    "This isn't a bug, the list is never empty here.",
    "Not relevant for a script that runs once.",
    "It is already checked above.",
    "The input is escaped by the template.",
    "I disagree. The driver does this itself.",
    "> Division by zero for an empty order\n\nIntended: an empty order is a bug of the caller.",
)
TALKING = (
    "",
    "no",
    "Good catch, but is it already handled upstream",
    "Is this by design?",
    "Why is that a problem?",
    "This is not intended, I will look.",
    "Hmm, this was hardly by design.",
    "Maybe a false positive, not sure.",
    "> this is by design",
    "```\nthis is by design\n```",
    "The variable `by_design` is set elsewhere.",
    "Can you say where it is checked?",
    "What if it can't happen here",
)

AGREEING = (
    "Fixed in the next commit.",
    "You are right, this is not intended.",
    "Good catch!",
    "Will fix.",
)
HALF = ("Good catch, but this is by design.", "This is not fixed.", "Todo, later.", "Agreed?", "Fixed, maybe.")


@pytest.mark.parametrize("reply", AGREEING)
def test_a_reply_that_plainly_agrees_accepts_the_finding(reply: str) -> None:
    assert stance_of(reply) is Stance.AGREES


@pytest.mark.parametrize("reply", HALF)
def test_half_an_agreement_is_talk(reply: str) -> None:
    assert stance_of(reply) is Stance.TALKS


@pytest.mark.parametrize("reply", REJECTING)
def test_a_reply_that_says_why_not_rejects_the_finding(reply: str) -> None:
    assert stance_of(reply) is Stance.REJECTS


@pytest.mark.parametrize("reply", TALKING)
def test_everything_else_is_talk(reply: str) -> None:
    assert stance_of(reply) is Stance.TALKS


@given(st.sampled_from(REJECTING), st.text(max_size=40).filter(lambda text: "\n" not in text))
def test_what_is_quoted_counts_for_nothing(words: str, more: str) -> None:
    quoted = "\n".join(f"> {line}" for line in f"{words} {more}".split("\n"))
    assert stance_of(quoted) is Stance.TALKS


@given(st.text(max_size=300))
def test_any_text_has_a_stance(reply: str) -> None:
    assert stance_of(reply) in Stance
