"""Name a process to the ledger: who holds a lease."""

from __future__ import annotations

import os
import socket


def lease_owner(pid: int | None = None) -> str:
    """Return who a process is to the ledger: host and process id.

    A supervisor knows the process id of a worker that has ended, so it can give back the leases that it held.
    """
    return f"{socket.gethostname()}:{os.getpid() if pid is None else pid}"
