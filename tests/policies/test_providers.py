from __future__ import annotations

import tomllib
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.providers import (
    ModelFacts,
    ProviderRules,
    ProviderRulesInvalid,
    forbids_training,
    narrow,
    parse_provider_rules,
    permitted,
)
from policies.words import Payment

OPUS = ModelFacts(
    provider="anthropic",
    model="claude-opus-5-5",
    payment=Payment.OWN_KEY,
    input_price=Decimal(4),
    output_price=Decimal(20),
    trains_on_prompts=False,
    retention_days=30,
    location="us",
)
LOCAL = ModelFacts(
    provider="ollama",
    model="qwen3-coder:30b",
    payment=Payment.LOCAL,
    input_price=Decimal(0),
    output_price=Decimal(0),
    location="local",
)
UNKNOWN = ModelFacts(provider="endpoint", model="mystery", payment=Payment.OWN_KEY)


def rule(refusal: str | None) -> str | None:
    return refusal and refusal.partition(":")[0]


@pytest.mark.parametrize(
    ("rules", "refused_by"),
    [
        (ProviderRules(), None),
        (ProviderRules(allow_providers=("anthropic", "openai")), None),
        (ProviderRules(allow_providers=("openai",)), "allow-providers"),
        (ProviderRules(deny_providers=("ANTHROPIC",)), "deny-providers"),
        (ProviderRules(allow_models=("anthropic/*",)), None),
        (ProviderRules(allow_models=("claude-opus-*",)), None),
        (ProviderRules(allow_models=("*sonnet*",)), "allow-models"),
        (ProviderRules(deny_models=("*opus*",)), "deny-models"),
        (ProviderRules(allow_models=("*opus*",), deny_models=("*opus*",)), "deny-models"),
        (ProviderRules(max_input_price=Decimal(4), max_output_price=Decimal(20)), None),
        (ProviderRules(max_input_price=Decimal("3.99")), "max-input-price"),
        (ProviderRules(max_output_price=Decimal("19.99")), "max-output-price"),
        (ProviderRules(forbid_training=True), None),
        (ProviderRules(max_retention_days=30), None),
        (ProviderRules(max_retention_days=29), "max-retention-days"),
        (ProviderRules(locations=("EU", "US")), None),
        (ProviderRules(locations=("eu",)), "locations"),
    ],
)
def test_a_refusal_names_the_rule(rules: ProviderRules, refused_by: str | None) -> None:
    assert rule(permitted(OPUS, rules, private=False)) == refused_by


@pytest.mark.parametrize(
    "rules",
    [
        ProviderRules(max_input_price=Decimal(100)),
        ProviderRules(max_output_price=Decimal(100)),
        ProviderRules(forbid_training=True),
        ProviderRules(max_retention_days=3650),
        ProviderRules(locations=("us",)),
    ],
)
def test_what_is_unknown_fails_the_rule_that_asks_for_it(rules: ProviderRules) -> None:
    assert permitted(UNKNOWN, rules, private=False) is not None
    assert permitted(UNKNOWN, ProviderRules(), private=False) is None


def test_a_local_server_is_everywhere_and_keeps_nothing() -> None:
    strict = ProviderRules(
        forbid_training=True, max_retention_days=0, locations=("eu",), max_input_price=Decimal(0)
    )
    assert permitted(LOCAL, strict, private=True) is None
    assert rule(permitted(LOCAL, ProviderRules(deny_providers=("ollama",)), private=False)) == "deny-providers"


def test_private_repositories_are_held_to_both_sets_of_rules() -> None:
    rules = ProviderRules(allow_providers=("anthropic",), private=ProviderRules(max_retention_days=0))
    assert permitted(OPUS, rules, private=False) is None
    assert rule(permitted(OPUS, rules, private=True)) == "private.max-retention-days"
    loose = ProviderRules(deny_providers=("anthropic",), private=ProviderRules())
    assert rule(permitted(OPUS, loose, private=True)) == "deny-providers"


def test_training_is_forbidden_where_any_rule_that_applies_forbids_it() -> None:
    rules = ProviderRules(private=ProviderRules(forbid_training=True))
    assert not forbids_training(rules, private=False)
    assert forbids_training(rules, private=True)
    assert forbids_training(narrow(ProviderRules(), ProviderRules(forbid_training=True)), private=False)


