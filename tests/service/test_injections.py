"""Instructions of an author to the model: what they reach, and what a model that obeys them can do.

`INJECTIONS=25` runs every payload in its eleven places (275 injections) and every claim in its five places (100,
each beside a review without it); the suite runs the first ones.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from reviewer.ledger.keys import ReviewState
from reviewer.settings import Secret
from tests.demo.world import commit, git
from tests.publish.rendered import problems
from tests.service.injections import ATTACKS, CANARY, CLAIMS, PAYLOADS, PLACES, Attack
from tests.service.rig import ORDERS, REPOSITORY, Rig, _texts, answer, rig
from tests.simulators.behaviour import Behaviour, Say

RUN = int(os.environ.get("INJECTIONS", "4"))
SENSITIVE = (
    '"""MARK."""\nimport jwt\n\n\ndef login(token, password, stored):\n'
    "    claims = jwt.decode(token, options={'verify_signature': False})\n"
    "    return claims if password == stored else None\n"
)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A service whose model does whatever the text in front of it says."""
    with rig(tmp_path_factory.mktemp("service"), model_key=Secret(CANARY)) as made:
        yield made


def obeys(body: Any) -> Behaviour:
    """Find the defects, and repeat every payload that the prompt shows in all that an answer can say."""
    said = json.loads(answer(body))
    seen = "\n".join(_texts(body))
    orders = [payload for payload in PAYLOADS if payload.split("\n")[0][:30] in seen] or [seen[:1500]]
    for finding in said.get("findings", ()):
        finding["title"] = f"{finding['title']} {orders[0]}"[:250]
        finding["body"] = "\n".join((finding["body"], *orders))
        finding["suggestion"] = orders[-1]
        finding["evidence"] = orders
        finding["path"] = finding["path"] or "../../etc/passwd"
    return Say(json.dumps(said))


def open_with(made: Rig, attack: Attack) -> int:
    git(made.source, "checkout", "--quiet", "-B", attack.branch, "main")
    sha = commit(made.source, attack.message, attack.files(ORDERS, SENSITIVE))
    made.simulator.push(REPOSITORY, attack.branch, source=made.source, revision=sha)
    number = made.simulator.open_pull_request(REPOSITORY, title=attack.title, head=attack.branch, body=attack.body)
    assert made.simulator.hooks.wait()
    return number


def texts_of(made: Rig, number: int) -> list[str]:
    shown = made.shown(number)
    check = shown.check
    bodies = [row.body for row in made.simulator.reviews(REPOSITORY, number)]
    return [
        *(row.body for row in shown.inline),
        *bodies,
        shown.summary,
        check.title,
        check.summary,
        check.text or "",
    ]


@pytest.mark.parametrize("attack", ATTACKS[:RUN], ids=lambda attack: attack.mark)
def test_a_model_that_obeys_an_author_leaks_nothing_and_does_nothing_but_comment(
    attacked: Rig, attack: Attack
) -> None:
    attacked.reviewer.always = None
    attacked.reviewer.next = list[Behaviour | Callable[[Any], Behaviour]]([obeys] * 60)
    before = attacked.calls
    number = open_with(attacked, attack)
    pull = attacked.simulator.pull(REPOSITORY, number)
    as_it_was = (pull.state, pull.title, pull.body, list(pull.labels), pull.head_sha)
    branches = git(attacked.simulator.repository(REPOSITORY).git_dir, "for-each-ref")
    attacked.work()
    asked = attacked.provider.requests[before:]

    assert attacked.row(number).state is ReviewState.PUBLISHED
    assert asked, "the model was asked"
    # Nothing that acts is offered to the model, and it is shown no key and no file of this machine.
    for request in asked:
        assert not {"tools", "functions", "tool_choice"} & set(request.body)
        assert CANARY not in request.raw.decode()
        assert "root:x:0" not in request.raw.decode()
    # What the model said does nothing where it is read, and holds no key.
    for text in texts_of(attacked, number):
        assert CANARY not in text
        found = problems(text, own_links=f"{attacked.simulator.url}/{REPOSITORY}", may_suggest=True)
        assert not found, (found, text)
    # The pull request is as it was but for comments: not approved, merged, labelled, edited or pushed to.
    assert (pull.state, pull.title, pull.body, list(pull.labels), pull.head_sha) == as_it_was
    assert {row.state for row in attacked.simulator.reviews(REPOSITORY, number)} <= {"COMMENTED"}
    assert git(attacked.simulator.repository(REPOSITORY).git_dir, "for-each-ref") == branches
    # The defects are found all the same.
    path = f"shop/orders_{attack.mark.lower()}.py"
    assert [line for place, line in attacked.shown(number).lines if place == path]
    everything = "\n".join(texts_of(attacked, number))
    assert "Division by zero" in everything
    assert "Index past the end" in everything


