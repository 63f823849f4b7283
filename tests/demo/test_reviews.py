from __future__ import annotations

import pytest

from tests.demo.world import FULL_NAME, World, commit

R = f"/repos/{FULL_NAME}"


@pytest.fixture
def reviews(world: World) -> str:
    return f"{R}/pulls/{world.number}/reviews"


def comment(**changes: object) -> dict[str, object]:
    row = {"path": "shop/prices.py", "line": 5, "side": "RIGHT", "body": "Look"}
    return {key: value for key, value in {**row, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (comment(line=20), "line must be part of the diff"),
        (comment(line=5, side="LEFT", start_line=41, start_side="RIGHT"), "must precede the end line"),
        (comment(start_line=5), "must precede the end line"),
        (comment(start_line=20), "start line must be part of the diff"),
        (comment(line=41, start_line=5), "same hunk"),
        (comment(path="docs/guide.md", line=1), "Path could not be resolved"),
        (comment(path="logo.png", line=1), "line must be part of the diff"),
        (comment(body="x" * 65_537), "too long"),
        (comment(body=" "), "can't be blank"),
    ],
    ids=[
        "off the diff", "sides", "start is line", "start off", "other hunk", "unchanged file", "binary", "long",
        "blank",
    ],
)  # fmt: skip
def test_one_bad_comment_refuses_the_whole_review(
    world: World, reviews: str, row: dict[str, object], words: str
) -> None:
    before = len(world.simulator.reviews(FULL_NAME, world.number))
    answer = world.call("POST", reviews, {"event": "COMMENT", "comments": [comment(), row]})
    assert answer.status_code == 422
    assert any(words in error for error in answer.json()["errors"])
    assert len(world.simulator.reviews(FULL_NAME, world.number)) == before


@pytest.mark.parametrize(
    "row",
    [
        comment(),
        comment(side="LEFT"),
        comment(line=2, start_line=None),
        comment(line=6, start_line=4, start_side="RIGHT"),
        comment(path="shop/added.py", line=3, start_line=1),
        comment(path="gone.txt", line=1, side="LEFT"),
        comment(line=None, side=None, position=4),
    ],
    ids=["added", "removed", "context", "span", "new file", "deleted file", "old position"],
)
def test_every_line_of_the_diff_takes_a_comment(world: World, reviews: str, row: dict[str, object]) -> None:
    answer = world.call("POST", reviews, {"event": "COMMENT", "comments": [row]})
    assert answer.status_code == 200, answer.text
    stored = world.call("GET", f"{reviews}/{answer.json()['id']}/comments").json()[0]
    assert stored["diff_hunk"].startswith("@@ ")
    lines = stored["diff_hunk"].split("\n")
    assert stored["position"] >= len(lines) - 1
    assert lines[-1][:1] in (("+", " ") if stored["side"] == "RIGHT" else ("-", " "))


def test_an_empty_comment_review_and_an_unknown_event_are_refused(world: World, reviews: str) -> None:
    assert world.call("POST", reviews, {"event": "COMMENT"}).status_code == 422
    assert world.call("POST", reviews, {"event": "LGTM", "body": "x"}).status_code == 422
    assert (
        world.call("POST", reviews, {"event": "COMMENT", "comments": [{"path": "a", "line": "2"}]}).status_code
        == 422
    )
    assert world.call("POST", reviews, {"event": "COMMENT", "body": "x", "commit_id": "0" * 40}).status_code == 422


def test_a_comment_follows_its_line_and_is_outdated_when_the_line_changes(world: World, reviews: str) -> None:
    rows = [comment(body="follows"), comment(path="shop/added.py", line=3, body="goes")]
    assert world.call("POST", reviews, {"event": "COMMENT", "comments": rows}).status_code == 200
    prices = (world.source / "shop/prices.py").read_text()
    commit(world.source, "Shift", {"shop/prices.py": "line 0\n" + prices, "shop/added.py": "import os\n"})
    world.simulator.push(FULL_NAME, "feature", source=world.source, revision="HEAD")
    found = {row.body: row for row in world.simulator.review_comments(FULL_NAME, world.number)}
    assert (found["follows"].line, found["follows"].original_line) == (6, 5)
    assert found["goes"].line is None
    assert found["goes"].position is None
