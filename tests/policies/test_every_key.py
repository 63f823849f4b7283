"""Every key of the policy changes a running review, from each layer that may set it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from policies import narrowing
from policies.keys import KEYS
from policies.words import Conclusion, Strategy, Tier
from reviewer.findings.model import Disposition
from reviewer.models.model import Stage
from tests.policies.running import TITLE, Lab, Seen
from tests.simulators.provider import ProviderSimulator


@dataclass(frozen=True)
class Row:
    """How a key shows: `shows` is True of a review under `set_by_*`, and False of the same one without it.

    `under` is the organisation's text that a repository narrows; `how` what the review is asked with. A layer that
    may not set the key is None.
    """

    organisation: str
    repository: str | None
    shows: Callable[[Seen], bool]
    under: str = ""
    how: dict[str, Any] = field(default_factory=dict)


def same(text: str, shows: Callable[[Seen], bool], **more: Any) -> Row:
    return Row(text, text, shows, **more)


def tiers(seen: Seen) -> set[Tier]:
    return {route.tier for route in seen.review.routes}


def asked(seen: Seen) -> set[str]:
    return {body["model"] for body in seen.requests}


def fails(seen: Seen) -> bool:
    return seen.verdict.conclusion is Conclusion.FAILURE


def inline(seen: Seen) -> int:
    return len(seen.review.by_disposition(Disposition.INLINE))


def notices(seen: Seen) -> str:
    return " ".join(seen.review.notices)


def looked_up(seen: Seen) -> int:
    return seen.stages.count(Stage.LOOKUP)


LOGIN, TOTAL, GUIDE = "auth/login.py", "shop/total.py", "docs/guide.md"
ROUTINE: dict[str, Any] = {"only": TOTAL}
CENT = '[[limits]]\nscope = "run"\namount = "0.000001"\n'
NINE = '[[limits]]\nscope = "run"\namount = "9.00"\n'


def is_tier(path: str, tier: Tier) -> Callable[[Seen], bool]:
    return lambda seen: seen.routes[path].tier is tier


def in_scope(path: str) -> Callable[[Seen], bool]:
    return lambda seen: path in seen.routes


def output_limits(seen: Seen) -> set[int]:
    # A reasoning model's own thinking is paid from the same limit, so whole thousands are added to policy's.
    return {body["max_completion_tokens"] % 1000 for body in seen.requests if "Give a verdict" not in str(body)}


ROWS = {
    "strategy": same('strategy = "efficient"', lambda seen: tiers(seen) == {Tier.EFFICIENT}),
    "model": same(
        'model = "openai/gpt-6.1-terra"',
        lambda seen: {body["model"] for body in seen.requests} == {"gpt-6.1-terra"},
    ),
    "min_tier": same('min_tier = "balanced"', lambda seen: min(tiers(seen)) is Tier.BALANCED),
    "max_tier": same('max_tier = "efficient"', lambda seen: max(tiers(seen)) is Tier.EFFICIENT),
    "locked": Row(
        'locked = ["strategy"]',
        None,
        lambda seen: "locks it" in notices(seen) and Tier.FRONTIER in tiers(seen),
        how={"repository": 'strategy = "efficient"'},
    ),
    "review.style": same('[review]\nstyle = "strict"', lambda seen: inline(seen) == 0, how=ROUTINE),
    "review.fail_on": same(
        '[review]\nfail_on = "medium"', lambda seen: seen.verdict.conclusion is Conclusion.FAILURE
    ),
    "review.verify": same(
        '[review]\nverify = "never"', lambda seen: Stage.VERIFICATION not in seen.stages, how=ROUTINE
    ),
    "review.second_pass": same(
        "[review]\nsecond_pass = false",
        lambda seen: Stage.SECOND_PASS not in seen.stages,
        under="[review]\nsecond_pass = true",
        how=ROUTINE,
    ),
    "review.lookups": same(
        "[review]\nlookups = 1", lambda seen: looked_up(seen) == 1, under="[review]\nlookups = 2", how=ROUTINE
    ),
    "review.metadata_blind": same(
        "[review]\nmetadata_blind = true",
        lambda seen: TITLE not in seen.prompt_of(LOGIN),
        under="[review]\nmetadata_blind = false",
    ),
    "review.analysers": same(
        '[review]\nanalysers = ["ruff"]', lambda seen: {run.tool for run in seen.review.evidence} == {"ruff"}
    ),
    "review.max_inline": same("[review]\nmax_inline = 0", lambda seen: inline(seen) == 0),
    "review.min_severity": same('[review]\nmin_severity = "critical"', lambda seen: inline(seen) == 0),
    "review.converge": same(
        "[review]\nconverge = false",
        lambda seen: not seen.review.by_disposition(Disposition.HELD_BACK),
        how={"seen_before": True},
    ),
    "review.intent": same(
        "[review]\nintent = false",
        lambda seen: Stage.INTENT not in seen.stages,
        how={"criteria": ("It adds up.",)},
    ),
    "paths.include": same('[paths]\ninclude = ["docs/*"]', lambda seen: LOGIN not in seen.routes),
    "paths.exclude": same(
        '[paths]\nexclude = ["docs/**"]', lambda seen: "excluded by policy" in seen.skipped.get(GUIDE, "")
    ),
    "paths.always": same('[paths]\nalways = ["uv.lock"]', in_scope("uv.lock")),
    "paths.skip_generated": same("[paths]\nskip_generated = false", in_scope("web/made.ts")),
    "paths.skip_vendored": same("[paths]\nskip_vendored = false", in_scope("node_modules/lib/a.py")),
    "paths.skip_lock_files": same("[paths]\nskip_lock_files = false", in_scope("uv.lock")),
    "paths.skip_snapshots": same("[paths]\nskip_snapshots = false", in_scope("shop/__snapshots__/a.snap")),
    "paths.skip_minified": same("[paths]\nskip_minified = false", in_scope("web/app.min.js")),
    "sensitive.threshold": same("[sensitive]\nthreshold = 0.0", is_tier(TOTAL, Tier.FRONTIER), how=ROUTINE),
    "sensitive.tier": same(
        '[sensitive]\ntier = "balanced"', is_tier(LOGIN, Tier.BALANCED), under='[sensitive]\ntier = "efficient"'
    ),
    "sensitive.paths": same('[sensitive]\npaths = ["shop/**"]', is_tier(TOTAL, Tier.FRONTIER), how=ROUTINE),
    "sensitive.words": same('[sensitive]\nwords = ["sorted"]', is_tier(TOTAL, Tier.FRONTIER), how=ROUTINE),
    "sensitive.patterns": Row(
        "[sensitive]\npatterns = ['sorted\\(']", None, is_tier(TOTAL, Tier.FRONTIER), how=ROUTINE
    ),
    "sensitive.disable": Row(
        '[sensitive]\ndisable = ["sql-from-text"]',
        None,
        lambda seen: not any("put together from text" in reason for reason in seen.routes[LOGIN].reasons),
    ),
    "sensitive.learned": Row(
        "[sensitive]\nlearned = false", None, lambda seen: seen.routes[TOTAL].sensitivity == 0, how=ROUTINE
    ),
    "routing.paths": same('[routing.paths]\n"shop/**" = "balanced"', is_tier(TOTAL, Tier.BALANCED), how=ROUTINE),
    "routing.labels": same(
        '[routing.labels]\n"big" = "balanced"', is_tier(TOTAL, Tier.BALANCED), how={**ROUTINE, "labels": ("big",)}
    ),
    "caps.context_tokens": same(
        "[caps]\ncontext_tokens = 0",
        lambda seen: "RATES[country]" not in seen.prompts,
        under="[review]\nlookups = 0",
        how=ROUTINE,
    ),
    "caps.unit_tokens": same("[caps]\nunit_tokens = 500", lambda seen: len(seen.review.routes) > 3),
    "caps.max_output_tokens": same("[caps]\nmax_output_tokens = 256", lambda seen: output_limits(seen) == {256}),
    "caps.max_units": same(
        "[caps]\nmax_units = 1", lambda seen: "caps.max_units" in " ".join(seen.skipped.values())
    ),
    "caps.max_calls_per_unit": same(
        "[caps]\nmax_calls_per_unit = 1",
        lambda seen: "its 1 calls (caps.max_calls_per_unit)" in notices(seen),
        how={"fails": True},
    ),
    "caps.max_escalations": same(
        "[caps]\nmax_escalations = 0", lambda seen: "(caps.max_escalations)" in notices(seen), how={"fails": True}
    ),
    "caps.concurrency": same("[caps]\nconcurrency = 1", lambda seen: seen.most_in_flight == 1, how={"slow": 0.2}),
    "caps.max_seconds": same(
        "[caps]\nmax_seconds = 60",
        lambda seen: "60 s of one review (caps.max_seconds)" in " ".join(seen.skipped.values()),
        how={"hours": True},
    ),
    "money.at_limit": same(
        '[money]\nat_limit = "stop"', lambda seen: "was used instead" not in notices(seen), under=CENT
    ),
    "money.limit_conclusion": same(
        '[money]\nlimit_conclusion = "action_required"',
        lambda seen: seen.verdict.conclusion is Conclusion.ACTION_REQUIRED,
        under=CENT,
    ),
    "money.unknown_price": same(
        '[money]\nunknown_price = "refuse"',
        lambda seen: not seen.requests,
        under=f'[money]\nunknown_price = "allow"\n{NINE}',
        how={"model": "openai/nobody-knows"},
    ),
    "checks": same(
        '[[checks]]\nname = "sorted"\ntext = "Totals are sorted."\npaths = ["shop/**"]\n',
        lambda seen: Stage.STATEMENTS in seen.stages,
        how=ROUTINE,
    ),
    "limits": same(CENT, lambda seen: not seen.requests),
    "providers": same('[providers]\ndeny-models = ["openai/*"]', lambda seen: not seen.requests),
}
# What starts a review is decided before there is one: tests/policies/test_starting.py walks these.
STARTING = {name for name in KEYS if name.startswith("triggers.")}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with ProviderSimulator("openai") as provider:
        made = Lab(tmp_path_factory.mktemp("every_key"), provider)
        yield made
        made.ledger.close()


def test_no_key_is_without_a_row() -> None:
    assert set(ROWS) | STARTING == set(KEYS)


def organisation(row: Row, text: str) -> str:
    """Put the row's text over what it stands on, without the analysers where they do not matter: they take long."""
    merged = tomllib.loads(row.under)
    for name, value in tomllib.loads(text).items():
        merged[name] = {**merged.get(name, {}), **value} if isinstance(value, dict) else value
    if "analysers" not in text:
        merged.setdefault("review", {}).setdefault("analysers", [])
    return as_toml(merged)


