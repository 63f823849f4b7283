"""`/kilo fix` on the whole service: offered only where each check holds, and what failed is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reviewer.findings.fix import patch_of
from tests.service.rig import BOT, POLICY, REPOSITORY, Rig, rig
from tests.service.test_commands import reply
from tests.simulators.behaviour import Behaviour, Say

LINE = "    return price / count"
FIXED = "    return price / count if count else 0"
GUARD = '    if not count:\n        raise ValueError("count")\n    return price / count'


def edits(path: str, number: int, *pairs: tuple[str, str]) -> Say:
    rows = [
        {"path": path, "first": number + at, "last": number + at, "old": old, "new": new}
        for at, (old, new) in enumerate(pairs)
    ]
    return Say(json.dumps({"why": "It divides only where there is something.", "edits": rows}))


def verdict(outcome: str, proof: str | None) -> Say:
    row = {"number": 1, "proof": proof, "same_as": None, "severity": None, "line": None, "reason": "It is checked."}
    return Say(json.dumps({"verdicts": [{**row, "verdict": outcome}]}))


GONE = verdict("false", FIXED.strip())


@pytest.fixture
def number(service: Rig) -> int:
    made = service.open()
    service.work()
    return made


def fixing(service: Rig, number: int, *script: Behaviour | Callable[[Any], Behaviour]) -> str:
    """Say /kilo fix in the thread of the division, and return the answer."""
    root = next(row for row in service.shown(number).inline if row.original_line == 5)
    service.reviewer.next.extend(script)
    asked = service.calls
    answer = reply(service, root, "/kilo fix")[-1]
    assert answer.user.login == BOT
    assert (service.calls - asked, service.reviewer.next) == (len(script), []), answer.body
    return answer.body


def test_one_place_becomes_a_suggestion_that_says_what_was_checked(service: Rig, number: int) -> None:
    answer = fixing(service, number, edits("shop/orders.py", 5, (LINE, FIXED)), GONE)
    assert f"```suggestion\n{FIXED}\n```" in answer
    for check in ("it applies to the head", "still parses", "no analyser ran", "shows that the finding is gone"):
        assert check in answer
    assert "Cost: $" in answer


def test_several_places_become_a_patch(service: Rig, number: int) -> None:
    signature = "def mean(price, count):"
    pairs = (signature, "def mean(price, count=1):"), (LINE, FIXED)
    answer = fixing(service, number, edits("shop/orders.py", 4, *pairs), GONE)
    assert "git apply" in answer
    assert "```diff\ndiff --git a/shop/orders.py b/shop/orders.py\n--- a/shop/orders.py" in answer
    assert f"+{FIXED}" in answer
    assert "```suggestion" not in answer


def test_in_the_conversation_the_finding_is_named_and_the_fix_stands_in_its_thread(
    service: Rig, number: int
) -> None:
    root = next(row for row in service.shown(number).inline if row.original_line == 5)
    service.reviewer.next.extend([edits("shop/orders.py", 5, (LINE, FIXED)), GONE])
    service.command(number, f"/kilo fix {root.id}")
    service.work()
    assert "```suggestion" in service.shown(number).inline[-1].body
    service.command(number, "/kilo fix")
    service.work()
    assert "Which finding?" in service.simulator.issue_comments(REPOSITORY, number)[-1].body


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ([Say('{"why": "It is right as it is.", "edits": []}')], "the model gave no fix"),
        ([edits("shop/orders.py", 4, (LINE, FIXED))], "are not what the model replaces"),
        ([edits("shop/report.py", 5, ("    handle = open(name)", "    pass"))], "a file that it was not shown"),
        ([edits("shop/orders.py", 5, (LINE, "    return (price / count"))], "would not parse any more"),
        ([edits("shop/orders.py", 5, (LINE, FIXED)), verdict("stands", None)], "does not show that the finding"),
        ([edits("shop/orders.py", 5, (LINE, FIXED)), verdict("false", "no such line")], "does not show that"),
        ([edits("shop/orders.py", 5, (LINE, FIXED)), Say("no JSON at all")], "does not show that the finding"),
    ],
)
def test_what_fails_a_check_is_not_offered_and_the_answer_says_which(
    service: Rig, number: int, script: list[Say], why: str
) -> None:
    answer = fixing(service, number, *script)
    assert answer.split("\n", 1)[1].startswith("No fix is offered: ")
    assert why in answer
    assert "```" not in answer


def test_a_head_that_moves_while_the_fix_is_made_gets_none(service: Rig, number: int) -> None:
    def push(_body: Any) -> Behaviour:
        service.push(number, {"shop/more.py": "MORE = 1\n"})
        return GONE

    answer = fixing(service, number, edits("shop/orders.py", 5, (LINE, FIXED)), push)
    assert "The pull request moved on since this finding was made" in answer
    assert "```" not in answer


def test_a_patch_without_a_last_line_end_says_so_as_git_does() -> None:
    patch = patch_of({"a b.txt": b"one\ntwo"}, {"a b.txt": b"one\n2\n"})
    assert "-two\n\\ No newline at end of file\n+2\n" in patch


def test_of_twenty_findings_every_fix_that_is_offered_parses_passes_analysers_and_refutes(
    tmp_path: Path,
) -> None:
    """Of twenty made findings the script fixes half well; the others fail one check each, and none is offered."""
    with rig(tmp_path, policy=f"{POLICY}\n[triggers]\nmax_reviews_per_hour = 100\n") as service:
        offered = fix_twenty(service)
    assert offered == 10


def fix_twenty(service: Rig) -> int:
    """Ask for a fix of each finding; return how many were offered."""
    files = {
        f"shop/part{index}.py": f'"""Part {index}."""\n\n\ndef mean(price, count):\n{LINE}\n' for index in range(20)
    }
    number = service.open(files)
    service.work()
    wrong = (
        [edits("x", 5, (LINE, FIXED)), None],
        [edits("", 4, (LINE, FIXED)), None],
        [edits("", 5, (LINE, "    return (")), None],
        [edits("", 5, (LINE, FIXED)), verdict("stands", None)],
    )
    known = service.ledger.findings.of_pull_request(service.row(number).key.repo_id, number)
    assert len(known) == 20
    offered = 0
    for index, finding in enumerate(known):
        first, second = [edits("", 5, (LINE, FIXED)), GONE] if index % 2 else wrong[index // 2 % 4]
        text = first.text.replace('"path": ""', json.dumps({"path": finding.path})[1:-1])
        service.reviewer.next.extend([Say(text), *([second] if second else [])])
        service.command(number, f"/kilo fix {finding.fingerprint[:12]}")
        service.work()
        everything = service.simulator.issue_comments(REPOSITORY, number) + service.shown(number).inline
        answer = max((row for row in everything if row.user.login == BOT), key=lambda row: row.id).body
        assert service.reviewer.next == [], answer
        good = "shows that the finding is gone" in answer and "still parses" in answer
        assert good == ("```" in answer) == bool(index % 2), answer
        offered += good
    return offered
