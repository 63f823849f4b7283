"""The simulator is held to what GitHub publishes: REST by OpenAPI, GraphQL by the schema, webhooks by example."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from reviewer.demo.simulator.api import ROUTES
from tests.demo.openapi import Description
from tests.demo.world import FULL_NAME, World, build, commit, git
from tests.shared import shared

pytestmark = pytest.mark.contract

R = f"/repos/{FULL_NAME}"
# Not in GitHub's REST description: GraphQL, and the folder at the top, whose path parameter would be empty.
OUTSIDE = {("POST", "/graphql"), ("GET", "/repos/<owner>/<repo>/contents/")}


@pytest.fixture(scope="module")
def description() -> Description:
    return Description(shared("contract/github-openapi.json"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = build(tmp_path_factory.mktemp("world"))
    yield world
    world.simulator.stop()


class Driver:
    """Sends requests, holds every exchange to the description, and remembers which routes it met."""

    def __init__(self, world: World, description: Description) -> None:
        self.world, self.description = world, description
        self.met: set[tuple[str, str]] = set()
        self.problems: list[str] = []
        self.token = world.token()

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        status: int = 200,
        token: str = "",
        accept: str = "",
    ) -> Any:
        answer = self.world.call(method, path, body, token=token or self.token, accept=accept)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        kind = answer.headers.get("Content-Type", "")
        document = answer.json() if answer.content and "application/json" in kind else None
        plain = requests.utils.unquote(urlsplit(path).path)
        template, problems = self.description.check(
            method, plain, body=body, status=status, media_type=kind, answer=document
        )
        self.met.add((method, re.sub(r"\{\w+\}", "{}", template)))
        self.problems += [f"{method} {path} {status} {problem}" for problem in problems]
        return document if document is not None else answer.text

    def app(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        return self(method, path, body, status=status, token=self.world.jwt())


@pytest.fixture(scope="module")
def drive(world: World, description: Description) -> Driver:
    return Driver(world, description)


def drive_user(drive: Driver, world: World) -> None:
    state = world.simulator.state
    token = "ghu_" + "a" * 36
    state.user_tokens[token] = state.user("acme", "Organization")
    drive("GET", "/user", token=token)
    rows = drive("GET", "/user/installations", token=token)["installations"]
    assert [row["id"] for row in rows] == [world.installation.id]
    path = f"/user/installations/{world.installation.id}/repositories"
    assert drive("GET", path, token=token)["repositories"]
    drive("GET", "/user", token="ghu_unknown", status=401)


def drive_app(drive: Driver, world: World) -> None:
    drive.app("GET", "/app")
    drive.app("GET", "/app/installations")
    installation = f"/app/installations/{world.installation.id}"
    drive.app("GET", installation)
    drive.app("GET", "/app/installations/1", status=404)
    drive.app("GET", f"{R}/installation")
    drive.app("GET", "/orgs/acme/installation")
    drive.app("GET", "/users/acme/installation")
    drive.app("POST", f"{installation}/access_tokens", {}, status=201)
    narrowed = {"repositories": ["shop"], "permissions": {"contents": "read"}}
    drive.app("POST", f"{installation}/access_tokens", narrowed, status=201)
    drive.app("POST", f"{installation}/access_tokens", {"repositories": ["other"]}, status=422)
    drive.app("POST", f"{installation}/access_tokens", {"permissions": {"administration": "write"}}, status=422)
    drive.app("GET", "/app/hook/config")
    drive.app("PATCH", "/app/hook/config", {"url": "http://127.0.0.1:9/hook", "secret": "s" * 20})
    world.simulator.act(FULL_NAME, world.number, "labeled", label="kilo:frontier")
    assert world.simulator.hooks.wait()
    delivery = drive.app("GET", "/app/hook/deliveries")[0]
    assert delivery["status_code"] == 502
    drive.app("GET", f"/app/hook/deliveries/{delivery['id']}")
    drive.app("POST", f"/app/hook/deliveries/{delivery['id']}/attempts", status=202)
    assert world.simulator.hooks.wait()
    again = drive.app("GET", "/app/hook/deliveries")[0]
    assert (again["guid"], again["redelivery"]) == (delivery["guid"], True)
    assert again["id"] != delivery["id"]
    manifest = {"name": "New App", "url": "https://example.com", "default_permissions": {"checks": "write"}}
    world.simulator.state.manifests["code1"] = {**manifest, "__owner": "octocat"}
    made = drive("POST", "/app-manifests/code1/conversions", status=201)
    assert made["pem"].startswith("-----BEGIN")
    drive("POST", "/app-manifests/code1/conversions", status=404)
    drive("GET", "/installation/repositories")
    drive("GET", "/rate_limit")
    drive("GET", "/meta")


def drive_pulls(drive: Driver, world: World) -> None:
    pull = f"{R}/pulls/{world.number}"
    drive("GET", f"{R}/pulls?state=all&sort=created&direction=asc")
    drive("GET", f"{R}/pulls?head=acme:feature&base=main")
    assert drive("GET", pull)["changed_files"] == 5
    assert drive("GET", pull, accept="application/vnd.github.v3.diff").startswith("diff --git")
    assert drive("GET", pull, accept="application/vnd.github.v3.patch").startswith("From ")
    drive("PATCH", pull, {"title": "Change the prices"})
    files = drive("GET", f"{pull}/files")
    assert {row["filename"]: row["status"] for row in files} == {
        "gone.txt": "removed",
        "logo.png": "modified",
        "new/café.txt": "renamed",
        "shop/added.py": "added",
        "shop/prices.py": "modified",
    }
    drive("GET", f"{pull}/commits")
    drive("GET", f"{pull}/requested_reviewers")
    drive("GET", f"{R}/commits/{git(world.source, 'rev-parse', 'feature')}/pulls")
    drive("GET", f"{R}/pulls/99", status=404)
    issue = f"{R}/issues/{world.number}"
    drive("GET", issue)
    drive("GET", f"{issue}/labels")
    drive("POST", f"{issue}/labels", {"labels": ["kilo:free"]})
    drive("PUT", f"{issue}/labels", {"labels": ["one", "two"]})
    drive("DELETE", f"{issue}/labels", status=204)
    for login in ("alice", "bob", "tess", "root", "mo", "acme"):
        expected = 404 if login == "acme" else 200
        drive("GET", f"{R}/collaborators/{login}/permission", status=expected)
    drive("GET", f"{R}/collaborators/kilo-review%5Bbot%5D/permission", status=404)


def drive_reviews(drive: Driver, world: World) -> None:
    pull = f"{R}/pulls/{world.number}"
    good = {"path": "shop/prices.py", "line": 5, "side": "RIGHT", "body": "five?"}
    span = {
        "path": "shop/added.py",
        "start_line": 1,
        "line": 3,
        "side": "RIGHT",
        "start_side": "RIGHT",
        "body": "all",
    }
    left = {"path": "shop/prices.py", "line": 5, "side": "LEFT", "body": "was better"}
    review = drive("POST", f"{pull}/reviews", {"event": "COMMENT", "body": "", "comments": [good, span, left]})
    off = {**good, "line": 20}
    drive("POST", f"{pull}/reviews", {"event": "COMMENT", "comments": [good, off]}, status=422)
    drive("GET", f"{pull}/reviews")
    one = f"{pull}/reviews/{review['id']}"
    drive("GET", one)
    drive("PUT", one, {"body": "a summary"})
    rows = drive("GET", f"{one}/comments")
    assert [row["body"] for row in rows] == ["five?", "all", "was better"]
    drive("DELETE", one, status=422)
    pending = drive("POST", f"{pull}/reviews", {"comments": [good]})
    drive("DELETE", f"{pull}/reviews/{pending['id']}")
    pending = drive("POST", f"{pull}/reviews", {"body": "later"})
    drive("POST", f"{pull}/reviews/{pending['id']}/events", {"event": "COMMENT", "body": "now"})
    head = git(world.source, "rev-parse", "feature")
    single = drive("POST", f"{pull}/comments", {**good, "commit_id": head}, status=201)
    drive("POST", f"{pull}/comments", {**off, "commit_id": head}, status=422)
    drive("POST", f"{pull}/comments/{single['id']}/replies", {"body": "why?"}, status=201)
    drive("GET", f"{pull}/comments")
    comment = f"{R}/pulls/comments/{single['id']}"
    drive("GET", comment)
    drive("PATCH", comment, {"body": "changed"})
    drive("POST", f"{comment}/reactions", {"content": "+1"}, status=201)
    drive("POST", f"{comment}/reactions", {"content": "+1"})
    drive("GET", f"{comment}/reactions")
    drive("DELETE", comment, status=204)
    drive("GET", comment, status=404)


def drive_conversation(drive: Driver, world: World) -> None:
    issue = f"{R}/issues/{world.number}"
    made = drive("POST", f"{issue}/comments", {"body": "summary"}, status=201)
    drive("POST", f"{issue}/comments", {"body": "x" * 65_537}, status=422)
    drive("GET", f"{issue}/comments?per_page=1")
    comment = f"{R}/issues/comments/{made['id']}"
    drive("GET", comment)
    drive("PATCH", comment, {"body": "better summary"})
    drive("POST", f"{comment}/reactions", {"content": "eyes"}, status=201)
    drive("GET", f"{comment}/reactions")
    drive("DELETE", comment, status=204)
    drive("POST", f"{issue}/reactions", {"content": "rocket"}, status=201)
    drive("GET", f"{issue}/reactions")


def drive_checks(drive: Driver, world: World) -> None:
    head = git(world.source, "rev-parse", "feature")
    made = drive(
        "POST", f"{R}/check-runs", {"name": "Kilo Review", "head_sha": head, "status": "queued"}, status=201
    )
    run = f"{R}/check-runs/{made['id']}"
    drive("GET", run)
    annotation = {
        "path": "shop/added.py", "start_line": 1, "end_line": 1, "annotation_level": "warning", "message": "m",
    }  # fmt: skip
    output = {"title": "t", "summary": "s", "annotations": [annotation] * 50}
    drive("PATCH", run, {"conclusion": "neutral", "output": output})
    drive("PATCH", run, {"output": {**output, "annotations": [annotation] * 51}}, status=422)
    assert len(drive("GET", f"{run}/annotations?per_page=100")) == 50
    drive("GET", f"{R}/commits/{head}/check-runs?check_name=Kilo%20Review&status=completed")
    drive("GET", f"{R}/commits/feature/check-runs?filter=all")
    drive("POST", f"{run}/rerequest", status=201)


def drive_git(drive: Driver, world: World) -> None:
    drive("GET", R)
    head = git(world.source, "rev-parse", "feature")
    drive("GET", f"{R}/contents/shop/prices.py?ref={head}")
    drive("GET", f"{R}/contents/shop")
    drive("GET", f"{R}/contents/new/caf%C3%A9.txt?ref=feature")
    drive("GET", f"{R}/contents/absent.py", status=404)
    tree = drive("GET", f"{R}/git/trees/{head}?recursive=1")
    blob = next(row["sha"] for row in tree["tree"] if row["path"] == "logo.png")
    drive("GET", f"{R}/git/blobs/{blob}")
    drive("GET", f"{R}/git/ref/heads/feature")
    drive("GET", f"{R}/git/ref/pull/{world.number}/head")
    drive("GET", f"{R}/git/ref/heads/none", status=404)
    drive("GET", f"{R}/commits?sha=feature&path=shop/prices.py")
    drive("GET", f"{R}/commits/feature")
    drive("GET", f"{R}/commits/main")
    drive("GET", f"{R}/compare/main...feature")
    drive("GET", f"{R}/compare/feature...main")


def test_every_route_and_every_answer_is_valid_under_githubs_description(drive: Driver, world: World) -> None:
    for part in (drive_pulls, drive_reviews, drive_conversation, drive_checks, drive_git, drive_app, drive_user):
        part(drive, world)
    assert drive.problems == []
    routes = {
        (row.method, re.sub(r"<[^>]+>", "{}", row.rule)) for row in ROUTES if (row.method, row.rule) not in OUTSIDE
    }
    assert routes - drive.met == set()


def test_the_check_itself_sees_a_missing_field_and_a_wrong_type(drive: Driver, world: World) -> None:
    path = f"{R}/pulls/{world.number}"
    good = drive("GET", path)
    for broken in ({**good, "number": "1"}, {key: value for key, value in good.items() if key != "head"}):
        _, problems = drive.description.check(
            "GET", path, body=None, status=200, media_type="application/json", answer=broken
        )
        assert problems
    review = {"event": "LGTM", "comments": [{"path": "a.py", "line": "2"}]}
    _, problems = drive.description.check(
        "POST", f"{path}/reviews", body=review, status=200, media_type="text/plain", answer=None
    )
    assert len(problems) >= 3


def test_an_outdated_comment_is_valid_too(drive: Driver, world: World) -> None:
    path = f"{R}/pulls/{world.number}"
    row = {"path": "shop/added.py", "line": 1, "side": "RIGHT", "body": "unused"}
    review = drive("POST", f"{path}/reviews", {"event": "COMMENT", "comments": [row]})
    commit(world.source, "Third", {"shop/added.py": "print()\n"})
    world.simulator.push(FULL_NAME, "feature", source=world.source, revision="HEAD")
    outdated = drive("GET", f"{path}/reviews/{review['id']}/comments")[0]
    assert outdated["position"] is None
    assert drive.problems == []


QUERY = """
query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      headRefOid
      reviewThreads(first: 2, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes {
          id isResolved isOutdated path line originalLine diffSide
          resolvedBy { login }
          comments(first: 10) {
            nodes { id databaseId body author { login __typename } isMinimized createdAt
                    reactionGroups { content reactors { totalCount } } }
          }
        }
      }
    }
  }
}
"""
RESOLVE = "mutation($id: ID!) { resolveReviewThread(input: {threadId: $id}) { thread { id isResolved } } }"
MINIMIZE = (
    "mutation($id: ID!) { minimizeComment(input: {subjectId: $id, classifier: OUTDATED})"
    " { minimizedComment { isMinimized minimizedReason } } }"
)


@pytest.fixture(scope="module")
def schema() -> Any:
    from graphql import build_schema

    text = gzip.decompress(shared("contract/github-graphql.graphql.gz").read_bytes()).decode()
    return build_schema(text, assume_valid=True)


def holds(schema: Any, query: str, answer: dict[str, Any]) -> None:
    """Run the query again by graphql-core on GitHub's schema, over the answer itself: any misfit is an error."""
    from graphql import graphql_sync, parse, validate

    assert validate(schema, parse(query)) == []

    def resolver(source: Any, info: Any, **_: Any) -> Any:
        return source[info.path.key]

    def kind(value: Any, *_: Any) -> str:
        return str(value.get("__typename") or "User")

    again = graphql_sync(
        schema,
        query,
        root_value=answer,
        field_resolver=resolver,
        type_resolver=kind,
        variable_values={"owner": "", "name": "", "number": 1, "id": ""},
    )
    assert again.errors is None, again.errors
    assert again.data == answer


