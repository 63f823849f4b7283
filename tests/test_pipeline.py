"""The pipeline on real parts: git repositories, sockets, the ledger; only the provider is simulated."""

from __future__ import annotations

import argparse
import json
import random
import string
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from policies.load import load_policy
from policies.words import Check, Severity, Tier
from reviewer.change.parse import parse_diff
from reviewer.findings.model import Disposition
from reviewer.git.commit import GitSnapshot
from reviewer.local import command
from reviewer.local.repository import find_repository
from reviewer.local.selection import Selection, select
from reviewer.local.session import open_session, review_selected
from reviewer.models.model import Stage
from reviewer.settings import Secret, Settings
from reviewer.steps.context import ReviewContext
from reviewer.steps.plan_units import gatherer_of, plan_units
from reviewer.steps.prepare import prepare
from reviewer.steps.request import ReviewRequest
from reviewer.steps.result import Review, ReviewStatus
from reviewer.steps.scope import decide_scope
from tests.local.repo import Scratch
from tests.simulators.behaviour import Behaviour, Say, Status
from tests.simulators.provider import KEY, ProviderSimulator

TOKEN = "gh" + "p_" + "".join(random.Random(5).choices(string.ascii_letters + string.digits, k=36))
CLEAN = '{"lookups": [], "findings": [], "uncertain": false}'
NOTHING = Say(CLEAN)
PAGES = "def pages(total, size):\n    return total // size + 1\n"


def finding(path: str, quote: str, **more: Any) -> dict[str, Any]:
    return {
        "path": path,
        "line": 0,
        "quote": quote,
        "evidence": [],
        "category": "defect",
        "title": "Off by one: an exact multiple gets an empty page",
        "body": "For total=20 and size=10 this returns 3 pages. Round up instead.",
        "suggestion": None,
        "severity": "medium",
        "confidence": 0.9,
        **more,
    }


def answer(*findings: dict[str, Any], **more: Any) -> str:
    return json.dumps({"lookups": [], "findings": list(findings), "uncertain": False, **more})


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    made = Scratch(tmp_path / "repo")
    made.commit(**{"paging.py": "def pages(total, size):\n    return -(-total // size)\n", "other.md": "# Notes\n"})
    return made


@contextmanager
def provider(
    default: Behaviour | Callable[[Any], Behaviour] = NOTHING, script: Iterable[Behaviour] = ()
) -> Iterator[ProviderSimulator]:
    with ProviderSimulator("openai", default=default, script=script) as running:
        yield running


def review(
    scratch: Scratch,
    running: ProviderSimulator,
    tmp_path: Path,
    *words: str,
    model: str = "",
    settings: Settings | None = None,
) -> Review:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    options = parser.parse_args([*words, *(["--model", model] if model else [])])
    settings = settings or Settings(
        state_dir=tmp_path / "state",
        cache_dir=tmp_path / "cache",
        database_url="",
        provider_keys={"openai": Secret(KEY)},
        base_urls={"openai": running.base_url},
    )
    with select(find_repository(scratch.root), Selection()) as selected:
        session = open_session(options, settings, selected.base)
        try:
            return review_selected(options, session, selected, watch=lambda _progress: None)
        finally:
            session.ledger.close()


def prompts(running: ProviderSimulator) -> str:
    return "\n".join(request.raw.decode() for request in running.requests)


def test_a_finding_on_a_changed_line_stands_beside_it_and_its_cost_is_known(scratch: Scratch, tmp_path: Path):
    scratch.write("paging.py", PAGES)
    with provider(Say(answer(finding("paging.py", "    return total // size + 1")))) as running:
        done = review(scratch, running, tmp_path)
    (placed,) = done.by_disposition(Disposition.INLINE)
    assert (placed.finding.path, placed.finding.line) == ("paging.py", 2)
    assert done.status is ReviewStatus.COMPLETE
    assert done.cost is not None
    assert done.cost > 0
    assert done.all_frontier_cost is not None
    assert done.all_frontier_cost > 0


