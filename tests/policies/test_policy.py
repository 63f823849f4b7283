from __future__ import annotations

import tomllib
from contextlib import suppress
from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.budgets import Account, Scope, limit_for
from policies.invalid import PolicyInvalid
from policies.keys import KEYS
from policies.load import load_policy
from policies.policy import Policy
from policies.providers import ModelFacts, permitted
from policies.words import AtLimit, Conclusion, Payment, Severity, Strategy, Style, Tier

DEFAULTS = Path(__file__).parents[2] / "policies" / "defaults" / "default.toml"
FACTS = ModelFacts("acme", "acme/large", Payment.OWN_KEY, input_price=Decimal(3), output_price=Decimal(9))


def test_the_defaults_decide_every_field() -> None:
    policy = load_policy()
    assert policy.notices == ()
    assert {key.field.partition(".")[0] for key in KEYS.values()} >= {
        field.name for field in fields(Policy) if field.name not in {"stated", "notices"}
    }


def test_the_defaults_file_names_every_key_that_has_a_default() -> None:
    table = tomllib.loads(DEFAULTS.read_text(encoding="utf-8"))
    for name in set(KEYS) - {"limits", "providers"}:
        here: object = table
        for part in name.split("."):
            assert isinstance(here, dict)
            assert part in here, name
            here = here[part]


def test_an_organisation_may_set_everything() -> None:
    policy = load_policy(
        organisation="""
strategy = "efficient"
[review]
style = "strict"
fail-on = "never"
[money]
at_limit = "stop"
limit_conclusion = "action-required"
[[limits]]
scope = "run"
amount = "0.50"
[providers]
deny-models = ["*preview*"]
[sensitive]
patterns = ['\\bledger\\.post\\(']
"""
    )
    assert (policy.strategy, policy.style, policy.fail_on) == (Strategy.EFFICIENT, Style.STRICT, None)
    assert (policy.at_limit, policy.limit_conclusion) == (AtLimit.STOP, Conclusion.ACTION_REQUIRED)
    assert {limit.scope: limit.amount for limit in policy.limits}[Scope.RUN] == Decimal("0.50")
    assert policy.providers.deny_models == ("*preview*",)
    assert policy.notices == ()


# T22: what the configuration of a repository tries, and must not get.
HOSTILE = [
    ('base_url = "https://evil.example"', "can name no endpoint"),
    ('[providers]\nbase_url = "https://evil.example"', "can name no endpoint"),
    ('[providers.private]\napi_key = "k"', "can name no key"),
    ('[providers]\nopenai_api_key = "k"', "can name no key"),
    ('api_key = "k"', "can name no key"),
    ('[models]\nendpoint = "http://169.254.169.254"', "ignored"),
    ('model_url = "http://169.254.169.254/"', "can name no endpoint"),
    ('proxy = "http://evil.example:3128"', "can name no endpoint"),
    ('[env]\nANTHROPIC_BASE_URL = "https://evil.example"', "ignored"),
    ("hooks = ['rm -rf /']", "ignored"),
    ("[review]\nmetadata_blind = false", "refused"),
    ("[review]\nsecond_pass = true", "refused"),
    ("[review]\nlookups = 3", "write a whole number from 0 to 2"),
    ("[sensitive]\nlearned = false", "only the organisation"),
    ("[sensitive]\nthreshold = 0.99", "refused"),
    ("[sensitive]\ndisable = ['tls-off']", "only the organisation"),
    ("[sensitive]\npatterns = ['(a+)+$']", "only the organisation"),
    ('[sensitive]\ntier = "free"', "refused"),
    ("[caps]\nmax_escalations = 1000", "refused"),
    ("[caps]\nmax_units = 2000", "refused"),
    ("[caps]\nconcurrency = 64", "refused"),
    ("[triggers]\nmax_reviews_per_hour = 100", "refused"),
    (
        '[triggers]\non = ["opened", "synchronize", "reopened", "ready_for_review", "command", "labeled"]',
        "does not allow",
    ),
    ('[money]\nunknown_price = "allow"', "refused"),
    ('locked = ["review"]', "only the organisation"),
]


