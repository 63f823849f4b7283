"""A case: one pull request and the comments that experts would make on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Golden:
    """A comment of an expert. `path` is "" and the lines 0 where the set names no place.

    `valid` False is a comment that the experts rejected: a finding that repeats it is wrong.
    """

    text: str
    path: str = ""
    start: int = 0
    end: int = 0
    severity: str = ""
    category: str = ""
    valid: bool = True


@dataclass(frozen=True, slots=True)
class Case:
    """A pull request of a set. `diff` is "" where it has to be fetched; `base` and `head` are "" where unknown."""

    repository: str
    number: int
    goldens: tuple[Golden, ...]
    title: str = ""
    language: str = ""
    base: str = ""
    head: str = ""
    diff: str = ""

    @property
    def name(self) -> str:
        """`owner/name#N`."""
        return f"{self.repository}#{self.number}"

    @property
    def valid(self) -> tuple[Golden, ...]:
        """The comments that a good review makes."""
        return tuple(golden for golden in self.goldens if golden.valid)