def test_a_clean_answer_covers_every_hunk(scratch: Scratch, tmp_path: Path):
    scratch.write("paging.py", PAGES)
    with provider() as running:
        done = review(scratch, running, tmp_path)
    assert done.shown() == ()
    assert done.coverage.complete
    assert [row.by[:6] for row in done.coverage.reviewed] == ["model:"]


def test_the_same_change_is_not_paid_for_twice(scratch: Scratch, tmp_path: Path):
    scratch.write("paging.py", PAGES)
    found = Say(answer(finding("paging.py", "    return total // size + 1")))
    stands = {"number": 1, "verdict": "stands", "proof": "", "same_as": None, "reason": "it is so"}
    with provider(found, script=[found, Say(json.dumps({"verdicts": [stands]}))]) as running:
        first = review(scratch, running, tmp_path)
        asked = len(running.requests)
        second = review(scratch, running, tmp_path)
        assert (asked, len(running.requests)) == (2, 2)
    assert (second.cost, second.units_from_cache) == (Decimal(0), 1)
    assert [p.finding.fingerprint for p in second.shown()] == [p.finding.fingerprint for p in first.shown()]


def test_amending_one_hunk_pays_for_one_unit(scratch: Scratch, tmp_path: Path):
    files = {f"part{n}/mod{n}.py": f"def value_{n}():\n    return {n}\n" for n in range(4)}
    scratch.commit(**files)
    for path, text in files.items():
        scratch.write(path, text + "\n\ndef more():\n    return 1\n")
    with provider() as running:
        review(scratch, running, tmp_path)
        asked = len(running.requests)
        scratch.write("part2/mod2.py", files["part2/mod2.py"] + "\n\ndef more():\n    return 2\n")
        again = review(scratch, running, tmp_path)
        assert len(running.requests) == asked + 1
    assert again.units_from_cache == asked - 1


def test_an_answer_that_quotes_no_line_is_repaired_once_then_escalated(scratch: Scratch, tmp_path: Path):
    scratch.write("paging.py", PAGES)
    wrong = Say(answer(finding("paging.py", "this line is nowhere in the diff at all")))
    right = Say(answer(finding("paging.py", "    return total // size + 1")))
    with provider(Say(CLEAN), script=[wrong, wrong, right]) as running:
        done = review(scratch, running, tmp_path, "--strategy", "auto")
    stages = [call.stage for call in done.calls][:3]
    assert stages == [Stage.REVIEW, Stage.REPAIR, Stage.ESCALATION]
    assert [call.failed_check for call in done.calls][:2] == [Check.QUOTE, Check.QUOTE]
    (step,) = [step for step in done.escalations if step.check is Check.QUOTE]
    assert step.to_tier > step.from_tier
    assert len(done.by_disposition(Disposition.INLINE)) == 1


def test_what_no_answer_could_place_is_shown_as_it_is_and_never_passes_for_clean(scratch: Scratch, tmp_path: Path):
    scratch.write("paging.py", PAGES)
    with provider(Say(answer(finding("paging.py", "this line is nowhere in the diff at all")))) as running:
        done = review(scratch, running, tmp_path)
    assert done.by_disposition(Disposition.INLINE) == ()
    (kept,) = done.by_disposition(Disposition.UNPLACED)
    assert kept.reason.startswith("quote:")
    assert kept in done.shown()
    assert done.worst() is kept.finding.severity


