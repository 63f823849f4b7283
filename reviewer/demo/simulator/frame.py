"""The frame of every page for people: head, style, and the bar with what must be said on each of them."""

from __future__ import annotations

from html import escape
from pathlib import Path


def document(title: str, body: str) -> str:
    """Return a whole page."""
    css = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{css}</style></head><body>{body}</body></html>"
    )


def bar(notice: str, repository: str = "") -> str:
    """Return the bar at the top; `notice` is shown below it where there is one."""
    place = f'<a href="/{escape(repository)}"><strong>{escape(repository)}</strong></a>' if repository else ""
    said = f'<div class="said">{escape(notice)}</div>' if notice else ""
    home = '<a href="/">a simulated GitHub</a>'
    return f'<header class="bar">{f"{place} · on {home}" if place else home}</header>{said}'