def as_toml(table: Mapping[str, Any]) -> str:
    """Write the few shapes of TOML that the rows use."""
    top = [f"{name} = {json.dumps(value)}" for name, value in table.items() if not isinstance(value, (dict, list))]
    top += [f"{name} = {json.dumps(value)}" for name, value in table.items() if name == "locked"]
    for name, value in table.items():
        if isinstance(value, list) and name != "locked":
            top += [
                line
                for row in value
                for line in (f"[[{name}]]", *(f"{k} = {json.dumps(v)}" for k, v in row.items()))
            ]
        if isinstance(value, dict):
            plain = {key: item for key, item in value.items() if not isinstance(item, dict)}
            top += [f"[{name}]", *(f"{key} = {json.dumps(item)}" for key, item in plain.items())]
            for key, item in value.items():
                if isinstance(item, dict):
                    top += [f"[{name}.{key}]", *(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in item.items())]
    return "\n".join(top) + "\n"


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_key_of_the_organisation_changes_a_running_review(lab: Lab, name: str) -> None:
    row = ROWS[name]
    assert row.shows(lab.run(organisation(row, row.organisation), **row.how)), "it has no effect"
    assert not row.shows(lab.run(organisation(row, ""), **row.how)), "its effect shows without it"


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_key_of_the_repository_changes_a_running_review_or_is_the_organisations_alone(
    lab: Lab, name: str
) -> None:
    row = ROWS[name]
    if row.repository is None:
        assert KEYS[name].narrow is narrowing.forbidden
        return
    under = organisation(row, "")
    if "analysers" in row.repository:
        under = row.under
    seen = lab.run(under, row.repository, **row.how)
    assert row.shows(seen), seen.policy.notices