def test_what_a_repaired_answer_leaves_out_is_named(scratch: Scratch, tmp_path: Path):
    scratch.write("paging.py", PAGES)
    first = answer(
        finding("paging.py", "    return total // size + 1"),
        finding("paging.py", "this line is nowhere", title="Sizes of zero divide by zero", body="size may be 0."),
    )
    with provider(NOTHING, script=[Say(first)]) as running:
        done = review(scratch, running, tmp_path)
    told = [notice for notice in done.notices if notice.startswith("left out when the model was asked again")]
    assert ["Off by one" in notice for notice in told] == [True, False]
    assert "Sizes of zero" in told[1]
    with provider(
        Say(answer(finding("paging.py", "    return total // size + 1"))), script=[Say(first)]
    ) as running:
        done = review(scratch, running, tmp_path, "--no-cache")
    (told_once,) = [notice for notice in done.notices if notice.startswith("left out")]
    assert "Sizes of zero" in told_once


VERDICTS = {
    "none": {"verdicts": []},
    "stands": {"verdicts": [{"number": 1, "proof": None, "same_as": None, "reason": "", "verdict": "stands"}]},
}


@pytest.mark.parametrize(
    ("confidence", "verdict", "decides"), [(0.9, "none", True), (0.05, "none", False), (0.05, "stands", True)]
)
def test_the_gate_counts_what_stands_beside_a_line_or_is_verified(
    scratch: Scratch, tmp_path: Path, confidence: float, verdict: str, decides: bool
):
    scratch.write("paging.py", PAGES)
    said = finding("paging.py", "    return total // size + 1", severity="high", confidence=confidence)

    def model(body: Any) -> Behaviour:
        return Say(
            json.dumps(VERDICTS[verdict]) if '"verdicts"' in json.dumps(body).replace("\\", "") else answer(said)
        )

    with provider(model) as running:
        done = review(scratch, running, tmp_path)
    (placed,) = [one for one in done.shown() if one.finding.title == said["title"]]
    assert placed.decides is decides
    assert (done.worst() is Severity.HIGH) is decides


@pytest.mark.parametrize(
    "text",
    [
        answer(finding("paging.py", "    return total // size + 1", severity="apocalyptic")),
        json.dumps({"findings": ["paging.py:5: an exact multiple gets an empty page"]}),
        answer(finding("paging.py", "this line is nowhere in the diff", severity="high")),
        answer(finding("no/such/file.py", "    return total // size + 1", severity="high")),
    ],
)
def test_what_cannot_be_placed_or_graded_reaches_the_reader_and_the_gate(
    scratch: Scratch, tmp_path: Path, text: str
):
    scratch.write("paging.py", PAGES)
    with provider(Say(text)) as running:
        done = review(scratch, running, tmp_path)
    (kept,) = done.by_disposition(Disposition.UNPLACED)
    assert kept in done.shown()
    assert done.worst() is not None
    assert done.worst() >= Severity.HIGH


def test_an_answer_of_which_a_part_cannot_be_read_keeps_the_rest_and_is_not_complete(
    scratch: Scratch, tmp_path: Path
):
    scratch.write("paging.py", PAGES)
    whole = answer(
        finding("paging.py", "    return total // size + 1"), finding("paging.py", "def pages(total, size):")
    )
    with provider(Say(whole[: whole.rindex('"title"')] + whole[whole.rindex('"title"') + 9 :])) as running:
        done = review(scratch, running, tmp_path)
    assert len(done.by_disposition(Disposition.INLINE)) == 1
    assert not done.coverage.complete
    assert "could not be read whole" in done.coverage.skipped[0].reason


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (Say("I am sorry, I cannot help with that."), "refused"),
        (Say("this is no JSON at all"), "schema"),
        (Say(""), ""),
        (Status(500), ""),
    ],
)
def test_a_model_that_says_nothing_is_never_a_clean_review(
    scratch: Scratch, tmp_path: Path, behaviour: Behaviour, words: str
):
    scratch.write("paging.py", PAGES)
    with provider(behaviour) as running:
        done = review(scratch, running, tmp_path)
    assert done.status is ReviewStatus.INCOMPLETE
    assert not done.coverage.complete
    assert any(words in skip.reason for skip in done.coverage.skipped)
    assert command.exit_status(done, "high") == command.EXIT_INCOMPLETE


