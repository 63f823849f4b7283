"""Hostile answers from the model's text to the bytes that GitHub gets: parse, check, redact, render, last look.

`HOSTILE_ANSWERS=10000` runs the whole campaign; the suite runs a short one.
"""

from __future__ import annotations

import json
import os
import random

import pytest

from policies.words import Severity
from reviewer.change.anchor import Anchors
from reviewer.change.model import Unit
from reviewer.change.parse import parse_diff
from reviewer.change.paths import quote
from reviewer.findings.check import check_answer
from reviewer.findings.model import Coverage, Disposition, PlacedFinding, Reviewed, Skipped
from reviewer.findings.parse import parse_answer
from reviewer.models.model import Completion, FinishReason, Usage
from reviewer.publish.check import render_check, verdict_of
from reviewer.publish.comments import comment_row
from reviewer.publish.marker import read_marker
from reviewer.publish.outgoing import AS_PLAIN_TEXT, outgoing, outgoing_output
from reviewer.publish.redact_own_secrets import OwnSecrets
from reviewer.publish.summary import SummaryInput, render_summary
from reviewer.steps.redact_review import redact_review
from reviewer.steps.result import Review, ReviewStatus
from tests.publish.rendered import problems, tags
from tests.publish.samples import BASE, HEAD, call, full_review, inline
from tests.publish.test_sanitize import ATTACKS

ANSWERS = int(os.environ.get("HOSTILE_ANSWERS", "60"))
URL = "https://github.example/acme/shop"
CANARY = "canary-Zk39xQ7pLm2VtR8wYb5N"
SECRETS = OwnSecrets([CANARY])
# What the second filter used to eat, and what it left alive.
EATEN = [
    'pass&#119;ord="aaaaaaaaaa`x" ![a](https://evil.example/x.png) @octocat <b>hi</b>',
    'password="aaaaaaaaaa`x" ![a](https://evil.example/x.png) @octocat <b>hi</b>',
    "-----BEGIN RSA PRIVATE KEY-----",
    "-----BEGIN OPENSSH PRIVATE KEY-----\n" + "bW9" * 20 + "\n",
    f"`{CANARY}` ``{CANARY[:14]}` @octocat `{CANARY[14:]}``",
    "api_key: '`@octocat",
    "secret = \"**@octocat** `<img src=x>`\"",
    "gh" + "p_" + "a1" * 18 + "`@octocat",
    "https://user:pa`@octocat` ss@evil.example",
]  # fmt: skip
PIECES = [
    *ATTACKS, *EATEN, CANARY, "`", "``", "```", "~~~", "`" * 90, "@", "#1", "#", "\n", "\n\n", "- ", "1. ", "> ",
    "    ", "<", ">", "[", "](", ")", "!", "&#64;", "octocat", "*", "**", "_", "__", "\\", "|", "\\|", "/kilo", " ",
    "https:", "//", "www", ".", ":", "$", "<b>", "-->", "<!--", "&lt;", "\t", "\r\n", "=", "---", "\u200b",
    "\u3164",     "é", "x", "GH-1", "deadbe3f", "password=", '"', "'", ":+1:", "~~", "[^1]", "(",
    "{", "%40", "@\u0301",
]  # fmt: skip


def hostile_text(dice: random.Random, pieces: int = 8) -> str:
    return "".join(dice.choice(PIECES) for _ in range(dice.randint(1, pieces)))


def hostile_path(dice: random.Random) -> str:
    words = "".join(hostile_text(dice, 3).split("\n")).replace("\r", "").replace("\0", "").strip(" ./\t")
    parts = [part for part in words[:120].split("/") if part.strip(". ")]
    return f"src/{'/'.join(parts) or 'x'}.py"


