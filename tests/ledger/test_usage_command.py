"""`usage` and `reviews` as scripts use them: keys on an empty ledger, both ledgers, exports without formulas."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from kilo_review import main
from policies.budgets import Account
from reviewer.ledger.books.export import csv_lines, every_row, json_lines
from reviewer.ledger.books.reviews import ReviewFilter, reviews
from reviewer.ledger.books.visible import OPERATOR
from reviewer.ledger.books.window import MAX_ROWS, Page, Window
from reviewer.ledger.books.work import DeliveryLine
from reviewer.ledger.facts import ReviewFacts
from reviewer.ledger.keys import ReviewKey
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.money import Terms
from tests.ledger.make import MINUTE, call, intent

KEYS = {"cost_per_accepted_finding_usd", "review_cost_usd", "rates", "spend_usd", "people"}


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KILO_REVIEW_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("KILO_REVIEW_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def store(url: str, cost: str, *, title: str = "") -> int:
    """Store a call of now, with a review where it has a title."""
    ledger = Ledger.open(url)
    ledger.migrate()
    now = datetime.now(UTC)
    review_id = 0
    if title:
        key = ReviewKey(1, 2, 3, "a" * 40)
        payload = {"repository": "acme/app"}
        review_id = ledger.requests.accept(key, actor="bob", payload=payload, now=now).review_id
        lease = ledger.reviews.begin(review_id, "w", now, MINUTE)
        assert lease is not None
        facts = ReviewFacts(title, "eve", "acme/app", "code", "complete", True, 1.0, 0)
        ledger.facts.save(lease, facts, now)
    terms = Terms(Account(run="r", user="bob", repository="acme/app"), (), review_id or None)
    ledger.money.reserve("r", Decimal(1), intent(), terms, now)
    ledger.money.settle("r", call(cost), now)
    ledger.close()
    return review_id


def test_usage_has_every_key_where_nothing_is_stored(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["usage", "--format", "json"]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert set(told) >= KEYS
    assert told["cost_per_accepted_finding_usd"] is None
    assert told["spend_usd"]["service"] == told["spend_usd"]["local"] == "0"
    assert said.err.count("nothing is stored there") == 2
    # Asking makes no ledger.
    assert not (folders / "state").exists()


def test_usage_tells_local_spend_beside_the_services(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(f"sqlite:///{folders / 'state' / 'ledger.sqlite'}", "0.5", title="A change")
    store(f"sqlite:///{folders / 'cache' / 'local.sqlite'}", "0.25")
    assert main(["usage", "--format", "json", "--by", "model", "--since", "1d"]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert (told["spend_usd"]["service"], told["spend_usd"]["local"]) == ("0.5", "0.25")
    assert told["review_cost_usd"]["median"] == "0.5"
    assert [(row["name"], row["sums"]["cost_usd"]) for row in told["groups"]] == [("vendor/model", "0.75")]
    assert str(folders / "state" / "ledger.sqlite") in said.err
    assert str(folders / "cache" / "local.sqlite") in said.err
    assert main(["usage"]) == 0
    assert "local reviews $0.25" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["usage", "--since", "soon"], "--since: not a date"),
        (["usage", "--since", "9999d"], "1 to 366 days"),
        (["usage", "--until", "2026-13-01"], "--until: not a date"),
        (["reviews", "show"], "needs the id"),
        (["reviews", "show", "7"], "no review 7"),
    ],
)
def test_wrong_use_is_one_line_with_a_remedy(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_reviews_are_listed_shown_and_exported_without_formulas(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    title = '=HYPERLINK("http://x")\x1b[31m'
    review_id = store(f"sqlite:///{folders / 'state' / 'ledger.sqlite'}", "0.5", title=title)
    assert main(["reviews", "--repository", "acme/app", "--format", "csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["id"], row["cost_usd"], row["title"][:11]) == (str(review_id), "0.5", "'=HYPERLINK")
    assert main(["reviews", "--format", "json", "--min-cost", "0.5"]) == 0
    assert [each["author"] for each in json.loads(capsys.readouterr().out)] == ["eve"]
    assert main(["reviews", "--format", "json", "--min-cost", "0.6"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["reviews", "show", str(review_id)]) == 0
    shown = capsys.readouterr().out
    assert "kilo/vendor/model: $0.50, 1000 in (400 cached), 50 out, 12 ms, ok" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "  =", "\r@"])
def test_no_cell_begins_a_formula(start: str) -> None:
    line = DeliveryLine(1, f"{start}1+1", "", "", -5, "", "", "", "", datetime(2026, 1, 1, tzinfo=UTC))
    (row,) = csv.DictReader(io.StringIO("".join(csv_lines([line])), newline=""))
    assert row["delivery"] == f"'{start}1+1"
    # A number is no text.
    assert row["number"] == "-5"


def test_an_export_reads_one_page_at_a_time(ledger: Ledger) -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    for number in range(7):
        ledger.requests.accept(ReviewKey(1, 2, number, "a"), actor="bob", payload={}, now=now)
    asked: list[int] = []

    def read(page: Page):
        asked.append(page.rows)
        small = Page(min(page.rows, 3), page.after)
        return reviews(ledger.db, OPERATOR, Window.last(now), ReviewFilter(), small)

    lines = json_lines(every_row(read))
    next(lines)
    # The first row is there after one page.
    assert asked == [MAX_ROWS]
    assert len(json.loads("".join(json_lines(every_row(read))))) == 7
    assert [row.number for row in every_row(read, 4)] == [6, 5, 4, 3]
