from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from reviewer.change.model import FileStatus
from reviewer.demo.simulator import Fault
from reviewer.errors import GitFailed, GitHubUnavailable
from reviewer.github.change_source import Source, fetch_change
from reviewer.github.mirror import Mirrors
from reviewer.settings import Secret
from tests.github.lab import REPOSITORY, Lab, commit, git, lab

MIB = 1024 * 1024


@pytest.fixture
def mirrors(tmp_path: Path) -> Iterator[Callable[..., Mirrors]]:
    with ExitStack() as stack:

        def make(**limits: int) -> Mirrors:
            sizes = {"limit": 100 * MIB, "repository_limit": 100 * MIB, **limits}
            return stack.enter_context(Mirrors(tmp_path / "mirrors", **sizes))

        yield make


Make = Callable[..., Mirrors]


def token(shop: Lab) -> Secret:
    return shop.auth.installation_token(shop.installation_id).token


def test_a_small_change_is_githubs_own_diff_between_merge_base_and_head(shop: Lab) -> None:
    fetched = fetch_change(shop.github(), shop.pr, lambda: None)
    assert fetched.source is Source.API_DIFF
    assert fetched.notices == ()
    assert {file.path for file in fetched.change.files} == {"app/db.py", "app/new.py"}
    assert fetched.change.base == git(shop.source, "rev-parse", "main").strip()
    assert fetched.change.head == shop.pr.head_sha


def test_the_mirror_gives_the_same_change_as_github(shop: Lab, tmp_path: Path, mirrors: Make) -> None:
    pr = shop.pr
    api = fetch_change(shop.github(), pr, lambda: None).change
    shop.simulator.faults.plan("GET", r"/pulls/\d+$", Fault(406, "too_large"))
    local = fetch_change(shop.github(), pr, lambda: mirrors().ensure(pr, token(shop)))
    assert local.source is Source.MIRROR
    assert local.git_dir is not None
    assert local.change == api


@pytest.mark.parametrize("files", [301])
def test_301_files_come_whole_from_the_mirror(tmp_path: Path, files: int, mirrors: Make) -> None:
    head = {f"pkg/m{n}.py": f"x = {n}\n" for n in range(files)}
    with lab(tmp_path, head=head) as shop:
        pr = shop.pr
        fetched = fetch_change(shop.github(), pr, lambda: mirrors().ensure(pr, token(shop)))
        assert fetched.source is Source.MIRROR
        assert len(fetched.change.files) == files
        assert not any(file.truncated for file in fetched.change.files)


def test_without_a_mirror_what_github_leaves_out_is_marked_and_said(tmp_path: Path) -> None:
    head = {f"pkg/m{n}.py": f"x = {n}\n" * 8000 for n in range(4)}
    with lab(tmp_path, head=head) as shop:
        fetched = fetch_change(shop.github(), shop.pr, lambda: None)
    assert fetched.source is Source.API_FILES
    assert len(fetched.change.files) == 4
    cut = [file.path for file in fetched.change.files if file.truncated]
    assert cut
    assert f"{len(cut)} of 4 files came without their changes" in fetched.notices[0]