@pytest.mark.parametrize(("text", "why"), HOSTILE)
def test_a_repository_gets_nothing_that_widens_and_a_notice_says_so(text: str, why: str) -> None:
    before = load_policy()
    after = load_policy(repository=text)
    assert why in " ".join(after.notices)
    assert all(".kilo/review.toml" in notice for notice in after.notices)
    for field in fields(Policy):
        # Narrowing rules keeps the outer ones under a new roof; what they permit is compared in a test of its own.
        if field.name not in {"notices", "providers"}:
            assert getattr(after, field.name) == getattr(before, field.name), field.name
    assert "evil" not in repr(after.providers)


def test_the_reason_of_an_ignored_key_is_one_to_act_on() -> None:
    text = 'base_url = "x"\napi_key = "y"\n[review]\nstile = "strict"\n'
    notices = load_policy(repository=text).notices
    assert "line 1: `base_url` ignored: a policy can name no endpoint" in notices[0]
    assert "line 2: `api_key` ignored: a policy can name no key" in notices[1]
    assert "line 4: `review.stile` is no key and is ignored: did you mean `review.style`?" in notices[2]


def test_a_notice_never_repeats_the_value_of_a_key() -> None:
    notices = load_policy(repository='api_key = "sk-very-secret"').notices
    assert "sk-very-secret" not in " ".join(notices)


def test_a_repository_may_narrow() -> None:
    policy = load_policy(
        repository="""
strategy = "efficient"
max_tier = "balanced"
[review]
style = "lenient"
fail_on = "low"
analysers = ["ruff"]
max_inline = 5
[paths]
exclude = ["fixtures/**"]
[sensitive]
threshold = 0.2
words = ["ledger"]
[routing.paths]
"docs/**" = "free"
[caps]
max_units = 10
[money]
limit_conclusion = "action_required"
[[limits]]
scope = "pull-request"
amount = 1
"""
    )
    assert policy.notices == ()
    assert (policy.strategy, policy.max_tier, policy.fail_on) == (Strategy.EFFICIENT, Tier.BALANCED, Severity.LOW)
    assert policy.analysers == ("ruff",)
    assert policy.paths.exclude == ("fixtures/**",)
    assert policy.sensitive.words == ("ledger",)
    assert policy.path_strategies == (("docs/**", Strategy.FREE),)


def test_a_repositorys_larger_limit_and_looser_rule_change_nothing() -> None:
    organisation = """
[[limits]]
scope = "run"
amount = 0.5
[providers]
max-input-price = 1
forbid-training = true
"""
    repository = """
[[limits]]
scope = "run"
amount = 100
[providers]
max-input-price = 1000
forbid-training = false
"""
    policy = load_policy(organisation=organisation, repository=repository)
    limit = limit_for(policy.limits, Scope.RUN, Account(run="1"))
    assert limit is not None
    assert limit.amount == Decimal("0.5")
    refusal = permitted(FACTS, policy.providers, private=False)
    assert refusal is not None
    assert "max-input-price" in refusal


def test_without_a_limit_of_ones_own_the_shipped_ones_hold_and_are_tighter_for_outsiders() -> None:
    limits = load_policy().limits
    assert {limit.scope for limit in limits} == {
        Scope.RUN,
        Scope.PULL_REQUEST,
        Scope.USER_DAY,
        Scope.REPOSITORY_DAY,
    }
    assert all(limit.shipped and limit.amount > 0 for limit in limits)
    accounts = (Account(run="1", user="ann"), Account(run="1", user="eve", outsider=True))
    both = [limit_for(limits, Scope.USER_DAY, account) for account in accounts]
    assert [limit.outsiders for limit in both if limit is not None] == [False, True]
    assert [limit.amount for limit in both if limit is not None] == [50, 5]


def test_a_limit_for_everybody_leaves_the_shipped_one_for_outsiders() -> None:
    policy = load_policy(organisation='[[limits]]\nscope = "user-day"\namount = 500\n')
    outsider = limit_for(policy.limits, Scope.USER_DAY, Account(run="1", user="eve", outsider=True))
    assert outsider is not None
    assert (outsider.amount, outsider.shipped) == (5, True)
    with pytest.raises(PolicyInvalid, match="outsiders = 'yes': true or false"):
        load_policy(organisation='[[limits]]\nscope = "user-day"\namount = 5\noutsiders = "yes"\n')


