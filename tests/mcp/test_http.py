"""The server over HTTP: who gets in, and that the tools are the same."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import pytest

from reviewer.errors import ConfigurationError
from reviewer.mcp.http import Address, Door, allowed_hosts, check_door, parse_address
from reviewer.settings import Secret
from tests.local.planted import DEFECTS, Model, environment, planted
from tests.mcp.client import COMMAND, SLOW, call, cancel_in_flight, http_server, over_http
from tests.simulators.provider import ProviderSimulator

TOKEN = "a-token-of-the-tests-0123456789"
DISCOVER = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "tests", "version": "1"},
        },
    }
)


def status(url: str, **headers: str) -> int:
    """Send one request with exactly these headers; return the status of the answer."""
    parts = urlsplit(url)
    assert parts.hostname
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    try:
        known = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", parts.path, body=DISCOVER, headers={**known, **given})
        return connection.getresponse().status
    finally:
        connection.close()


def test_over_http_only_who_has_the_token_and_comes_under_our_name_gets_in(tmp_path: Path):
    scratch = planted(tmp_path / "shop")
    model = Model(always=SLOW)

    async def run(url: str, provider: ProviderSimulator) -> None:
        async with over_http(url, TOKEN, mode="legacy") as client:
            await cancel_in_flight(client, provider)
        model.always = None
        messages = []

        async def progress(_done: float, _total: float | None, message: str | None) -> None:
            messages.append(message)

        async with over_http(url, TOKEN) as client:
            await client.call_tool("review_changes", {}, progress_callback=progress)
            answer = await call(client, "list_findings")
            assert answer["total"] == len(DEFECTS)
        assert any(str(message).startswith("reviewing") for message in messages)

    with ProviderSimulator("openai", default=model) as provider:
        env = {**environment(tmp_path / "home", provider), "KILO_REVIEW_MCP_TOKEN": TOKEN}
        with http_server(env, "--allow-host", "reviews.example", cwd=str(scratch.root)) as url:
            known = {"Authorization": f"Bearer {TOKEN}"}
            here = urlsplit(url).netloc
            assert status(url, **known) == 200
            assert status(url) == 401
            assert status(url, Authorization=f"Bearer {TOKEN}x") == 401
            assert status(url, **known, Host="evil.example") == 421
            assert status(url, **known, Host="127.0.0.1.evil.example") == 421
            assert status(url, **known, Host="reviews.example:443") == 200
            assert status(url, **known, Origin="http://evil.example") == 403
            assert status(url, **known, Origin=f"http://{here}") == 200
            anyio.run(run, url, provider)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:80", Address("127.0.0.1", 80)),
        ("8765", Address("127.0.0.1", 8765)),
        ("[::1]:0", Address("::1", 0)),
        ("0.0.0.0:1", Address("0.0.0.0", 1)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, address: Address):
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "localhost", "::1:80", "h:port", "h:65536", "h:٣"])
def test_what_is_no_address_is_refused(text: str):
    with pytest.raises(ConfigurationError, match="is no address"):
        parse_address(text)


def test_an_address_that_others_can_reach_needs_a_token_and_a_name():
    everywhere, token = Address("0.0.0.0", 80), Secret(TOKEN)
    with pytest.raises(ConfigurationError, match="KILO_REVIEW_MCP_TOKEN is not set"):
        check_door(everywhere, Door(Secret(""), ("h",)))
    with pytest.raises(ConfigurationError, match="--allow-host"):
        check_door(everywhere, Door(token))
    check_door(everywhere, Door(token, ("h",)))
    for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
        check_door(Address(host, 80), Door(Secret("")))


def test_a_name_is_allowed_under_any_port_and_loopback_under_ours():
    assert allowed_hosts(7, ["h"]) == ["127.0.0.1:7", "localhost:7", "[::1]:7", "h", "h:*"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--http", "0.0.0.0:0"), "KILO_REVIEW_MCP_TOKEN is not set"),
        (("--allow-host", "h"), "--allow-host goes with --http"),
        (("--at-a-time", "0"), "--at-a-time is less than 1"),
        (("--root", "nowhere"), "--root nowhere is not a folder"),
    ],
)
def test_wrong_use_ends_with_a_sentence_and_status_2(words: tuple[str, ...], says: str, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, *COMMAND, *words],
        cwd=tmp_path,
        env=environment(tmp_path / "home"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_sdk_the_line_that_installs_it_is_told(tmp_path: Path):
    code = "import sys; sys.modules['mcp'] = None; import kilo_review; sys.exit(kilo_review.main(['mcp']))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "needs the extra mcp, which is not installed: pip install 'kilo-review[mcp]'" in done.stderr
    assert done.stderr.count("\n") == 1
