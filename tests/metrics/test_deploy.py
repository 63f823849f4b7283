"""The board and the alert rules in deploy/ name metrics, labels and values that the program really serves."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from policies.words import Check
from reviewer.ledger.keys import ReviewState
from reviewer.ledger.statistics import CallGroup, Ended, Unfinished
from reviewer.metrics.read import Metrics
from reviewer.models.model import Usage
from tests.shared import ROOT
from webhooks.delivery_counts import DECISIONS

NAME = re.compile(r"\bkilo_review_[a-z_]+")
SELECTOR = re.compile(r"(kilo_review_[a-z_]+)\{([^}]*)\}")
GROUPED = re.compile(r"by \(([a-z, ]+)\)")
BOARD = ROOT / "deploy" / "grafana" / "kilo-review.json"
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
NOW = datetime(2026, 12, 1, tzinfo=UTC)


class Everything:
    """A ledger that has one of everything."""

    def unfinished(self, now: datetime) -> Unfinished:
        return Unfinished((("running", 1),), 1, now, 1)

    def last_settled_review(self) -> int:
        return 0

    def ended(self, _after: int, _until: int | None = None) -> list[Ended]:
        return [Ended(state.value, 1, 1.0, 1, 1) for state in ReviewState if state.final]

    def calls(self, _since: datetime, _until: datetime | None = None) -> list[CallGroup]:
        one = Decimal(1)
        usage = Usage(1, 1, 1, 1, 1)
        return [
            CallGroup("kilo", "m", "escalation", outcome, Check.REFUSED.value, 1, usage, one, one, 1, 1, 1, 1.0)
            for outcome in ("answered", "failed", "unconfirmed")
        ]

    def open_calls(self) -> int:
        return 1

    def refusing(self, *_: object) -> int:
        return 1


class Queue:
    def length(self) -> int | None:
        return 1


@pytest.fixture(scope="module")
def served() -> dict[str, list[dict[str, str]]]:
    """The samples of one scrape: name -> the labels of each."""
    deliveries = {("pull_request", decision): 1 for decision in DECISIONS}
    metrics = Metrics(Everything(), Queue(), lambda: deliveries, now=lambda: NOW)  # type: ignore[arg-type]
    samples: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append(sample.labels)
    return samples


def expressions() -> list[str]:
    board: dict[str, Any] = json.loads(BOARD.read_text())
    rules: dict[str, Any] = yaml.safe_load(RULES.read_text())
    on_board = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return [*on_board, *(rule["expr"] for group in rules["groups"] for rule in group["rules"])]


def test_every_metric_that_they_name_is_served(served: dict[str, list[dict[str, str]]]):
    named = {name for expression in expressions() for name in NAME.findall(expression)}
    assert len(named) > 15
    assert named - set(served) == set()


def test_every_label_and_value_that_they_select_is_served(served: dict[str, list[dict[str, str]]]):
    for expression in expressions():
        for name, selectors in SELECTOR.findall(expression):
            for label, operator, value in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', selectors):
                values = {labels[label] for labels in served[name]}
                assert set(value.split("|") if operator == "=~" else [value]) <= values, (name, label)
        labels = {label for name in NAME.findall(expression) for row in served[name] for label in row}
        for group in GROUPED.findall(expression):
            assert set(group.split(", ")) <= labels | {"instance"}, expression


def test_every_metric_that_is_served_is_described_on_the_page_and_no_other(served: dict[str, list[dict[str, str]]]):
    page = next(path for path in (ROOT / "docs").rglob("operate.md")).read_text()
    families = {re.sub(r"_(count|sum)$", "", name) for name in served if not name.endswith("_created")}
    described = set(re.findall(r"`(kilo_review_[a-z_]+)`", page))
    assert described == families


def test_the_rules_say_what_is_wrong_and_how_grave_it_is():
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 8
    for rule in rules:
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["description"].endswith(".")


def test_a_panel_has_a_place_of_its_own_on_the_board():
    panels = json.loads(BOARD.read_text())["panels"]
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_a_ledger_or_a_queue_that_does_not_answer_is_a_metric_too():
    from reviewer.errors import LedgerUnavailable

    class Gone(Everything):
        def unfinished(self, now: datetime) -> Unfinished:
            raise LedgerUnavailable("gone")

    class Silent(Queue):
        def length(self) -> int | None:
            return None

    text = Metrics(Gone(), Silent(), dict, now=lambda: NOW).text().decode()  # type: ignore[arg-type]
    assert "kilo_review_ledger_up 0.0" in text
    assert "kilo_review_queue_up 0.0" in text
    assert "kilo_review_queue_length" not in text.replace("# ", "")
