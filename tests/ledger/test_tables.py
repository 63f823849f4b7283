"""The tables load what SQLite needs and nothing of another database."""

from __future__ import annotations

import subprocess
import sys


def test_a_start_on_sqlite_loads_no_other_dialect() -> None:
    code = (
        "import sys, reviewer.ledger.ledger; print([name for name in sys.modules if 'dialects.postgresql' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