names = st.sampled_from(["anthropic", "openai", "kilo", "a*", "*", "*opus*", "claude-*", "gpt-6-*"])
lists = st.lists(names, max_size=2).map(tuple)
prices = st.none() | st.integers(0, 30).map(Decimal)
plain_rules = st.builds(
    ProviderRules,
    allow_models=lists,
    deny_models=lists,
    allow_providers=lists,
    deny_providers=lists,
    max_input_price=prices,
    max_output_price=prices,
    forbid_training=st.booleans(),
    max_retention_days=st.none() | st.integers(0, 60),
    locations=st.lists(st.sampled_from(["us", "eu"]), max_size=1).map(tuple),
)
rules_strategy = st.builds(
    lambda rules, private: replace(rules, private=private), plain_rules, st.none() | plain_rules
)
facts_strategy = st.builds(
    ModelFacts,
    provider=st.sampled_from(["anthropic", "openai", "kilo"]),
    model=st.sampled_from(["claude-opus-5-5", "gpt-6-luna", "anthropic/claude-opus-5.5"]),
    payment=st.sampled_from(Payment),
    input_price=prices,
    output_price=prices,
    trains_on_prompts=st.sampled_from([None, True, False]),
    retention_days=st.none() | st.integers(0, 60),
    location=st.sampled_from(["", "us", "eu"]),
)


@settings(max_examples=60)
@given(facts_strategy, rules_strategy, rules_strategy, rules_strategy, st.booleans())
def test_narrowing_never_permits_what_the_outer_rules_refuse(
    facts: ModelFacts, outer: ProviderRules, inner: ProviderRules, innermost: ProviderRules, private: bool
) -> None:
    both = permitted(facts, outer, private=private) is None and permitted(facts, inner, private=private) is None
    narrowed = narrow(outer, inner)
    assert (permitted(facts, narrowed, private=private) is None) == both
    if permitted(facts, narrow(narrowed, innermost), private=private) is None:
        assert both


@settings(max_examples=60)
@given(facts_strategy, rules_strategy)
def test_what_a_private_repository_may_use_a_public_one_may_too(facts: ModelFacts, rules: ProviderRules) -> None:
    if permitted(facts, rules, private=True) is None:
        assert permitted(facts, rules, private=False) is None


def test_a_table_of_toml_becomes_rules() -> None:
    table = tomllib.loads(
        """
        allow-providers = ["anthropic", "kilo"]
        deny_models = ["*fable*"]
        max-input-price = 5
        max-output-price = "25.00"
        forbid-training = true
        [private]
        max-retention-days = 0
        locations = ["eu"]
        """
    )
    assert parse_provider_rules(table) == ProviderRules(
        allow_providers=("anthropic", "kilo"),
        deny_models=("*fable*",),
        max_input_price=Decimal(5),
        max_output_price=Decimal("25.00"),
        forbid_training=True,
        private=ProviderRules(max_retention_days=0, locations=("eu",)),
    )


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ({"base-url": "https://evil.example"}, "providers.base-url"),
        ({"also": []}, "providers.also"),
        ({"allow-models": "claude"}, "providers.allow-models"),
        ({"allow-models": [""]}, "providers.allow-models"),
        ({"max-input-price": "cheap"}, "providers.max-input-price"),
        ({"max-input-price": -1}, "providers.max-input-price"),
        ({"max-input-price": True}, "providers.max-input-price"),
        ({"max-output-price": "NaN"}, "providers.max-output-price"),
        ({"forbid-training": "yes"}, "providers.forbid-training"),
        ({"max-retention-days": 1.5}, "providers.max-retention-days"),
        ({"private": True}, "providers.private"),
        ({"private": {"private": {}}}, "providers.private.private"),
        ({"private": {"max-retention-days": -1}}, "providers.private.max-retention-days"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_by_name(table: dict[str, Any], named: str) -> None:
    with pytest.raises(ProviderRulesInvalid, match=r"must be|is not a provider rule") as caught:
        parse_provider_rules(table)
    assert str(caught.value).startswith(named)
