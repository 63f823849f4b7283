"""A simulated GitHub: a real HTTP server with real git behind it, that refuses what GitHub refuses."""

from __future__ import annotations

from reviewer.demo.simulator.faults import Fault, Faults
from reviewer.demo.simulator.server import GitHubSimulator

__all__ = ["Fault", "Faults", "GitHubSimulator"]
