r"""Paths of git as text, so that two never become one.

A path that is no UTF-8 shows its odd bytes as `\xNN`. That can be printed, sent and stored anywhere, unlike
Python's surrogates, and the bytes can be had back.
"""

from __future__ import annotations

import re
from typing import Final

_SHOWN: Final = re.compile(rb"\\x([89a-f][0-9a-f])")


def path_of(raw: bytes) -> str:
    r"""Return a path as text.

    >>> path_of(b"caf\xe9.py")
    'caf\\xe9.py'
    """
    return raw.decode("utf-8", "backslashreplace")


def raw_path(path: str) -> bytes:
    r"""Return the bytes of a path that `path_of` made; a file whose name really holds `\xe9` is not told apart."""
    return _SHOWN.sub(
        lambda match: bytes.fromhex(match[1].decode("ascii")), path.encode("utf-8", "surrogateescape")
    )