@pytest.fixture
def discussed(tmp_path: Path) -> Iterator[World]:
    """A world of its own whose pull request has three threads, the last of them outdated by a push."""
    world = build(tmp_path / "world")
    lines = (("shop/prices.py", 5, "RIGHT"), ("shop/prices.py", 5, "LEFT"), ("shop/added.py", 1, "RIGHT"))
    comments = [{"path": path, "line": line, "side": side, "body": "why?"} for path, line, side in lines]
    body = {"event": "COMMENT", "comments": comments}
    assert world.call("POST", f"{R}/pulls/{world.number}/reviews", body).status_code == 200
    commit(world.source, "Third", {"shop/added.py": "print()\n"})
    world.simulator.push(FULL_NAME, "feature", source=world.source, revision="HEAD")
    yield world
    world.simulator.stop()


def test_review_threads_are_valid_under_githubs_graphql_schema(discussed: World, schema: Any) -> None:
    from graphql import parse, validate

    world = discussed
    variables: dict[str, Any] = {"owner": "acme", "name": "shop", "number": world.number, "after": None}
    threads: list[dict[str, Any]] = []
    while True:
        answer = world.call("POST", "/graphql", {"query": QUERY, "variables": variables}).json()
        assert "errors" not in answer
        holds(schema, QUERY, answer["data"])
        page = answer["data"]["repository"]["pullRequest"]["reviewThreads"]
        threads += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            break
        variables["after"] = page["pageInfo"]["endCursor"]
    assert len(threads) > 2
    assert [row["isOutdated"] for row in threads if row["path"] == "shop/added.py"][-1] is True
    for query, node in ((RESOLVE, threads[0]["id"]), (MINIMIZE, threads[0]["comments"]["nodes"][0]["id"])):
        answer = world.call("POST", "/graphql", {"query": query, "variables": {"id": node}}).json()
        assert "errors" not in answer
        assert validate(schema, parse(query)) == []
    again = world.call("POST", "/graphql", {"query": QUERY, "variables": {**variables, "after": None}}).json()
    first = again["data"]["repository"]["pullRequest"]["reviewThreads"]["nodes"][0]
    assert first["isResolved"] is True
    assert first["comments"]["nodes"][0]["isMinimized"] is True


