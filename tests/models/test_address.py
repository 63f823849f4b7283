from __future__ import annotations

import ast
import logging
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from reviewer.errors import ConfigurationError
from reviewer.models.address import is_loopback, refused_ip, refused_url
from reviewer.models.client import client_for, proxy_for
from reviewer.models.send import Sender
from tests.models.asking import HASTY, ask, asker_of, candidate_of
from tests.simulators.behaviour import Say
from tests.simulators.provider import ProviderSimulator

GOOD = Say('{"findings": [], "uncertain": false}')


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "http://[fe80::1]/v1",
        "http://[fd00:ec2::254]/v1",
        "http://[::ffff:169.254.169.254]/v1",
        "http://100.100.100.200/v1",
        "http://metadata.google.internal/v1",
        "http://METADATA.google.internal./v1",
        "http://0.0.0.0:80/v1",
        "ftp://example.org/v1",
        "file:///etc/passwd",
        "https://user:pass@example.org/v1",
        "https://example.org/v1?key=abc",
        "https://",
        "nonsense",
        "http://example.org:99999/v1",
        "http://[::1",
    ],
)
def test_an_address_that_no_model_lives_at_is_refused(url: str) -> None:
    assert refused_url(url, offline=False)


@pytest.mark.parametrize(
    "url", ["https://api.openai.com/v1", "http://127.0.0.1:11434/v1", "http://10.0.0.7:8000/v1", "http://[::1]:80"]
)
def test_an_address_of_a_server_is_taken(url: str) -> None:
    assert refused_url(url, offline=False) == ""


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("http://127.0.0.1:1234/v1", True),
        ("http://localhost:1234/v1", True),
        ("http://[::1]:1234/v1", True),
        ("http://10.0.0.7/v1", False),
        ("https://api.openai.com/v1", False),
        ("http://localhost.example.org/v1", False),
    ],
)
def test_offline_only_this_machine_is_reached(url: str, taken: bool) -> None:
    assert (refused_url(url, offline=True) == "") is taken
    assert is_loopback(url) is taken


def test_an_address_behind_a_zone_is_still_link_local() -> None:
    assert refused_ip("fe80::1%eth0", offline=False)


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Let every name resolve to these addresses, one after another, and note the questions."""
    real = socket.getaddrinfo
    asked: list[str] = []
    answers = list(addresses)

    def getaddrinfo(host: str, port: int, *args: object, **more: object) -> object:
        if host.endswith(".example"):
            asked.append(host)
            host = answers.pop(0) if len(answers) > 1 else answers[0]
        return real(host, port, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_that_resolves_to_the_metadata_service_is_not_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = resolve_to(monkeypatch, "169.254.169.254")
    with ProviderSimulator("openai") as provider:
        candidate = candidate_of(provider, base_url="http://models.example/v1")
        answer = ask(asker_of(candidate, limits=HASTY))
    assert asked == ["models.example"]
    assert isinstance(answer.error, ConfigurationError)
    assert "metadata" in str(answer.error)
    assert answer.calls[0].cost == 0


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that changes between check and connect (DNS rebinding) is only ever asked once."""
    asked = resolve_to(monkeypatch, "127.0.0.1", "169.254.169.254")
    with ProviderSimulator("openai", default=GOOD) as provider:
        port = provider.root.rpartition(":")[2]
        answer = ask(asker_of(candidate_of(provider, base_url=f"http://models.example:{port}/v1")))
    assert answer.completion is not None
    assert asked == ["models.example"]


def test_offline_refuses_a_name_that_resolves_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, "192.0.2.1")
    with ProviderSimulator("openai") as provider:
        candidate = candidate_of(provider, base_url="http://models.example/v1")
        answer = ask(asker_of(candidate, sender=Sender(offline=True, limits=HASTY)))
    assert "offline" in str(answer.error)


def test_a_name_that_does_not_resolve_is_a_passing_fault_of_the_network() -> None:
    with ProviderSimulator("openai") as provider:
        candidate = candidate_of(provider, base_url="http://no-such-host.invalid/v1")
        answer = ask(asker_of(candidate, limits=HASTY))
    assert answer.completion is None
    assert answer.calls[0].cost == 0
    assert "no connection" in str(answer.error)


def test_one_client_serves_the_whole_process_and_follows_nothing() -> None:
    first = client_for("http://127.0.0.1:1/v1", offline=False)
    assert first is client_for("http://127.0.0.1:2/v1", offline=False)
    assert first is not client_for("http://127.0.0.1:2/v1", offline=True)
    assert first.follow_redirects is False
    assert logging.getLogger("httpx").level == logging.WARNING


def test_a_proxy_of_the_machine_is_used_but_never_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "internal.example")
    assert proxy_for("https://api.openai.com/v1") == "http://proxy.example:3128"
    assert proxy_for("http://127.0.0.1:11434/v1") == ""
    assert proxy_for("https://internal.example/v1") == ""


def test_a_call_goes_through_the_proxy_with_the_same_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain HTTP proxy gets the absolute URL; the simulator answers it as the origin would."""
    with ProviderSimulator("openai", default=GOOD) as provider:
        monkeypatch.setenv("http_proxy", provider.root)
        monkeypatch.setenv("no_proxy", "")
        candidate = candidate_of(provider, base_url="http://models.example/v1")
        answer = ask(asker_of(replace(candidate), limits=HASTY))
    # The simulator does not know absolute targets: what counts is that the proxy was asked, by full address.
    assert [request.path for request in provider.requests] == ["http://models.example/v1/chat/completions"]
    assert answer.completion is None


def _imports_httpx(tree: ast.Module) -> bool:
    return any(
        (isinstance(node, ast.Import) and any(name.name.startswith("httpx") for name in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("httpx"))
        for node in ast.walk(tree)
    )


def test_nothing_but_this_package_imports_httpx() -> None:
    root = Path(__file__).parents[2]
    users = {
        file.relative_to(root).as_posix()
        for package in ("reviewer", "webhooks", "policies")
        for file in (root / package).rglob("*.py")
        if _imports_httpx(ast.parse(file.read_bytes()))
    }
    assert users
    assert all(user.startswith("reviewer/models/") for user in users), users
