"""The SDK's own client, with `kilo-review mcp` as a real process: over its standard input, or over HTTP."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import anyio
from jsonschema import Draft202012Validator
from mcp import types
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from tests.simulators.behaviour import Say
from tests.simulators.provider import ProviderSimulator

# An answer that takes a minute, piece by piece.
SLOW = Say(" " * 1600 + '{"findings": []}', pause=0.6)
COMMAND = ("-m", "kilo_review", "mcp")


@contextlib.asynccontextmanager
async def over_stdio(env: Mapping[str, str], *words: str, cwd: str, mode: str = "auto") -> AsyncIterator[Client]:
    parameters = StdioServerParameters(command=sys.executable, args=[*COMMAND, *words], env=dict(env), cwd=cwd)
    with tempfile.TemporaryFile("w+") as errors:
        async with Client(stdio_client(parameters, errlog=errors), mode=mode) as client:
            yield client
        errors.seek(0)
        assert "Traceback" not in errors.read()


@contextlib.contextmanager
def http_server(env: Mapping[str, str], *words: str, cwd: str) -> Iterator[str]:
    """Start a server on a free port; yields its address."""
    process = subprocess.Popen(
        [sys.executable, *COMMAND, "--http", "127.0.0.1:0", *words],
        cwd=cwd,
        env=dict(env),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("kilo-review: http://127.0.0.1:"), line + process.stderr.read()
        yield line.partition(" ")[2].strip()
    finally:
        process.terminate()
        process.wait(20)
        process.stderr.close()


@contextlib.asynccontextmanager
async def over_http(url: str, token: str = "", mode: str = "auto") -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {token}"} if token else None
    async with (
        create_mcp_http_client(headers) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield client


async def call(client: Client, name: str, **given: Any) -> Any:
    """Call a tool that has to succeed; its structured content fits the schema that the server published."""
    result = await client.call_tool(name, given)
    assert not result.is_error, text_of(result)
    tool = next(tool for tool in (await client.list_tools()).tools if tool.name == name)
    assert tool.output_schema is not None
    Draft202012Validator(tool.output_schema).validate(result.structured_content)
    return result.structured_content


async def refused(client: Client, name: str, **given: Any) -> str:
    """Call a tool that has to fail; return its words."""
    result = await client.call_tool(name, given)
    assert result.is_error
    assert result.structured_content is None
    return text_of(result)


def text_of(result: types.CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, types.TextContent)
    return content.text


async def cancel_in_flight(client: Client, provider: ProviderSimulator) -> None:
    """Start a review, and leave while the model answers: its calls end, and no other begins."""
    abandoned = provider.abandoned
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(client.call_tool, "review_changes", {})
            while provider.in_flight == 0:
                await anyio.sleep(0.02)
            group.cancel_scope.cancel()
    with anyio.fail_after(10):
        while provider.in_flight or provider.abandoned == abandoned:
            await anyio.sleep(0.02)
    asked = len(provider.requests)
    await anyio.sleep(0.5)
    assert len(provider.requests) == asked