def test_a_shipped_limit_gives_way_to_one_of_its_scope_and_binds_a_repository() -> None:
    larger = """
[[limits]]
scope = "run"
amount = 100
"""
    account = Account(run="1", pull_request="acme/app#1")

    def amount(policy: Policy, scope: Scope) -> Decimal | None:
        limit = limit_for(policy.limits, scope, account)
        return limit.amount if limit else None

    shipped, organisation = load_policy(), load_policy(organisation=larger)
    assert amount(organisation, Scope.RUN) == 100
    assert amount(organisation, Scope.PULL_REQUEST) == amount(shipped, Scope.PULL_REQUEST) is not None
    assert amount(load_policy(repository=larger), Scope.RUN) == amount(shipped, Scope.RUN)


def test_a_private_repository_gets_the_stricter_rules() -> None:
    organisation = '[providers.private]\nallow-providers = ["local"]'
    open_source = load_policy(organisation=organisation)
    private = load_policy(organisation=organisation, private=True)
    assert permitted(FACTS, open_source.providers, private=False) is None
    assert permitted(FACTS, private.providers, private=True) is not None
    assert permitted(FACTS, private.providers, private=False) is not None


def test_a_strategy_outside_the_organisations_bounds_is_refused() -> None:
    policy = load_policy(
        organisation='max_tier = "balanced"',
        repository='strategy = "frontier"\n[routing.labels]\n"big" = "frontier"\n"small" = "free"',
    )
    assert policy.strategy is Strategy.AUTO
    assert ("small", Strategy.FREE) in policy.label_strategies
    assert "big" not in dict(policy.label_strategies)
    assert len(policy.notices) == 2


def test_a_repository_names_a_model_only_where_the_organisation_leaves_it_free() -> None:
    asked = 'model = "acme/large"'
    assert load_policy(repository=asked).model == "acme/large"
    assert load_policy(organisation='model = "acme/small"', repository=asked).model == "acme/small"
    assert load_policy(organisation='max_tier = "efficient"', repository=asked).model == ""
    address = load_policy(repository='model = "https://evil.example/v1"')
    assert address.model == ""
    assert "kilo-review models" in address.notices[0]


def test_locked_keys_and_sections_are_out_of_reach() -> None:
    organisation = 'locked = ["review.style", "paths"]'
    policy = load_policy(organisation=organisation, repository='[review]\nstyle="strict"\n[paths]\nexclude=["**"]')
    assert policy.style is Style.BALANCED
    assert policy.paths.exclude == ()
    assert [notice.endswith("the organisation's policy locks it") for notice in policy.notices] == [True, True]


def test_taste_is_free_until_the_organisation_states_it() -> None:
    looser = '[review]\nfail_on = "never"\n[triggers]\ndrafts = true\n'
    free = load_policy(repository=looser)
    assert free.fail_on is None
    assert free.review_drafts
    stated = load_policy(
        organisation='[review]\nfail_on = "medium"\n[triggers]\ndrafts = false\n', repository=looser
    )
    assert stated.fail_on is Severity.MEDIUM
    assert not stated.review_drafts
    assert len(stated.notices) == 2


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a = ", 1, "not valid TOML"),
        ('strategy = "auto"\nstrategy = "free"', 2, "not valid TOML"),
        ('\n\n[review]\nstyle = "loud"', 4, "write one of strict, balanced, lenient"),
        ("strategy = 3", 1, "write one of free, efficient, balanced, frontier, auto"),
        ("[caps]\nmax_units = 0", 2, "a whole number from 1 to 2000"),
        ("[caps]\nmax_units = true", 2, "a whole number from 1 to 2000"),
        ("[sensitive]\nthreshold = 2", 2, "a number from 0 to 1"),
        ('[paths]\nexclude = "docs"', 2, "write a list of texts"),
        ('[paths]\nexclude = ["!a"]', 2, "negation"),
        ('[paths]\nexclude = ["src/[ab"]', 2, "has no end"),
        ('[routing.paths]\n"docs/**" = "cheap"', 1, "'docs/**'"),
        ("limits = 3", 1, "[[limits]]"),
        ('[[limits]]\nscope = "week"\namount = 1', 1, "must be one of run"),
        ("[providers]\nforbid-training = 1", 1, "true or false"),
        ('min_tier = "frontier"\nmax_tier = "free"', 0, "above max_tier"),
    ],
)
def test_what_cannot_be_used_names_file_line_and_remedy(text: str, line: int, says: str) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        load_policy(organisation=text, organisation_file="policy.toml")
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"policy.toml, line {line}: " if line else "policy.toml: ")
    assert caught.value.line == line
    policy = load_policy(repository=text)
    assert says in policy.notices[0]
    assert policy.notices[0].startswith(f".kilo/review.toml, line {line}: " if line else ".kilo/review.toml: ")


