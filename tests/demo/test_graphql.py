from __future__ import annotations

import pytest

from reviewer.demo.simulator.graphql import GraphQLError, execute
from tests.demo.world import FULL_NAME, World


def roots(**fields: object) -> dict[str, dict[str, object]]:
    return {"query": fields, "mutation": fields}


def test_only_the_fields_that_were_asked_for_are_answered_under_their_aliases() -> None:
    data = {"__typename": "Thing", "a": 1, "b": [{"c": 2, "d": 3}, {"c": 4, "d": 5}], "e": None}
    answer = execute("{ thing { first: a b { d } e { x } __typename } }", {}, roots(thing=data))
    assert answer == {"thing": {"first": 1, "b": [{"d": 3}, {"d": 5}], "e": None, "__typename": "Thing"}}


def test_arguments_come_from_literals_and_variables() -> None:
    seen: list[dict[str, object]] = []

    def ask(**values: object) -> str:
        seen.append(values)
        return "ok"

    text = (
        'query Q($n: Int!, $s: String = "x") { ask(n: $n, s: $s, list: [1, "two", RED], input: {k: $n, t: true}) }'
    )
    assert execute(text, {"n": 7, "s": "it's"}, roots(ask=ask)) == {"ask": "ok"}
    assert seen == [{"n": 7, "s": "it's", "list": [1, "two", "RED"], "input": {"k": 7, "t": True}}]


def test_an_inline_fragment_counts_for_its_type_only() -> None:
    nodes = [{"__typename": "A", "x": 1}, {"__typename": "B", "y": 2}]
    text = "{ nodes { ... on A { x } ... on B { y } } }"
    assert execute(text, {}, roots(nodes=nodes)) == {"nodes": [{"x": 1}, {"y": 2}]}


@pytest.mark.parametrize(
    "text", ["{ a", "{ a } { b }", "subscription { a }", "{ a(b: ) }", "{ a \x00 }", "", "{ no }"]
)
def test_what_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(GraphQLError):
        execute(text, {}, roots(a=1, b=2))


def ask(world: World, query: str, token: str = "", **variables: object) -> dict[str, object]:
    return world.call("POST", "/graphql", {"query": query, "variables": variables}, token=token).json()


def test_a_missing_permission_and_a_foreign_repository_are_refused_in_the_answer(world: World) -> None:
    query = 'query($n: String!) { repository(owner: "acme", name: $n) { pullRequest(number: 1) { number } } }'
    assert ask(world, query, n="shop")["data"] == {"repository": {"pullRequest": {"number": 1}}}
    refused = ask(world, query, world.token(permissions={"contents": "read"}), n="shop")
    assert refused["errors"][0]["type"] == "FORBIDDEN"  # type: ignore[index]
    assert ask(world, query, n="none")["errors"][0]["type"] == "NOT_FOUND"  # type: ignore[index]


def test_a_connection_wants_a_page_size(world: World) -> None:
    query = '{ repository(owner: "acme", name: "shop") { pullRequest(number: 1) { comments { totalCount } } } }'
    assert ask(world, query)["errors"][0]["type"] == "MISSING_PAGINATION_BOUNDARIES"  # type: ignore[index]


def test_a_thread_is_resolved_by_its_own_id_and_no_other(world: World) -> None:
    row = {"path": "shop/prices.py", "line": 5, "side": "RIGHT", "body": "x"}
    world.call("POST", f"/repos/{FULL_NAME}/pulls/1/reviews", {"event": "COMMENT", "comments": [row]})
    comment = world.simulator.review_comments(FULL_NAME, 1)[0]
    resolve = "mutation($i: ID!) { resolveReviewThread(input: {threadId: $i}) { thread { isResolved } } }"
    from reviewer.demo.simulator.shapes import node_id

    assert ask(world, resolve, i=node_id("PRRC", comment.id))["errors"]
    assert ask(world, resolve, i=node_id("PRRT", comment.id))["data"]
    assert comment.resolved_by is world.simulator.app.bot
    world.simulator.resolve_thread(comment, author="alice")
    assert comment.resolved_by.login == "alice"
