"""What a trial's requests cost is told by stage, at list price and with the cache of the provider."""

from __future__ import annotations

from typing import Any

from bench.trial import PLAIN
from bench.trial_tokens import common_length, count
from reviewer.context.tokens import count_tokens
from reviewer.prompts.build import Round, continued_prompt
from reviewer.prompts.verification import SYSTEM
from tests.steps.parts import plan_of


def body(system: str, user: str) -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": system}, {"role": "user", "content": user}]}


def test_a_look_up_round_reads_the_question_before_it_at_a_tenth() -> None:
    question = "the code of a change " * 600
    plan = plan_of()
    more = continued_prompt(plan.prompt, (Round("{}", ()),)).more
    bodies = [body("instructions", question), body("instructions", f"{question}\n\n{more}")]
    calls, tokens, cached = count(bodies)
    assert calls == {"first": 1, "look-up": 1}
    first = count_tokens(f"instructions\n\n{question}")
    assert tokens["first"] == cached["first"] == first
    assert abs(cached["look-up"] - (tokens["look-up"] - 0.9 * first)) < 3


def test_what_is_too_short_for_a_cache_and_the_plain_prompt_are_told_apart() -> None:
    calls, tokens, cached = count([body(PLAIN, "diff"), body(PLAIN, "diff"), body(SYSTEM, "findings")])
    assert calls == {"plain": 2, "verification": 1}
    assert tokens == cached


def test_the_common_beginning_of_two_texts_is_found() -> None:
    assert [common_length(*pair) for pair in (("abc", "abd"), ("", "a"), ("ab", "ab"), ("x", "y"))] == [2, 0, 2, 0]