def test_files_beyond_githubs_list_are_a_gap_in_the_change(shop: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    gh = shop.github()
    rows = gh.files(REPOSITORY, shop.number)
    monkeypatch.setattr(gh, "files", lambda repository, number: rows[:1])
    pr = shop.pr
    shop.simulator.faults.plan("GET", r"/pulls/\d+$", Fault(406, "too_large"))
    fetched = fetch_change(gh, pr, lambda: None)
    assert fetched.source is Source.API_FILES
    assert fetched.change.files[-1].truncated
    assert "1 more changed files" in fetched.change.files[-1].path
    assert "not even listed" in fetched.notices[0]


def test_a_head_that_moves_while_we_read_is_tried_again_later(own_shop: Lab) -> None:
    shop = own_shop
    pr = shop.pr
    commit(shop.source, {"app/new.py": "x = 1\n"}, "newer")
    shop.simulator.push(REPOSITORY, "topic", source=shop.source, revision="HEAD")
    with pytest.raises(GitHubUnavailable, match="moved"):
        fetch_change(shop.github(), pr, lambda: None)


def test_a_mirror_that_fails_costs_context_and_says_so(shop: Lab) -> None:
    def broken() -> Path | None:
        raise GitFailed("disk full")

    fetched = fetch_change(shop.github(), shop.pr, broken)
    assert fetched.source is Source.API_DIFF
    assert "disk full" in fetched.notices[0]


def test_odd_files_come_through_both_ways(tmp_path: Path, mirrors: Make) -> None:
    base = {"old name.py": "a = 1\nb = 2\nc = 3\nd = 4\n", "keep": "x\n"}
    odd = 'caf\u00e9 "q" \t[x].py'
    head: dict[str, str | bytes] = {odd: "z = 1\n", "logo.png": b"\x89PNG\x00\x01", "empty.py": "",
                                    "crlf.txt": b"a\r\nb\r\n",
                                    "latin.py": "# caf\xe9\n".encode("latin-1"), "noeol.py": "x = 1"}  # fmt: skip
    with lab(tmp_path, base=base, head=head) as shop:
        git(shop.source, "mv", "old name.py", "new name.py")
        (shop.source / "link").symlink_to("/etc/passwd")
        commit(shop.source, {}, "rename and link")
        shop.simulator.push(REPOSITORY, "topic", source=shop.source, revision="HEAD")
        pr = shop.pr
        api = fetch_change(shop.github(), pr, lambda: None)
        shop.simulator.faults.plan("GET", r"/pulls/\d+$", Fault(406, "too_large"))
        local = fetch_change(shop.github(), pr, lambda: mirrors().ensure(pr, token(shop)))
        assert {file.path for file in local.change.files} == {*head, "new name.py", "link"}
        renamed = local.change.file("new name.py")
        assert renamed is not None
        assert renamed.status is FileStatus.RENAMED
        assert [file.path for file in api.change.files] == [file.path for file in local.change.files]


def test_one_fetch_serves_a_review_and_the_next_of_the_same_head_needs_none(
    own_shop: Lab, tmp_path: Path, mirrors: Make
) -> None:
    shop = own_shop
    pr, own = shop.pr, mirrors()
    first = own.ensure(pr, token(shop))
    assert first is not None
    shop.simulator.stop()
    assert mirrors().ensure(pr, Secret("")) == first


def test_the_token_is_in_no_file_of_the_mirror_and_on_no_command_line(
    shop: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirrors: Make
) -> None:
    import subprocess

    secret, commands = token(shop), []
    start = subprocess.Popen.__init__

    def watch(self: object, args: object, *rest: object, **more: object) -> None:
        commands.append(repr(args))
        start(self, args, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(subprocess.Popen, "__init__", watch)
    git_dir = mirrors().ensure(shop.pr, secret)
    assert git_dir is not None
    assert any("fetch" in command for command in commands)
    assert secret.reveal() not in "".join(commands)
    stored = b"".join(path.read_bytes() for path in git_dir.rglob("*") if path.is_file())
    assert secret.reveal().encode() not in stored
    assert b"extraheader" not in stored.lower()


def test_a_wrong_token_is_an_error_without_the_token(shop: Lab, tmp_path: Path, mirrors: Make) -> None:
    with pytest.raises((GitFailed, GitHubUnavailable)) as raised:
        mirrors().ensure(shop.pr, Secret("ghs_wrongwrongwrong"))
    assert "ghs_wrong" not in str(raised.value)


def test_a_repository_over_the_limit_is_not_mirrored(shop: Lab, tmp_path: Path, mirrors: Make) -> None:
    small = mirrors(repository_limit=1000)
    assert small.ensure(shop.pr, token(shop)) is None
    assert small.size() == 0


def test_the_least_recently_used_mirror_goes_first_and_none_in_use(tmp_path: Path, mirrors: Make) -> None:
    import os
    from dataclasses import replace

    with lab(tmp_path) as shop:
        pr, secret = shop.pr, token(shop)
        first, second = mirrors(), mirrors()
        one = first.ensure(pr, secret, installation_id=1)
        two = second.ensure(replace(pr, repo_id=2), secret, installation_id=1)
        assert one is not None
        assert two is not None
        os.utime(one / "kilo-last-used", (1, 1))
        tight = mirrors(limit=1)
        three = tight.ensure(replace(pr, repo_id=3), secret, installation_id=1)
        assert one.exists()
        assert two.exists()
        first.close()
        tight.ensure(replace(pr, repo_id=3), secret, installation_id=1)
        assert not one.exists()
        assert two.exists()
        assert three is not None
        assert three.exists()


def test_two_installations_never_share_a_mirror(shop: Lab, tmp_path: Path, mirrors: Make) -> None:
    own = mirrors()
    one = own.ensure(shop.pr, token(shop), installation_id=1)
    other = own.ensure(shop.pr, token(shop), installation_id=2)
    assert one != other
