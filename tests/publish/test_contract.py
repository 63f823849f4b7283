"""Every request that reading and publishing a review sends is one that GitHub's own description knows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from jsonschema import Draft202012Validator

from reviewer.demo.simulator import Fault
from reviewer.findings.model import Disposition
from reviewer.github.auth import PUBLISH_PERMISSIONS, READ_PERMISSIONS
from reviewer.github.change_source import fetch_change
from reviewer.github.contents import ContentsSnapshot
from reviewer.github.deliveries import hook_deliveries, redeliver
from reviewer.publish.check_runs import CheckRuns
from tests.github.lab import REPOSITORY, Lab, commit, lab
from tests.publish.test_publisher import at, review_of, run
from tests.shared import shared

pytestmark = pytest.mark.contract


class Description:
    """GitHub's OpenAPI description, asked about one request at a time."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.paths = [
            (re.compile("^" + re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(template)) + "$"), operations)
            for template, operations in document["paths"].items()
        ]
        # `contents/{path}` takes slashes.
        self.paths.append(
            (
                re.compile(r"^/repos/[^/]+/[^/]+/contents/.+$"),
                document["paths"]["/repos/{owner}/{repo}/contents/{path}"],
            )
        )

    def complaints(self, method: str, url: str, body: str) -> list[str]:
        parts = urlsplit(url)
        found = [operations for pattern, operations in self.paths if pattern.match(parts.path)]
        operation = next((each[method.lower()] for each in found if method.lower() in each), None)
        if operation is None:
            return [f"no such route: {method} {parts.path}"]
        names = {self._resolved(row)["name"] for row in operation.get("parameters", ())}
        out = [f"unknown parameter {name}" for name in parse_qs(parts.query) if name not in names]
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            return out + ([f"a body where none is taken: {body}"] if body else [])
        if not body:
            return out + (["a body is missing"] if operation["requestBody"].get("required") else [])
        sent = json.loads(body)
        schema = {"components": self.document["components"], **content["schema"]}
        out += [error.message for error in Draft202012Validator(schema).iter_errors(sent)]
        return out + [f"unknown field {name}" for name in self._unknown(content["schema"], sent)]

    def _resolved(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" not in row:
            return row
        value: Any = self.document
        for part in row["$ref"].removeprefix("#/").split("/"):
            value = value[part]
        return value  # type: ignore[no-any-return]

    def _unknown(self, schema: Mapping[str, Any], sent: Any) -> Iterator[str]:
        schema = self._resolved(schema)
        if isinstance(sent, dict) and "properties" in schema:
            for name, value in sent.items():
                if name not in schema["properties"]:
                    yield name
                else:
                    yield from self._unknown(schema["properties"][name], value)
        elif isinstance(sent, list) and "items" in schema:
            for value in sent:
                yield from self._unknown(schema["items"], value)


@pytest.fixture(scope="module")
def description() -> Description:
    return Description(json.loads(shared("contract/github-openapi.json").read_text()))


def assert_known(shop: Lab, description: Description) -> set[str]:
    seen = set()
    for request in shop.simulator.state.seen:
        path = urlsplit(request.path).path
        if path.startswith(("/graphql", f"/{REPOSITORY}")):
            continue
        assert description.complaints(request.method, request.path, request.body) == [], request
        seen.add(f"{request.method} {re.sub(r'[0-9a-f]{7,}|[0-9]+', 'N', path)}")
    return seen


def test_the_description_refuses_what_is_wrong(description: Description) -> None:
    path = "/repos/a/b/pulls/1/reviews"
    assert description.complaints("POST", path, '{"event": "LGTM"}')
    assert description.complaints("POST", path, '{"event": "COMMENT", "comments": [{"path": "a", "line": "2"}]}')
    assert description.complaints("POST", path, '{"event": "COMMENT", "extra": 1}')
    assert description.complaints("GET", "/repos/a/b/nothing", "")
    assert description.complaints("GET", "/repos/a/b/pulls/1/reviews?bogus=1", "")
    assert not description.complaints("POST", path, '{"event": "COMMENT", "body": "x"}')


def test_reading_and_publishing_a_review_speak_githubs_language(shop: Lab, description: Description) -> None:
    gh = shop.github(PUBLISH_PERMISSIONS)
    pr = shop.pr
    findings = (at(3), at(9, start=7), replace(at(11), disposition=Disposition.SUMMARY, anchor=None))
    review = review_of(shop, findings)
    CheckRuns(gh, REPOSITORY, shop.auth.identity().id, "7").start(pr.head_sha)
    run(shop, review)
    run(shop, replace(review, findings=(*findings, at(13))))
    gh.react(REPOSITORY, shop.simulator.issue_comments(REPOSITORY, shop.number)[0].id)
    gh.create_comment(REPOSITORY, shop.number, "x")
    gh.delete_comment(REPOSITORY, shop.simulator.issue_comments(REPOSITORY, shop.number)[-1].id)
    known = assert_known(shop, description)
    assert {"POST /repos/acme/shop/pulls/N/reviews", "PATCH /repos/acme/shop/issues/comments/N",
            "POST /repos/acme/shop/check-runs", "PATCH /repos/acme/shop/check-runs/N",
            "POST /app/installations/N/access_tokens"} <= known  # fmt: skip


def test_reading_in_every_way_speaks_githubs_language(tmp_path: Path, description: Description) -> None:
    with lab(tmp_path, webhook_url="http://127.0.0.1:9/webhooks/github") as shop:
        gh, pr = shop.github(READ_PERMISSIONS), shop.pr
        shop.simulator.faults.plan("GET", r"/pulls/\d+$", Fault(406, "too_large"))
        fetch_change(gh, pr, lambda: None)
        gh.reviews(REPOSITORY, shop.number)
        gh.comments(REPOSITORY, shop.number)
        ContentsSnapshot(gh, REPOSITORY, pr.head_sha).read("README.md")
        shop.simulator.hooks.wait()
        redeliver(shop.auth.api, next(iter(hook_deliveries(shop.auth.api))).id)
        assert len(assert_known(shop, description)) >= 10


def test_a_superseded_check_and_annotations_are_valid_too(own_shop: Lab, description: Description) -> None:
    shop = own_shop
    identity = shop.auth.identity()
    review, pr = review_of(shop, (at(3), at(9, start=7))), shop.pr
    CheckRuns(shop.github(PUBLISH_PERMISSIONS), REPOSITORY, identity.id).start(pr.head_sha)
    run(shop, review, gh=shop.github({"checks": "write", "pull_requests": "read", "metadata": "read"}))
    CheckRuns(shop.github(PUBLISH_PERMISSIONS), REPOSITORY, identity.id).start(pr.head_sha)
    commit(shop.source, {"app/new.py": "x = 1\n"}, "newer")
    shop.simulator.push(REPOSITORY, "topic", source=shop.source, revision="HEAD")
    run(shop, review, pr=pr)
    assert_known(shop, description)
    assert any("annotations" in body for body in shop.sent("PATCH", "/check-runs"))
    assert any("newer commit" in body for body in shop.sent("PATCH", "/check-runs"))