def test_webhook_payloads_have_every_key_of_githubs_own_examples(world: World) -> None:
    events = json.loads(gzip.decompress(shared("contract/github-webhooks.json.gz").read_bytes()))
    examples = {row["name"]: row["examples"] for row in events}
    simulator = world.simulator
    simulator.app.webhook_url = "http://127.0.0.1:9/hook"
    simulator.comment(FULL_NAME, world.number, "/kilo review", author="alice")
    simulator.act(FULL_NAME, world.number, "ready_for_review", author="alice")
    commit(world.source, "Fourth", {"shop/more.py": "pass\n"})
    simulator.push(FULL_NAME, "feature", source=world.source, revision="HEAD")
    simulator.install("acme")
    sent = {(row.event, row.action): row.payload for row in simulator.deliveries()}
    for event, action, optional in (
        ("pull_request", "synchronize", set()),
        ("pull_request", "ready_for_review", set()),
        ("issue_comment", "created", {"organization"}),
        ("installation", "created", set()),
    ):
        payload = sent[event, action]
        example = next(row for row in examples[event] if row.get("action") == action)
        assert set(example) - set(payload) - optional == set(), (event, action)
        for part in ("pull_request", "comment", "issue", "repository", "installation", "sender"):
            if isinstance(example.get(part), dict):
                # Two settings of a repository that came and went with the product behind them.
                gone = {"custom_properties", "stargazers", "master_branch", "user_view_type"}
                assert set(example[part]) - set(payload[part]) - gone == set(), (event, part)


