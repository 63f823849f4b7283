from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.github.lab import Lab, lab


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path) as made:
        yield made
