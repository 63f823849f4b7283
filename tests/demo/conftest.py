from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.demo.world import World, build


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One simulated GitHub per module: its key pair is dear."""
    world = build(tmp_path_factory.mktemp("world"))
    yield world
    world.simulator.faults.clear()
    world.simulator.stop()
