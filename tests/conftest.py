"""What holds for every test: no connection leaves this machine, no setting of the developer's leaks in."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings

# A developer's own keys and addresses must neither be used nor billed by a test.
_PREFIXES = ("KILO_", "GITHUB_", "OPENAI_", "ANTHROPIC_", "GEMINI_", "OPENROUTER_", "DATABASE_URL", "REDIS_URL")
_KEPT = ("KILO_REVIEW_SHARED", "KILO_REVIEW_MIRRORS", "KILO_REVIEW_CAMPAIGN_REPEATS")

for _name in list(os.environ):
    if _name.startswith(_PREFIXES) and _name not in _KEPT:
        del os.environ[_name]

# No test asserts on absolute time, hypothesis' deadline included; CI gives the same examples every time.
settings.register_profile("ours", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("ours")

_connect = socket.socket.connect


def _loopback_only(self: socket.socket, address: Any) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(str(address[0])):
        raise AssertionError(f"a test tried to reach {address[0]}: only loopback is allowed")
    _connect(self, address)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", _loopback_only)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what was not run, and what would make it run."""
    reasons = Counter(
        str(report.longrepr[2]).removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", ())
        if isinstance(report.longrepr, tuple)
    )
    if reasons:
        terminalreporter.section("not run")
        for reason, count in reasons.most_common():
            terminalreporter.line(f"{count:>5}  {reason}")
