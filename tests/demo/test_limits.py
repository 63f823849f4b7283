from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.demo.world import World, commit, git, repository

R = "/repos/acme/large"


@pytest.fixture(scope="module")
def large(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a branch per limit."""
    source = repository(tmp_path_factory.mktemp("large") / "source", {"a.txt": "a\n"}, {"a.txt": "b\n"})
    for branch, files in {
        "files-300": {f"f/{n}.txt": "x\n" for n in range(300)},
        "files-301": {f"f/{n}.txt": "x\n" for n in range(301)},
        "files-3001": {f"f/{n}.txt": "x\n" for n in range(3001)},
        "lines-20001": {f"l/{n}.txt": "x\n" * 999 for n in range(21)},
    }.items():
        git(source, "checkout", "--quiet", "-B", branch, "main")
        commit(source, branch, dict(files))
    world.simulator.create_repository("acme/large", source=source)
    return source


def opened(world: World, branch: str) -> str:
    return f"{R}/pulls/{world.simulator.open_pull_request('acme/large', title=branch, head=branch)}"


def pages(world: World, path: str, per_page: int = 100) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    url, token = f"{path}?per_page={per_page}", world.token()
    while url:
        answer = world.call("GET", url, token=token)
        assert answer.status_code == 200
        rows += answer.json()
        following = re.search(r'<([^>]+)>; rel="next"', answer.headers.get("Link", ""))
        url = following[1].removeprefix(world.url) if following else ""
    return rows


@pytest.mark.parametrize(("branch", "status"), [("files-300", 200), ("files-301", 406), ("lines-20001", 406)])
def test_a_diff_above_the_limits_is_too_large(world: World, large: Path, branch: str, status: int) -> None:
    answer = world.call("GET", opened(world, branch), accept="application/vnd.github.v3.diff")
    assert answer.status_code == status
    if status == 406:
        assert answer.json()["errors"][0]["code"] == "too_large"
    else:
        assert answer.text.count("diff --git") == 300


def test_at_most_three_thousand_files_are_listed(world: World, large: Path) -> None:
    pull = opened(world, "files-3001")
    assert world.call("GET", pull).json()["changed_files"] == 3001
    assert len(pages(world, f"{pull}/files")) == 3000


def test_files_past_the_patch_budget_come_with_zero_counts_and_no_patch(world: World, large: Path) -> None:
    rows = pages(world, f"{opened(world, 'lines-20001')}/files")
    full = [row for row in rows if "patch" in row]
    emptied = [row for row in rows if "patch" not in row]
    assert (len(full), len(emptied)) == (20, 1)
    assert emptied[0]["additions"] == emptied[0]["changes"] == 0
    assert emptied[0]["status"] == "added"


def test_pages_have_githubs_link_header(world: World, large: Path) -> None:
    pull = opened(world, "files-300")
    answer = world.call("GET", f"{pull}/files?per_page=100&page=2")
    links = dict(reversed(row) for row in re.findall(r'[?&]page=(\d+)>; rel="(\w+)"', answer.headers["Link"]))
    assert links == {"prev": "1", "first": "1", "next": "3", "last": "3"}
    assert len(world.call("GET", f"{pull}/files?per_page=500").json()) == 100
    assert "Link" not in world.call("GET", f"{pull}/commits").headers