def test_a_mistake_in_a_repositorys_file_costs_its_own_line_and_no_more() -> None:
    text = '[review]\nstyle = "loud"\nmax_inline = 5\nstile = "strict"\n[caps]\nmax_units = 7\n'
    policy = load_policy(repository=text)
    assert (policy.style, policy.max_inline, policy.max_units) == (Style.BALANCED, 5, 7)
    assert [notice.split(":")[0] for notice in policy.notices] == [
        ".kilo/review.toml, line 2",
        ".kilo/review.toml, line 4",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('strategy = "efficient"\n[review]\nstyle = strict\n\n[caps]\nmax_units = 7\n', 3),
        ('strategy = "efficient"\n[caps]\nmax_units = 7\n[review]\nanalysers = ["ruff"\n', 5),
        ('strategy = "efficient"\n[caps]\nmax_units = 7\n[caps]\nmax_units = 3\n', 4),
    ],
)
def test_text_that_is_not_toml_costs_its_section_and_no_more(text: str, line: int) -> None:
    policy = load_policy(repository=text)
    assert (policy.strategy, policy.max_units) == (Strategy.EFFICIENT, 7)
    assert len(policy.notices) == 1
    assert policy.notices[0].startswith(f".kilo/review.toml, line {line}: ")


@pytest.mark.parametrize(
    "text",
    [
        "[providers]\nforbid-training = 1",
        "[providers]\nforbid-trainig = true",
        "[providers.private]\nallow-provider = ['local']",
        "[providers]\nallow-models = ['a' 'b']",
        "providers.locations = [eu]\n",
    ],
)
def test_where_a_rule_about_providers_cannot_be_read_no_model_is_permitted(text: str) -> None:
    policy = load_policy(repository=f'{text}\n[review]\nstyle = "strict"')
    assert permitted(FACTS, policy.providers, private=False) is not None
    assert policy.style is Style.STRICT
    assert "no model is asked until" in policy.notices[-1]
    with pytest.raises(PolicyInvalid):
        load_policy(organisation=text)


def test_a_foreign_key_among_the_provider_rules_closes_nothing() -> None:
    policy = load_policy(repository='[providers]\nbase_url = "https://evil.example"\ncolour = "red"')
    assert permitted(FACTS, policy.providers, private=False) is None
    assert len(policy.notices) == 2


def test_an_organisations_mistakes_are_told_all_at_once() -> None:
    text = 'stratgy = "free"\n[review]\nstyle = "loud"\n[revew]\nverify = "always"\n'
    with pytest.raises(PolicyInvalid) as caught:
        load_policy(organisation=text, organisation_file="policy.toml")
    lines = str(caught.value).split("\n")
    assert lines[0] == "policy.toml, line 1: `stratgy` is no key and is ignored: did you mean `strategy`?"
    assert "line 3: `review.style` is 'loud'; write one of" in lines[1]
    assert lines[2] == "policy.toml, line 5: `revew.verify` is no key and is ignored: did you mean `review.verify`?"


@pytest.mark.parametrize("name", sorted(set(KEYS) - {"limits", "providers"}))
def test_every_key_with_two_letters_swapped_is_answered_with_the_right_one(name: str) -> None:
    section, _, last = name.rpartition(".")
    wrong = f"{last[:-2]}{last[-1]}{last[-2]}x"
    notices = load_policy(repository=f"[{section}]\n{wrong} = 1" if section else f"{wrong} = 1").notices
    assert f"did you mean `{name}`?" in notices[0]


@pytest.mark.parametrize("wrong", ["review.stlye", "pths", "money.at_limits"])
def test_a_lock_on_a_key_that_does_not_exist_is_an_error(wrong: str) -> None:
    with pytest.raises(PolicyInvalid, match=r"line 1: `locked` names .* did you mean"):
        load_policy(organisation=f'locked = ["{wrong}"]')
    assert load_policy(organisation='locked = ["triggers.ignore-authors"]').locked == ("triggers.ignore_authors",)


HOSTILE_TEXTS = ["a=" + "[" * 5000, "x" * 70_000, "a = [\n" * 100, "\x00", "[a]\n" * 10_000, "\ud800 = 1"]


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_hostile_text_is_an_error_of_the_policy_and_never_another(text: str) -> None:
    with pytest.raises(PolicyInvalid):
        load_policy(organisation=text)
    assert load_policy(repository=text).notices