def test_a_limit_stops_the_calls_and_says_so(scratch: Scratch, tmp_path: Path):
    scratch.write("paging.py", PAGES)
    with provider() as running:
        done = review(scratch, running, tmp_path, "--max-cost", "0.000001")
        assert running.requests == []
    assert done.status is ReviewStatus.STOPPED_BY_LIMIT
    assert command.exit_status(done, "high") == command.EXIT_LIMIT
    assert "limit" in done.coverage.skipped[0].reason


def test_no_secret_of_the_change_or_the_context_reaches_the_wire(scratch: Scratch, tmp_path: Path):
    scratch.commit(**{"config.py": f'KEY = "{TOKEN}"\n\n\ndef key():\n    return KEY\n'})
    scratch.write("paging.py", f"from config import key\n\nTOKEN = '{TOKEN}'\n\n\ndef use():\n    return key()\n")
    scratch.write(".env", f"SECRET={TOKEN}\n")
    with provider() as running:
        done = review(scratch, running, tmp_path)
        assert running.requests
        assert TOKEN not in prompts(running)
    assert TOKEN not in repr(done)
    assert any("secret" in notice for notice in done.notices)
    assert any(skip.path == ".env" for skip in done.coverage.skipped)


def test_a_committed_file_of_credentials_goes_to_no_model_and_its_secret_is_told(scratch: Scratch, tmp_path: Path):
    scratch.commit(**{"server.key": "old\n"})
    scratch.write("deploy/prod.env", f"PLAIN=not-a-known-format-9f8e7d\nTOKEN={TOKEN}\n")
    scratch.write(".netrc", "machine x login y password hunter2hunter2\n")
    scratch.write("server.key", "new plain key\n")
    scratch.write("paging.py", PAGES)
    scratch.git("add", "-A", "-f")
    with provider() as running:
        done = review(scratch, running, tmp_path)
    assert len(running.requests) == 1
    sent = prompts(running)
    assert not any(text in sent for text in ("PLAIN", "9f8e7d", "hunter2", "plain key", TOKEN))
    (leak,) = done.by_disposition(Disposition.INLINE)
    assert (leak.finding.path, leak.finding.line, leak.finding.source) == (
        "deploy/prod.env",
        2,
        "gitleaks:github-pat",
    )
    assert {skip.path for skip in done.coverage.skipped} == {"deploy/prod.env", ".netrc", "server.key"}
    assert "9f8e7d" not in repr(done)


def test_a_change_of_credentials_alone_asks_nobody_and_is_not_called_empty_where_one_leaks(
    scratch: Scratch, tmp_path: Path
):
    scratch.write(".env", f"TOKEN={TOKEN}\n")
    scratch.git("add", "-A", "-f")
    with provider() as running:
        done = review(scratch, running, tmp_path)
    assert running.requests == []
    assert (done.status, len(done.shown())) == (ReviewStatus.COMPLETE, 1)


def test_a_request_offers_the_model_no_tool_that_could_act(scratch: Scratch, tmp_path: Path):
    scratch.write("paging.py", PAGES)
    with provider() as running:
        review(scratch, running, tmp_path)
        bodies = [request.body for request in running.requests]
    assert bodies
    assert all("functions" not in body for body in bodies)
    assert all(not body.get("tools") for body in bodies)


def test_a_sensitive_unit_starts_at_the_frontier_and_documentation_at_the_bottom(scratch: Scratch, tmp_path: Path):
    scratch.write("auth/login.py", "def check_password(user, password):\n    return user.password == password\n")
    scratch.write("other.md", "# Notes\n\nMore words.\n")
    with provider() as running:
        done = review(scratch, running, tmp_path)
    tiers = {path: route.tier for route in done.routes for path in route.paths}
    assert tiers["auth/login.py"] is Tier.FRONTIER
    assert tiers["other.md"] < Tier.FRONTIER
    assert all(route.reasons for route in done.routes)


