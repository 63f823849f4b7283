"""The model card is held to the file that it describes."""

from __future__ import annotations

import json
import re
from pathlib import Path

from policies.learned import FILE
from policies.load import load_policy
from policies.rules import builtin_rules

ROOT = Path(__file__).parents[2]
CARD = (ROOT / "docs" / "explanation" / "sensitivity-model.md").read_text(encoding="utf-8")
WEIGHTS = (ROOT / "policies" / FILE).read_text(encoding="utf-8")


def test_the_card_names_the_sizes_of_the_shipped_model() -> None:
    model = json.loads(WEIGHTS)
    assert f"**Words** ({len(model['words']):,})" in CARD
    assert f"{round(len(WEIGHTS) / 1000)} kB" in CARD
    assert f"{model['trained_on']['commits']:,} commits of {model['trained_on']['repositories']} public" in CARD
    assert f"{sum(1 for rule in builtin_rules().rules if rule.words)} themes" in CARD


def test_the_weights_stay_under_a_megabyte() -> None:
    assert len(WEIGHTS.encode()) < 1_000_000


def test_the_card_tells_the_threshold_that_is_shipped() -> None:
    found = re.search(r"The shipped threshold, (\.\d+),", CARD)
    assert found is not None
    assert float(found.group(1)) == load_policy().sensitivity_threshold


def test_every_word_of_a_rule_that_the_model_weighs_still_exists() -> None:
    named = {name.split()[1] for name in json.loads(WEIGHTS)["numbers"] if name.startswith("rule ")}
    assert named <= {rule.name for rule in builtin_rules().rules if rule.words}
