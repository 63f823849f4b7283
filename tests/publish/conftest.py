from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reviewer.github.auth import AppAuth
from reviewer.settings import Secret
from tests.github.lab import Lab, lab


@pytest.fixture(scope="module")
def shared_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("shop")) as made:
        yield made


@pytest.fixture
def shop(shared_shop: Lab) -> Iterator[Lab]:
    """An untouched pull request. It is shared: tests that push or stop the server use `own_shop`."""
    simulator = shared_shop.simulator
    state = simulator.state
    with state.lock:
        for records in (state.reviews, state.review_comments, state.comments, state.check_runs, state.tokens):
            records.clear()
        state.seen.clear()
    simulator.faults.clear()
    auth = AppAuth(str(simulator.app.id), Secret(simulator.app.private_key), simulator.url, now=Lab.now)
    yield replace(shared_shop, auth=auth)
    auth.api.close()


@pytest.fixture
def own_shop(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path) as made:
        yield made