def answered(dice: random.Random) -> Review:
    """A review of one hostile answer about a file with a hostile name, through the checks."""
    path = hostile_path(dice)
    name = quote(f"a/{path}"), quote(f"b/{path}")
    lines = "".join(f"+{line}\n" for line in ("import os", "x = 1", "return x"))
    change = parse_diff(f"--- {name[0]}\n+++ {name[1]}\n@@ -1,1 +1,4 @@\n a\n{lines}", base=BASE, head=HEAD)
    (hunk,) = change.hunks
    unit = Unit("u1", (hunk,), "one hunk")
    text = json.dumps({
        "findings": [
            {
                "path": hunk.path, "line": 2 + number, "quote": quoted, "category": "defect",
                "severity": dice.choice(["critical", "low"]), "title": hostile_text(dice),
                "body": hostile_text(dice, 14),
                "suggestion": dice.choice([None, hostile_text(dice)]), "confidence": 0.9,
                "evidence": [hostile_text(dice, 3)],
            }
            for number, quoted in enumerate(("import os", "x = 1", "return x"))
        ],
        "uncertain": False,
        "lookups": [],
    })  # fmt: skip
    completion = Completion(text, FinishReason.STOP, Usage(), hostile_text(dice, 2))
    anchors = Anchors.from_change(change)
    checked = check_answer(parse_answer(text, unit), completion, unit, anchors, None)
    found = [*checked.good, *(failure.finding for failure in checked.failures if failure.finding is not None)]
    placed = []
    for finding in found:
        anchor = anchors.place(finding.path, finding.line, finding.start_line, finding.side)
        if anchor is not None and dice.random() < 0.6:
            placed.append(PlacedFinding(finding, Disposition.INLINE, anchor=anchor, score=0.9))
        else:
            fate = dice.choice([fate for fate in Disposition if fate is not Disposition.INLINE])
            placed.append(PlacedFinding(finding, fate, reason=hostile_text(dice, 4)))
    base = full_review()
    return Review(
        change,
        ReviewStatus.COMPLETE,
        tuple(placed),
        coverage=Coverage(
            (Reviewed(path, hunk.header, "model:x"),), (Skipped(path, "", hostile_text(dice), False),)
        ),
        calls=(call(error=hostile_text(dice), ok=False),),
        routes=tuple(
            type(route)(route.unit, (path,), route.tier, hostile_text(dice, 2), (hostile_text(dice, 3),))
            for route in base.routes
        ),
        notices=(hostile_text(dice), hostile_text(dice)),
        context_limits=(hostile_text(dice, 3),),
    )


def sent(review: Review) -> dict[str, tuple[str, bool]]:
    """Everything that GitHub renders of a review, as it gets it, and whether it may hold a suggestion."""
    redacted = redact_review(review, SECRETS)
    output = outgoing_output(
        render_check(redacted, verdict_of(redacted, fail_on=Severity.LOW), summary_url=f"{URL}/pull/1").output,
        SECRETS,
    )
    out = {"summary": (outgoing(render_summary(SummaryInput(redacted, repository_url=URL)), SECRETS), False)}
    out |= {f"check {name}": (str(output[name]), False) for name in ("summary", "text") if name in output}
    for number, placed in enumerate(redacted.findings):
        if placed.disposition is Disposition.INLINE:
            out[f"comment {number}"] = (str(comment_row(placed, head=HEAD, secrets=SECRETS)["body"]), True)
    return out


def judged(review: Review) -> list[str]:
    found = []
    for name, (body, may_suggest) in sent(review).items():
        found += [f"{name}: {what}" for what in problems(body, own_links=URL, may_suggest=may_suggest)]
        if SECRETS.finds(body):
            found.append(f"{name}: a secret")
        if name == "summary" and tags(body).count("details") < 2 and AS_PLAIN_TEXT not in body:
            found.append("summary: its folds are gone")
    return found


@pytest.mark.parametrize("part", range(4))
def test_nothing_of_a_hostile_answer_comes_alive_in_what_is_sent(part: int) -> None:
    first, last = ANSWERS * part // 4, ANSWERS * (part + 1) // 4
    bad = {seed: found for seed in range(first, last) if (found := judged(answered(random.Random(seed))))}
    assert bad == {}


@pytest.mark.parametrize("text", EATEN)
def test_text_that_looks_like_a_secret_takes_nothing_of_our_own_markdown_along(text: str) -> None:
    review = full_review()
    review = Review(
        review.change, review.status, (inline(title=text, body=text, path="app/db.py"), *review.findings[1:]),
        coverage=review.coverage, notices=(text,),
    )  # fmt: skip
    assert judged(review) == []
    body = sent(review)["summary"][0]
    assert "is unused" in body
    assert "is never called" in body


def test_a_secret_that_only_shows_once_texts_stand_together_is_shown_as_plain_text() -> None:
    first = inline(path="app/db.py", title=f"{CANARY[:13]}", body=CANARY[13:])
    body = str(comment_row(first, head=HEAD, secrets=SECRETS)["body"])
    assert read_marker(body) is not None
    assert AS_PLAIN_TEXT in body
    assert "[redacted]" in body
    assert "confidence 90 %" in body
    assert not SECRETS.finds(body)
    assert tags(body) == ["p", "pre", "code"]
    assert problems(body) == []


def test_what_holds_no_secret_is_sent_as_it_was_rendered() -> None:
    body = "**password** = `not-here`, api_key: `x`\n\n```py\nsecret = load()\n```"
    assert outgoing(body, SECRETS) is body


def test_a_check_run_is_looked_at_in_every_text() -> None:
    output = {"title": CANARY, "summary": f"**{CANARY}**", "text": "fine", "annotations": [
        {"path": "a.py", "start_line": 1, "title": CANARY, "message": f"see {CANARY}"}
    ]}  # fmt: skip
    sent_output = outgoing_output(output, SECRETS)
    assert CANARY not in json.dumps(sent_output)
    assert sent_output["text"] == "fine"
    assert sent_output["annotations"][0]["path"] == "a.py"