def test_evidence_and_model_that_say_the_same_are_one_finding_with_two_voices(scratch: Scratch, tmp_path: Path):
    scratch.write("run.py", "import subprocess\n\n\ndef run(cmd):\n    subprocess.call(cmd, shell=True)\n")
    said = finding(
        "run.py",
        "    subprocess.call(cmd, shell=True)",
        title="Command goes through a shell: shell=True allows injection",
        body="subprocess call with shell=True runs cmd through a shell; pass a list of arguments.",
        category="security",
        severity="high",
    )

    def speak(body: Any) -> Behaviour:
        listed = "Give a verdict" in json.dumps(body)
        return Say('{"verdicts": []}') if listed else Say(answer(said))

    with provider(speak) as running:
        done = review(scratch, running, tmp_path)
    (placed,) = done.by_disposition(Disposition.INLINE)
    assert placed.agreed == 2
    assert len(done.by_disposition(Disposition.DUPLICATE)) == 1


def test_a_finding_that_a_line_refutes_is_set_aside_with_that_line(scratch: Scratch, tmp_path: Path):
    scratch.write("paging.py", "def pages(total, size):\n    assert size > 0\n    return -(-total // size)\n")
    said = finding("paging.py", "    return -(-total // size)", title="Division by zero", severity="high")

    def speak(body: Any) -> Behaviour:
        if "Give a verdict" in json.dumps(body):
            verdict = {
                "number": 1,
                "proof": "    assert size > 0",
                "same_as": None,
                "reason": "size is checked",
                "verdict": "false",
            }
            return Say(json.dumps({"verdicts": [verdict]}))
        return Say(answer(said, finding("paging.py", "    assert size > 0", title="assert goes away under -O")))

    with provider(speak) as running:
        done = review(scratch, running, tmp_path)
    refuted = done.by_disposition(Disposition.UNVERIFIED)
    assert [placed.finding.title for placed in refuted] == ["Division by zero"]
    assert "assert size > 0" in refuted[0].reason
    assert [placed.finding.title for placed in done.by_disposition(Disposition.INLINE)] == [
        "assert goes away under -O"
    ]


def test_prompts_are_the_same_bytes_every_time(scratch: Scratch, tmp_path: Path):
    scratch.write("paging.py", PAGES)
    seen = []
    for _ in range(2):
        with provider() as running:
            review(scratch, running, tmp_path, "--no-cache")
            seen.append([request.body["messages"] for request in running.requests])
    assert seen[0] == seen[1]


class NoModel:
    """No tier has a model; units are planned all the same."""

    def candidate(self, _tier: Tier) -> None:
        return None


def test_what_units_share_stands_before_all_but_the_first(scratch: Scratch):
    names = ("bill", "cart", "desk", "edge")
    pages = {f"{name}/{name}.py": f"from money import settle\n\n\ndef {name}(x):\n    return x\n" for name in names}
    guide = {"AGENTS.md": "## Build\n" + "Run make.\n" * 500 + "## Style\nMoney is Decimal.\n"}
    base = scratch.commit(**{"money.py": "def settle(amount):\n    return round(amount, 2)\n", **pages, **guide})
    steps = "".join(f"    x = x + {number}\n" for number in range(100))
    head = scratch.commit(
        **{path: text.replace("    return x\n", f"{steps}    return settle(x)\n") for path, text in pages.items()}
    )
    change = parse_diff(scratch.git("diff", base, head) + "\n", base=base, head=head)
    request, policy = ReviewRequest(change), replace(load_policy(), unit_tokens=1500)
    with GitSnapshot.open(scratch.root / ".git", head) as new, GitSnapshot.open(scratch.root / ".git", base) as old:
        scope = decide_scope(change, policy, head=new, base=old)
        context = ReviewContext(policy, NoModel(), new, old)
        prepared = prepare(request, scope, context)
        plans = list(plan_units(prepared, gatherer_of(prepared, context), context))
    assert len(plans) == len(names)
    assert ["def settle" in plan.prompt.shared for plan in plans] == [False, True, True, True]
    assert "def settle" in plans[0].prompt.unit
    assert len({plan.prompt.shared for plan in plans[1:]}) == 1
    # The guidelines come first of all, so that the first unit's prompt already begins like the others'.
    assert "Money is Decimal." in plans[0].prompt.shared
    assert "Run make." not in plans[0].prompt.shared
    assert all(plan.prompt.shared.startswith(plans[0].prompt.shared) for plan in plans)


