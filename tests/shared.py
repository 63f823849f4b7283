"""Where the published contracts and the development data are; tests that need them skip where they are not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def shared(name: str) -> Path:
    """Return the path of a shared file, or skip the test with the reason."""
    folder = Path(os.environ.get("KILO_REVIEW_SHARED", ROOT.parent / "shared"))
    path = folder / name
    if not path.exists():
        pytest.skip(f"{name} is not on this machine (set KILO_REVIEW_SHARED to the folder that holds it)")
    return path
