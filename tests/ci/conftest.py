from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.service.rig import Rig, rig


@pytest.fixture(scope="module")
def shared_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("ci")) as made:
        # The runs are told the pull requests themselves; no App takes part.
        made.simulator.app.webhook_url = ""
        yield made


@pytest.fixture
def service(shared_rig: Rig) -> Iterator[Rig]:
    yield shared_rig
    shared_rig.simulator.faults.clear()
    shared_rig.reviewer.always = None