def test_a_model_may_look_a_definition_up_once_before_it_answers(scratch: Scratch, tmp_path: Path):
    scratch.commit(
        **{"lib/rounding.py": "def round_up(value):\n    # rounds half to even\n    return round(value)\n"}
    )
    scratch.write("paging.py", "def pages(total, size):\n    return total / size\n")
    wanted = {"kind": "definition", "name": "round_up", "path": None, "start_line": None, "end_line": None}

    def speak(body: Any) -> Behaviour:
        seen = "rounds half to even" in json.dumps(body)
        return Say(answer()) if seen else Say(answer(lookups=[wanted], uncertain=True))

    with provider(speak) as running:
        done = review(scratch, running, tmp_path)
    assert [call.stage for call in done.calls] == [Stage.REVIEW, Stage.LOOKUP]
    assert done.status is ReviewStatus.COMPLETE


def test_nothing_to_review_asks_nobody(scratch: Scratch, tmp_path: Path):
    with provider() as running:
        done = review(scratch, running, tmp_path)
        assert running.requests == []
    assert done.status is ReviewStatus.EMPTY


def test_what_was_looked_up_is_shown_to_who_verifies_and_costs_nothing_again(scratch: Scratch, tmp_path: Path):
    scratch.commit(
        **{"lib/rounding.py": "def round_up(value):\n    # rounds half to even\n    return round(value)\n"}
    )
    scratch.write("paging.py", "def pages(total, size):\n    return total / size\n")
    wanted = {"kind": "definition", "name": "round_up", "path": None, "start_line": None, "end_line": None}
    said = finding("paging.py", "    return total / size", severity="high", evidence=["lib/rounding.py:3"])
    verifying = []

    def speak(body: Any) -> Behaviour:
        text = json.dumps(body)
        if "Give a verdict" in text:
            verifying.append("rounds half to even" in text)
            return Say('{"verdicts": []}')
        return Say(answer(said) if "rounds half to even" in text else answer(lookups=[wanted], uncertain=True))

    with provider(speak) as running:
        first = review(scratch, running, tmp_path)
        asked = len(running.requests)
        again = review(scratch, running, tmp_path)
        assert len(running.requests) == asked
    assert verifying == [True]
    assert [placed.score for placed in again.shown()] == [placed.score for placed in first.shown()]


def test_a_cheap_model_that_stands_in_for_the_frontier_is_verified_as_the_cheap_one(
    scratch: Scratch, tmp_path: Path
):
    line = "    return database.execute('select * from users where name = ' + password)"
    scratch.write("auth/login.py", f"def login(database, password):\n{line}\n")
    said = finding("auth/login.py", line, title="The query is built from its input")

    def speak(body: Any) -> Behaviour:
        return Say('{"verdicts": []}' if "Give a verdict" in json.dumps(body) else answer(said))

    with provider(speak) as to:
        settings = Settings(
            state_dir=tmp_path / "state", cache_dir=tmp_path / "cache", database_url="",
            model_url=to.base_url, model_name="a-model", model_key=Secret(KEY),
        )  # fmt: skip
        done = review(scratch, to, tmp_path, settings=settings)
    assert [route.tier for route in done.routes] == [Tier.FRONTIER]
    assert {call.tier for call in done.calls} == {Tier.FREE}
    assert [call.stage for call in done.calls] == [Stage.REVIEW, Stage.VERIFICATION]
