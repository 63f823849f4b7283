"""What `auto` costs against all-frontier on real commits, at published prices: `python -m bench routing_cost`.

Every commit is cut into units as a review would cut it, each unit is routed by the product's own `route` with a
sensitivity model that saw nothing of its repository, and priced with genai-prices: prompt, diff and an answer of
fixed size. With KILO_REVIEW_MIRRORS set, the mined commits are learned from as well. No model is asked. Money is
only as good as the assumptions, which are in the result.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bench.context_recall import mirrors_folder
from bench.fit.kept_out import is_kept_out
from bench.fit.sensitivity import DATA, fit, groups, load, load_mined, whole
from policies.load import load_policy
from policies.paths import decide_path, is_documentation, is_test
from policies.policy import Policy
from policies.routing import Signals, route
from policies.rules import ChangedPart
from policies.sensitivity import Sensitivity, assess
from policies.words import Tier
from reviewer.change.model import Hunk, Unit
from reviewer.change.parse import parse_diff
from reviewer.change.units import build_units
from reviewer.context.tokens import count_tokens
from reviewer.models.model import Usage
from reviewer.models.published import published_price

# One family, so that the ratio is not one vendor's price against another's.
MODELS = {
    Tier.FREE: None,
    Tier.EFFICIENT: ("anthropic", "claude-haiku-5-5"),
    Tier.BALANCED: ("anthropic", "claude-sonnet-5-5"),
    Tier.FRONTIER: ("anthropic", "claude-opus-5-5"),
}
SYSTEM_TOKENS = 1800
CONTEXT_SHARE = Decimal("0.25")
ANSWER_TOKENS = 500
# Share of units below FRONTIER whose answer fails a check twice and goes one tier up.
ESCALATION_SHARE = Decimal("0.10")


def run() -> dict[str, object]:
    policy = load_policy()
    mirrors = mirrors_folder()
    # Folds are of the development set; what was mined elsewhere is learned from in each of them.
    rows = load()
    mined = load_mined(mirrors) if mirrors else []
    with gzip.open(DATA, "rt", encoding="utf-8") as file:
        raw = [json.loads(line) for line in file]
    group = groups(rows)
    prices = _prices()
    auto = Decimal(0)
    frontier = Decimal(0)
    escalations = Decimal(0)
    by_label: dict[str, Counter[str]] = defaultdict(Counter)
    tiers: Counter[str] = Counter()
    spent: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for fold in sorted(set(group.values())):
        held = {repo for repo, of in group.items() if of == fold}
        model = fit([row for row in (*rows, *mined) if row.repo not in held])
        for item in raw:
            if group[item["repo"]] != fold:
                continue
            units = _units(item, policy, model)
            reached = Tier.FREE
            for unit in units:
                parts = _parts(unit.hunks)
                seen = assess(parts, policy.sensitive, threshold=policy.sensitivity_threshold, model=model)
                tier = route(_signals(parts, seen), policy).tier
                usage = _usage(unit)
                auto += _cost(prices, tier, usage)
                frontier += _cost(prices, Tier.FRONTIER, usage)
                spent[item["label"]][0] += _cost(prices, tier, usage)
                spent[item["label"]][1] += _cost(prices, Tier.FRONTIER, usage)
                if tier < Tier.FRONTIER:
                    up = tier.next_up or tier
                    again = _cost(prices, tier, usage) + _cost(prices, up, usage)
                    escalations += ESCALATION_SHARE * again
                tiers[tier.label] += 1
                counts = by_label[_set_of(item)]
                counts["units"] += 1
                counts["frontier units"] += tier is Tier.FRONTIER
                counts["tokens"] += usage.input
                counts["frontier tokens"] += usage.input if tier is Tier.FRONTIER else 0
                reached = max(reached, tier)
            by_label[_set_of(item)]["commits"] += 1
            by_label[_set_of(item)]["reached frontier"] += reached is Tier.FRONTIER
    assert frontier > 0
    return {
        "models": {tier.label: "/".join(name) if name else "free" for tier, name in MODELS.items()},
        "assumptions": {
            "system_tokens": SYSTEM_TOKENS,
            "context_share_of_diff": str(CONTEXT_SHARE),
            "answer_tokens": ANSWER_TOKENS,
            "escalated_share": str(ESCALATION_SHARE),
        },
        "units_by_tier": dict(tiers),
        "all_frontier_usd": str(frontier.quantize(Decimal("0.01"))),
        "auto_usd": str(auto.quantize(Decimal("0.01"))),
        "auto_with_escalations_usd": str((auto + escalations).quantize(Decimal("0.01"))),
        "cost_ratio": round(float(auto / frontier), 3),
        "cost_ratio_with_escalations": round(float((auto + escalations) / frontier), 3),
        "cost_ratio_by_label": {label: round(float(a / b), 3) for label, (a, b) in sorted(spent.items())},
        "share_reaching_frontier": {
            label: {
                "commits": round(counts["reached frontier"] / counts["commits"], 3),
                "units": round(counts["frontier units"] / max(1, counts["units"]), 3),
                "tokens": round(counts["frontier tokens"] / max(1, counts["tokens"]), 3),
            }
            for label, counts in sorted(by_label.items())
        },
    }


def _set_of(item: dict[str, Any]) -> str:
    return f"{item['label']}, kept out" if is_kept_out(item["repo"]) else str(item["label"])


def _prices() -> dict[Tier, Any]:
    now = datetime.now(UTC)
    found = {}
    for tier, name in MODELS.items():
        if name is None:
            found[tier] = None
            continue
        price = published_price(*name, now)
        if price is None:
            raise SystemExit(f"{'/'.join(name)} has no published price; name another model in MODELS")
        found[tier] = price
    return found


def _cost(prices: dict[Tier, Any], tier: Tier, usage: Usage) -> Decimal:
    price = prices[tier]
    return Decimal(0) if price is None else price.cost(usage)


def _units(item: dict[str, Any], policy: Policy, model: Any) -> tuple[Unit, ...]:
    change = parse_diff(whole(item["diff"]))
    files = [file for file in change.files if decide_path(file.path, policy.paths).included]

    def risk(hunk: Hunk) -> float:
        seen = assess(_parts((hunk,)), policy.sensitive, threshold=policy.sensitivity_threshold, model=model)
        return seen.probability

    return build_units(files, max_tokens=policy.unit_tokens, risk=risk, count=count_tokens)


def _parts(hunks: tuple[Hunk, ...]) -> tuple[ChangedPart, ...]:
    return tuple(
        ChangedPart(hunk.path, tuple(line.text for line in hunk.added), tuple(line.text for line in hunk.removed))
        for hunk in hunks
    )


def _signals(parts: tuple[ChangedPart, ...], seen: Sensitivity) -> Signals:
    paths = tuple(dict.fromkeys(part.path for part in parts))
    return Signals(
        paths=paths,
        sensitivity=seen,
        documentation_only=all(map(is_documentation, paths)),
        tests_only=all(map(is_test, paths)),
    )


def _usage(unit: Unit) -> Usage:
    diff = sum(count_tokens(line.text) + 1 for hunk in unit.hunks for line in hunk.lines)
    return Usage(input=SYSTEM_TOKENS + diff + int(diff * CONTEXT_SHARE), output=ANSWER_TOKENS)


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
