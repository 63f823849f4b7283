"""About: what people wrote about a change."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class About:
    """What people wrote about a change: hostile prose, shown to a model only behind a fence."""

    title: str = ""
    body: str = ""
    author: str = ""