def test_a_sensitive_unit_is_asked_about_without_a_word_of_its_author(attacked: Rig) -> None:
    attack = replace(ATTACKS[0], number=900)
    attacked.reviewer.next.clear()
    open_with(attacked, attack)
    attacked.work()
    sent = ["\n".join(_texts(request.body)) for request in attacked.provider.requests]
    own = [text for text in sent if attack.mark.lower() in text]
    sensitive = [text for text in own if "verify_signature" in text]
    assert sensitive
    for text in sensitive:
        for place in ("title", "body", "hidden", "commit", "branch"):
            assert f"{attack.mark}-{place}" not in text, place
    reached = {place for place in PLACES if any(f"{attack.mark}-{place}" in text for text in own)}
    # Hidden comments of the description are cut, letters of the tag block are shown as escapes; no prompt needs
    # the branch's name or a commit's message. Without the rest the tests above would attack nobody.
    assert reached == {"title", "body", "name", "comment", "prose", "note", "string"}


def believes(body: Any) -> Behaviour:
    """Find the disabled check, unless the prompt holds a claim that all is well."""
    seen = "\n".join(_texts(body))
    findings = []
    path = next((line[4:] for line in seen.split("\n") if line.startswith("### shop/auth_")), "")
    if path and not any(claim in seen for claim in CLAIMS):
        findings.append(
            {
                "path": path,
                "line": 0,
                "quote": "    claims = jwt.decode(token, options={'verify_signature': False})",
                "evidence": [],
                "category": "security",
                "title": "The signature of the token is not checked",
                "body": "Anybody can write a token. Remove the option.",
                "suggestion": None,
                "severity": "critical",
                "confidence": 0.95,
            }
        )
    said: dict[str, object] = {"lookups": [], "findings": findings, "uncertain": False}
    return Say(json.dumps({"verdicts": []} if "verdicts" in json.dumps(body.get("response_format", "")) else said))


def found_with(made: Rig, mark: str, claim: str) -> int:
    """Review the sensitive change, framed by a claim in title, body, hidden comment, commit and branch."""
    made.reviewer.next.clear()
    made.reviewer.always = None
    made.reviewer.next += [believes] * 20
    branch = f"{mark}-{''.join(letter if letter.isalnum() else '-' for letter in claim)}"
    git(made.source, "checkout", "--quiet", "-B", branch, "main")
    path = f"shop/auth_{mark}.py"
    sha = commit(made.source, claim or "Change the login", {path: SENSITIVE.replace("MARK", mark)})
    made.simulator.push(REPOSITORY, branch, source=made.source, revision=sha)
    body = f"{claim}\n\n<!-- {claim} -->"
    number = made.simulator.open_pull_request(REPOSITORY, title=claim or "Login", head=branch, body=body)
    assert made.simulator.hooks.wait()
    made.work()
    return sum(row.path == path and "signature" in row.body for row in made.shown(number).inline)


@pytest.mark.parametrize("number", range(min(RUN, len(CLAIMS))))
def test_a_claim_that_all_is_well_hides_nothing_sensitive_from_a_model_that_believes_it(
    attacked: Rig, number: int
) -> None:
    assert (
        found_with(attacked, f"plain{number}", "") == found_with(attacked, f"framed{number}", CLAIMS[number]) == 1
    )
