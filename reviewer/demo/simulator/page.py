"""The page of a pull request, for people."""

from __future__ import annotations

from reviewer.demo.simulator.hub import Hub
from reviewer.demo.simulator.state import PullRequest


def render_home(hub: Hub) -> str:
    return ""


def render(hub: Hub, pull: PullRequest) -> str:
    return ""
