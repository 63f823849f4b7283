"""A name is resolved once, judged, and connected to as judged: by PyGithub, by git and by single requests."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from reviewer.egress import EgressRefused
from reviewer.errors import GitHubUnavailable
from reviewer.github.api import Api
from reviewer.github.connection import judged_session
from reviewer.github.mirror import Mirrors
from reviewer.settings import Secret
from tests.github.lab import REPOSITORY, Lab

METADATA = "169.254.169.254"
NAME = "github.example"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Let the example's name resolve to these addresses, one after another, and note the questions."""
    real = socket.getaddrinfo

    def answer_with(*addresses: str) -> list[str]:
        left, asked = list(addresses), []

        def getaddrinfo(host: str, port: object, *args: object, **more: object) -> object:
            if host != NAME:
                return real(host, port, *args, **more)  # type: ignore[arg-type, call-overload]
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (left.pop(0), port))]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return answer_with


def by_name(address: str) -> str:
    parts = urlsplit(address)
    return parts._replace(netloc=f"{NAME}:{parts.port}").geturl()


def app_api(shop: Lab) -> Api:
    token = shop.auth.jwt()
    return Api(
        by_name(shop.auth.api.url),
        lambda _: token,
        now=lambda: datetime.now(UTC),
        app=True,
        timeout=5,
        write_pause=0,
    )


def test_a_name_that_changes_after_the_check_gains_nothing(shop: Lab, names: Callable[..., list[str]]) -> None:
    asked = names("127.0.0.1", METADATA)
    api = app_api(shop)
    assert api.get("/app", doing="say which App this is")["slug"]
    assert asked == [NAME], "checked and connected to by one question"
    api.close()


def test_a_name_that_points_at_a_metadata_service_gets_no_request(
    shop: Lab, names: Callable[..., list[str]]
) -> None:
    names(METADATA)
    with pytest.raises(EgressRefused, match=f"{NAME} resolves to an address that is link-local"):
        app_api(shop).get("/app", doing="say which App this is")


def test_git_connects_to_the_address_that_was_judged(
    shop: Lab, names: Callable[..., list[str]], tmp_path: Path
) -> None:
    """The name exists for our resolver only, so git can reach the server by the judged address alone."""
    asked = names("127.0.0.1", METADATA)
    pr = replace(shop.pr, clone_url=by_name(shop.pr.clone_url))
    token = shop.auth.installation_token(shop.installation_id).token
    with Mirrors(tmp_path, limit=0, repository_limit=0) as mirrors:
        assert mirrors.ensure(pr, token) is not None
    assert asked == [NAME]


def test_git_is_not_started_for_a_metadata_service(
    shop: Lab, names: Callable[..., list[str]], tmp_path: Path
) -> None:
    names(METADATA)
    pr = replace(shop.pr, clone_url=by_name(shop.pr.clone_url))
    with Mirrors(tmp_path, limit=0, repository_limit=0) as mirrors, pytest.raises(EgressRefused):
        mirrors.ensure(pr, Secret("ghs_aaaaaaaaaaaaaaaaaaaa"))


def test_a_clone_address_elsewhere_is_refused_since_the_token_would_go_there(
    shop: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    github = shop.github()
    real = github.api.get

    def get(path: str, **more: object) -> object:
        row = real(path, **more)  # type: ignore[arg-type]
        row["base"]["repo"]["clone_url"] = "https://elsewhere.example/acme/shop.git"
        return row

    monkeypatch.setattr(github.api, "get", get)
    with pytest.raises(GitHubUnavailable, match=r"elsewhere\.example"):
        github.pull_request(REPOSITORY, shop.number)


@pytest.mark.parametrize(
    ("api", "clone", "own"),
    [
        ("https://api.github.com", "https://github.com/a/b.git", True),
        ("https://api.tenant.ghe.com", "https://tenant.ghe.com/a/b.git", True),
        ("https://git.corp.example/api/v3", "https://git.corp.example/a/b.git", True),
        ("https://api.github.com", "http://github.com/a/b.git", False),
        ("https://api.github.com", "https://github.com.evil.example/a/b.git", False),
        ("https://api.github.com", "https://github.com:8443/a/b.git", False),
        ("https://api.github.com", "https://user@github.com/a/b.git", False),
        ("https://git.corp.example/api/v3", "https://github.com/a/b.git", False),
    ],
)
def test_whose_host_an_address_is_on(api: str, clone: str, own: bool) -> None:
    one = Api(api, lambda _: "", now=lambda: datetime.now(UTC))
    if own:
        assert one.own(clone, "the address to clone from") == clone
    else:
        with pytest.raises(GitHubUnavailable):
            one.own(clone, "the address to clone from")


def test_a_single_request_is_judged_too_and_takes_no_credentials_of_the_machine(
    shop: Lab, names: Callable[..., list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text(f"machine {NAME} login octo password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    names("127.0.0.1", METADATA)
    with judged_session() as session:
        answer = session.get(by_name(shop.auth.api.url), timeout=5, allow_redirects=False)
        assert "Authorization" not in answer.request.headers
        with pytest.raises(EgressRefused):
            judged_session().get(by_name(shop.auth.api.url), timeout=5, allow_redirects=False)
