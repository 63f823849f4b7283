"""PolicyInvalid: the error of a policy text that cannot be used."""

from __future__ import annotations


class PolicyInvalid(ValueError):
    """A policy that cannot be used. The text names file, line, key and what is allowed instead."""

    def __init__(self, message: str, *, file: str = "", line: int = 0) -> None:
        super().__init__(message)
        self.file = file
        self.line = line