def test_pygithub_drives_the_simulator(world: World) -> None:
    from github import Auth, GithubException, GithubIntegration

    simulator = world.simulator
    auth = Auth.AppAuth(simulator.app.id, simulator.app.private_key)
    integration = GithubIntegration(auth=auth, base_url=world.url, seconds_between_requests=0)
    assert integration.get_app().slug == "kilo-review"
    client = integration.get_github_for_installation(world.installation.id)
    repository = client.get_repo(FULL_NAME)
    pull = repository.get_pull(world.number)
    before = pull.get_review_comments().totalCount
    comments = [{"path": "shop/prices.py", "line": 5, "side": "RIGHT", "body": "hm"}]
    review = pull.create_review(body="", event="COMMENT", comments=comments)  # type: ignore[arg-type]
    assert review.state == "COMMENTED"
    assert pull.get_review_comments().totalCount == before + 1
    with pytest.raises(GithubException) as refused:
        pull.create_review(event="COMMENT", comments=[{**comments[0], "line": 25}])  # type: ignore[typeddict-item]
    assert refused.value.status == 422
    run = repository.create_check_run(name="Kilo Review", head_sha=pull.head.sha, status="in_progress")
    run.edit(status="completed", conclusion="neutral", output={"title": "Done", "summary": "ok"})
    assert repository.get_commit(pull.head.sha).get_check_runs(check_name="Kilo Review")[0].conclusion == "neutral"
    assert repository.get_collaborator_permission("tess") == "read"
    client.close()
