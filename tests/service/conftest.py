from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.service.rig import Rig, rig


@pytest.fixture(scope="module")
def shared_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("service")) as made:
        yield made


@pytest.fixture
def service(shared_rig: Rig) -> Iterator[Rig]:
    """The service of the module; each test opens a pull request of its own and leaves no fault behind."""
    yield shared_rig
    shared_rig.simulator.faults.clear()
    shared_rig.reviewer.next.clear()
    shared_rig.reviewer.always = None