COMMANDS: list[tuple[dict[str, Any], str, Callable[[Seen], bool]]] = [
    ({"strategy": Strategy.EFFICIENT}, "", lambda seen: tiers(seen) == {Tier.EFFICIENT}),
    ({"strategy": Strategy.FRONTIER}, 'max_tier = "balanced"', lambda seen: tiers(seen) == {Tier.BALANCED}),
    ({"strategy": Strategy.FREE}, 'min_tier = "balanced"', lambda seen: Tier.FREE not in tiers(seen)),
    (
        {"model": "openai/gpt-6.1-sol"},
        "",
        lambda seen: asked(seen) == {"gpt-6.1-sol"},
    ),
    ({"model": "openai/gpt-6.1-sol"}, 'max_tier = "balanced"', lambda seen: not seen.requests),
    ({"model": "openai/gpt-6-luna"}, 'min_tier = "balanced"', lambda seen: not seen.requests),
    ({"model": "openai/nobody-knows"}, 'max_tier = "balanced"', lambda seen: not seen.requests),
]


@pytest.mark.parametrize("number", range(len(COMMANDS)))
def test_what_a_command_asks_for_stays_within_policy(lab: Lab, number: int) -> None:
    how, policy, shows = COMMANDS[number]
    assert shows(lab.run(f"{policy}\n[review]\nanalysers = []\n", **how))
