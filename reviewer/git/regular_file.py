"""Regular files: what of a stranger's repository is opened. A pipe, a socket or a device is never waited for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)


def read_regular(path: Path, limit: int) -> bytes:
    """Return the content of a regular file of at most `limit` bytes, following links.

    Raises OSError: what opening and reading raise, EINVAL for anything that is no regular file (it is not waited
    for), EFBIG for a longer one, of which no more than `limit` bytes are read however large it says it is.
    """
    handle = os.open(path, _FLAGS)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        data = b"" if found.st_size > limit else file.read(limit + 1)
    if found.st_size > limit or len(data) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit:,} bytes", str(path))
    return data


def waits(mode: int) -> bool:
    """Tell of a file's mode whether opening or reading it may never end: a pipe, a device.

    A socket cannot be opened at all, so that nobody waits for it (git's own fsmonitor daemon keeps one).
    """
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISBLK(mode)
