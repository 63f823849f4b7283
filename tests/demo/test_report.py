from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from policies.words import Payment, Severity, Tier
from reviewer.change.model import Anchor, Change, Side
from reviewer.demo import report, sample
from reviewer.demo.simulator.conversation import CheckView, Comment, Conversation, FileView, ThreadView
from reviewer.demo.terminal import Style, markdown
from reviewer.findings.model import Category, Coverage, Disposition, Finding, PlacedFinding, Reviewed, Skipped
from reviewer.models.model import Call, Stage, Usage
from reviewer.steps.result import Review, ReviewStatus

NOW = datetime(2026, 3, 2, tzinfo=UTC)
BOT = "kilo-review[bot]"


def talk(threads: Sequence[tuple[str, int]], patches: dict[str, str]) -> Conversation:
    """A conversation whose threads are (path, position in the patch)."""
    files = tuple(
        FileView(
            path,
            None,
            "modified",
            1,
            0,
            patch,
            tuple(
                ThreadView(path, position, None, "RIGHT", position, False, (Comment(BOT, f"Title of {path}", NOW),))
                for where, position in threads
                if where == path
            ),
        )
        for path, patch in patches.items()
    )
    comments = (Comment("mira", "hello", NOW), Comment(BOT, "the summary", NOW))
    checks = (CheckView("Kilo Review", "completed", "neutral", "Done", ""),)
    return Conversation(
        "acme/shop",
        1,
        "T",
        "",
        "mira",
        "open",
        "main",
        "topic",
        "a" * 40,
        1,
        "http://x",
        (),
        comments,
        (),
        files,
        checks,
    )


PATCHES = {planted.path: "" for planted in sample.PLANTED} | {sample.CLEAN[0]: "@@ -1 +1 @@\n+fine"}
for planted in sample.PLANTED:
    PATCHES[planted.path] = (PATCHES[planted.path] or "@@ -0,0 +1,9 @@") + f"\n+{planted.text}"


def position_of(planted: sample.Planted) -> tuple[str, int]:
    lines = PATCHES[planted.path].split("\n")
    return planted.path, next(index for index, line in enumerate(lines) if planted.text in line)


def test_the_self_check_counts_what_analysers_must_find_and_what_only_a_model_can() -> None:
    certain = [planted for planted in sample.PLANTED if planted.by_analyser]
    good = report.check_sample(talk([position_of(planted) for planted in certain], PATCHES))
    assert good.good
    assert good.found == tuple(certain)
    assert len(good.missed_by_model) == len(sample.PLANTED) - len(certain)


def test_a_missed_defect_or_a_comment_on_a_clean_file_is_not_good() -> None:
    certain = [planted for planted in sample.PLANTED if planted.by_analyser]
    missed = report.check_sample(talk([position_of(planted) for planted in certain[1:]], PATCHES))
    assert (missed.good, missed.missed) == (False, (certain[0],))
    noisy = [*(position_of(planted) for planted in certain), (sample.CLEAN[0], 1)]
    assert report.check_sample(talk(noisy, PATCHES)).on_clean == (f"{sample.CLEAN[0]}:1",)


CALL = Call(
    unit="u",
    stage=Stage.REVIEW,
    tier=Tier.EFFICIENT,
    provider="p",
    model="m",
    payment=Payment.OWN_KEY,
    usage=Usage(input=100, output=5),
    cost=Decimal("0.00125"),
    latency_ms=7,
    attempt=1,
    ok=True,
)
FINDING = Finding("shop/db.py", 1, Severity.HIGH, Category.DEFECT, "Title of shop/db.py", "b", "ruff:S608", "f")
OTHER = replace(FINDING, title="Another", source="model:m")


def review() -> Review:
    anchor = Anchor("shop/db.py", Side.RIGHT, 1)
    placed = tuple(PlacedFinding(row, Disposition.INLINE, anchor=anchor) for row in (OTHER, FINDING))
    coverage = Coverage(
        (Reviewed("shop/db.py", "@@ -1 +1 @@", "model:m"),),
        (Skipped("web/package-lock.json", "", "a lock file", True),),
    )
    return Review(Change("", "", ()), ReviewStatus.COMPLETE, findings=placed, coverage=coverage)


def test_the_document_has_the_comments_with_their_sources_the_summary_and_the_money() -> None:
    document = report.document(
        talk([("shop/db.py", 1)], PATCHES),
        bot=BOT,
        review=review(),
        calls=[CALL, CALL],
        timings_ms={"ack": 5, "first_model_request": None, "published": 9},
        model="m",
    )
    assert document["comments"] == [
        {
            "path": "shop/db.py",
            "line": 1,
            "start_line": None,
            "side": "RIGHT",
            "body": "Title of shop/db.py",
            "source": "ruff:S608",
        }
    ]
    assert document["summary"] == "the summary"
    assert document["check_run"] == {"conclusion": "neutral", "title": "Done"}
    assert document["cost_usd"] == 0.0025
    assert document["coverage"]["complete"] is True
    assert document["coverage"]["skipped"][0]["reason"] == "a lock file"
    assert [row["tokens"]["input"] for row in document["calls"]] == [100, 100]


def test_an_unknown_price_is_null_and_not_zero() -> None:
    document = report.document(
        talk([], PATCHES), bot=BOT, review=None, calls=[CALL, replace(CALL, cost=None)], timings_ms={}, model=""
    )
    assert document["cost_usd"] is None
    assert document["calls"][1]["cost_usd"] is None
    assert document["coverage"] is None


def test_links_are_their_text_in_the_terminal_and_tables_are_laid_out() -> None:
    body = "| a | b |\n|:--|:--|\n| [`x.py:1`](http://127.0.0.1/x) | [one [two]](https://example.com) |"
    text = markdown(body, Style(colour=False))
    assert "http" not in text
    assert "x.py:1" in text
    assert "one [two]" in text
    assert "|:--" not in text
    assert "\x1b" not in text
