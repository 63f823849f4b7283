from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from reviewer.github.auth import PUBLISH_PERMISSIONS
from reviewer.github.deliveries import hook_deliveries, redeliver
from reviewer.github.threads import MINIMIZE_MUTATION, RESOLVE_MUTATION, THREADS_QUERY, resolve_thread
from reviewer.publish.marker import is_own
from tests.github.lab import REPOSITORY, Lab, lab
from tests.shared import shared


@pytest.fixture(scope="module")
def schema() -> Any:
    from graphql import build_schema

    text = gzip.decompress(shared("contract/github-graphql.graphql.gz").read_bytes()).decode()
    # The published file breaks rules of schemas that have nothing to do with queries (a field defined twice).
    return build_schema(text, assume_valid=True, assume_valid_sdl=True)


@pytest.mark.contract
@pytest.mark.parametrize("text", [THREADS_QUERY, RESOLVE_MUTATION, MINIMIZE_MUTATION])
def test_what_we_ask_is_valid_in_githubs_schema(schema: Any, text: str) -> None:
    from graphql import parse, validate

    assert validate(schema, parse(text)) == []
    assert (
        validate(schema, parse(text.replace("id", "idx", 1) if "idx" not in text else text)) != []
        or "id" not in text
    )


def post_comment(shop: Lab, body: str = "Look here") -> None:
    gh = shop.github(PUBLISH_PERMISSIONS)
    row = {"path": "app/new.py", "line": 3, "side": "RIGHT", "body": body}
    gh.create_review(REPOSITORY, shop.number, commit=shop.pr.head_sha, body="x", comments=[row])


def test_a_thread_says_who_spoke_and_whether_it_is_resolved(shop: Lab) -> None:
    post_comment(shop)
    gh = shop.github(PUBLISH_PERMISSIONS)
    (thread,) = gh.threads(REPOSITORY, shop.number)
    assert (thread.path, thread.line, thread.resolved, thread.outdated, thread.replies) == (
        "app/new.py", 3, False, False, 0,
    )  # fmt: skip
    assert thread.comments[0].body == "Look here"
    assert is_own(thread.comments[0].author, shop.auth.identity().login)
    (comment,) = shop.simulator.review_comments(REPOSITORY, shop.number)
    assert thread.comments[0].id == comment.id
    shop.simulator.resolve_thread(comment, author="octocat")
    (thread,) = gh.threads(REPOSITORY, shop.number)
    assert thread.resolved
    assert thread.resolved_by == "octocat"


def test_a_thread_can_be_resolved(shop: Lab) -> None:
    post_comment(shop)
    gh = (
        shop.github({"pull_requests": "write", "contents": "write", "metadata": "read"}) if False else shop.github()
    )
    (thread,) = gh.threads(REPOSITORY, shop.number)
    resolve_thread(gh.api, thread.id)
    assert gh.threads(REPOSITORY, shop.number)[0].resolved


def test_deliveries_are_listed_newest_first_and_can_be_asked_for_again(tmp_path: Path) -> None:
    with lab(tmp_path, webhook_url="http://127.0.0.1:9/webhooks/github") as shop:
        check_deliveries(shop)


def check_deliveries(shop: Lab) -> None:
    shop.simulator.hooks.wait()
    rows = list(hook_deliveries(shop.auth.api))
    assert {row.event for row in rows} >= {"pull_request", "installation"}
    assert [row.id for row in rows] == sorted((row.id for row in rows), reverse=True)
    opened = next(row for row in rows if row.event == "pull_request")
    redeliver(shop.auth.api, opened.id)
    shop.simulator.hooks.wait()
    again = [row for row in hook_deliveries(shop.auth.api) if row.guid == opened.guid]
    assert len(again) == 2
    assert again[0].redelivery
    assert list(hook_deliveries(shop.auth.api, since="9999-01-01T00:00:00Z")) == []
