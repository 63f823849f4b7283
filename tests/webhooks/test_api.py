"""The read API: who sees what, what it answers, and that its OpenAPI document says so."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from reviewer.ledger.books.visible import Visible
from reviewer.ledger.keys import ReviewKey
from reviewer.ledger.ledger import Ledger
from reviewer.settings import Secret
from webhooks.api.endpoints import ENDPOINTS, PREFIX
from webhooks.api.mount import by_token, mount
from webhooks.api.openapi import document

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TOKEN = "a-token-for-the-api-Zk39"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
OF = {"acme": Visible(frozenset({1})), "other": Visible(frozenset({2}))}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    ledger.migrate()
    for installation, name in ((1, "acme"), (2, "other")):
        for number in range(3):
            key = ReviewKey(installation, installation, number, "a" * 40)
            ledger.requests.accept(key, actor=f"={name}", payload={"repository": f"{name}/app"}, now=NOW)
    return ledger


def client(ledger: Ledger, who: Any) -> FlaskClient:
    app = Flask("api")
    mount(app, ledger.db, who, lambda: NOW)
    return app.test_client()


def of_header(headers: Mapping[str, str]) -> Visible | None:
    return OF.get(headers.get("X-Who", ""))


@pytest.mark.parametrize("token", [Secret(TOKEN), Secret("")])
@pytest.mark.parametrize("given", [None, "Bearer ", "Bearer x", f"Basic {TOKEN}", TOKEN])
def test_without_the_token_nothing_is_answered(ledger: Ledger, token: Secret, given: str | None) -> None:
    asked = client(ledger, by_token(token))
    headers = {"Authorization": given} if given else {}
    for path in [*(each.path.replace("{id}", "1") for each in ENDPOINTS), "/openapi.json"]:
        answer = asked.get(f"{PREFIX}{path}", headers=headers)
        assert (answer.status_code, b"acme" in answer.data) == (401, False)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: each.path)
def test_each_answer_is_what_the_document_says(ledger: Ledger, endpoint: Any) -> None:
    answer = client(ledger, by_token(Secret(TOKEN))).get(
        f"{PREFIX}{endpoint.path.replace('{id}', '1')}", headers=HEADERS
    )
    assert answer.status_code == 200
    told: Any = document()
    content = told["paths"][f"{PREFIX}{endpoint.path}"]["get"]["responses"]["200"]["content"]
    schema = {**content["application/json"]["schema"], "components": told["components"]}
    Draft202012Validator(schema).validate(answer.json)


def test_who_sees_what_is_what_the_hook_says(ledger: Ledger) -> None:
    asked = client(ledger, of_header)
    for own, foreign in (("acme", "other"), ("other", "acme")):
        for path in ("/reviews", "/reviews?format=csv", "/reviews?format=rows", "/deliveries"):
            text = asked.get(f"{PREFIX}{path}", headers={"X-Who": own}).text
            assert f"{own}/app" in text
            assert foreign not in text
    theirs = asked.get(f"{PREFIX}/reviews/4", headers={"X-Who": "acme"})
    missing = asked.get(f"{PREFIX}/reviews/99", headers={"X-Who": "acme"})
    assert (theirs.status_code, theirs.data) == (missing.status_code, missing.data) == (404, theirs.data)


def test_pages_follow_each_other(ledger: Ledger) -> None:
    asked = client(ledger, of_header)
    seen: list[int] = []
    after = 0
    while after is not None:
        page = asked.get(f"{PREFIX}/reviews?rows=2&after={after}", headers={"X-Who": "acme"}).json
        seen += [row["number"] for row in page["rows"]]
        after = page["next"]
    assert seen == [2, 1, 0]


def test_exports_hold_every_row_and_no_formula(ledger: Ledger) -> None:
    asked = client(ledger, of_header)
    text = asked.get(f"{PREFIX}/reviews?format=csv", headers={"X-Who": "acme"}).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["actor"] for row in rows] == ["'=acme"] * 3
    rows = json.loads(asked.get(f"{PREFIX}/reviews?format=rows", headers={"X-Who": "acme"}).text)
    assert [row["actor"] for row in rows] == ["=acme"] * 3


@pytest.mark.parametrize(
    "query",
    [
        "since=soon",
        "since=2000d",
        "rows=0",
        "rows=501",
        "rows=x",
        "after=-1",
        "min_cost=much",
        "min_cost=x&format=csv",
        "coverage_below=x",
        "nothing=1",
        "format=xml",
        f"number={'9' * 30}",
    ],
)
def test_a_value_that_cannot_be_used_is_refused_in_words(ledger: Ledger, query: str) -> None:
    answer = client(ledger, of_header).get(f"{PREFIX}/reviews?{query}", headers={"X-Who": "acme"})
    assert answer.status_code == 400
    assert answer.json["error"] == "parameter"