def test_bounds_of_a_repository_that_exclude_each_other_are_left_out() -> None:
    policy = load_policy(organisation='max_tier = "balanced"', repository='min_tier = "frontier"')
    assert (policy.min_tier, policy.max_tier) == (Tier.FREE, Tier.BALANCED)
    assert "above max_tier" in policy.notices[0]


def test_a_strategy_that_the_organisation_fixed_is_not_widened() -> None:
    for wider in ("auto", "efficient", "frontier"):
        policy = load_policy(
            organisation='strategy = "free"',
            repository=f'strategy = "{wider}"\n[routing.paths]\n"**" = "{wider}"\n[routing.labels]\nx = "{wider}"',
        )
        assert policy.strategy is Strategy.FREE
        assert policy.path_strategies == ()
        assert "x" not in dict(policy.label_strategies)
        assert len(policy.notices) == 3
    lower = load_policy(organisation='strategy = "balanced"', repository='strategy = "free"')
    assert (lower.strategy, lower.notices) == (Strategy.FREE, ())


def test_what_the_organisation_routes_keeps_its_strategy() -> None:
    organisation = '[routing.paths]\n"core/**" = "frontier"\n[routing.labels]\nurgent = "frontier"\n'
    policy = load_policy(
        organisation=organisation,
        repository='[routing.paths]\n"core/**" = "free"\n"**" = "free"\n[routing.labels]\nurgent = "free"\n',
    )
    assert policy.path_strategies == (("**", Strategy.FREE), ("core/**", Strategy.FRONTIER))
    assert dict(policy.label_strategies)["urgent"] is Strategy.FRONTIER
    assert len(policy.notices) == 2


@given(st.text(max_size=300))
def test_any_text_either_loads_or_is_invalid(text: str) -> None:
    with suppress(PolicyInvalid):
        load_policy(organisation=text)
    assert load_policy(repository=text).sensitive.rules == load_policy().sensitive.rules


VALUES = st.one_of(
    st.booleans(),
    st.integers(-5, 3000),
    st.floats(0, 1),
    st.sampled_from(
        ["auto", "free", "efficient", "balanced", "frontier", "never", "low", "critical", "strict", "stop"]
    ),
    st.lists(st.sampled_from(["ruff", "opened", "src/**", "ledger"]), max_size=2),
)


@given(st.sampled_from(sorted(set(KEYS) - {"limits", "providers", "routing.paths", "routing.labels"})), VALUES)
def test_no_value_of_any_key_widens(name: str, value: object) -> None:
    written = repr(value).replace("'", '"')
    text = f"{name} = {written.lower() if isinstance(value, bool) else written}"
    before = load_policy(organisation='[review]\nfail_on = "medium"\nmax_inline = 10\n[triggers]\ndrafts = false')
    try:
        after = load_policy(
            organisation='[review]\nfail_on = "medium"\nmax_inline = 10\n[triggers]\ndrafts = false',
            repository=text,
        )
    except PolicyInvalid:
        return
    assert after.max_tier <= before.max_tier
    assert after.min_tier >= before.min_tier
    assert after.sensitivity_threshold <= before.sensitivity_threshold
    assert after.sensitive_tier >= before.sensitive_tier
    assert after.max_units <= before.max_units
    assert after.max_escalations <= before.max_escalations
    assert after.max_calls_per_unit <= before.max_calls_per_unit
    assert after.context_tokens <= before.context_tokens
    assert after.max_output_tokens <= before.max_output_tokens
    assert after.lookups <= before.lookups
    assert after.max_inline <= before.max_inline
    assert after.max_reviews_per_hour <= before.max_reviews_per_hour
    assert after.metadata_blind >= before.metadata_blind
    assert after.second_pass <= before.second_pass
    assert after.review_drafts <= before.review_drafts
    assert after.fail_on is not None
    assert after.fail_on <= Severity.MEDIUM
    assert set(after.analysers) <= set(before.analysers)
    assert set(after.triggers) <= set(before.triggers)
    assert set(after.paths.exclude) >= set(before.paths.exclude)
    assert set(after.paths.always) >= set(before.paths.always)
    assert after.sensitive.rules == before.sensitive.rules
    assert after.sensitive.disabled == before.sensitive.disabled
    assert after.locked == before.locked
