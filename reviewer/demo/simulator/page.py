"""The page of a pull request, for people: the conversation, and the diff with the inline comments in place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer.demo.simulator import conversation
from reviewer.demo.simulator.conversation import CheckView, Comment, Conversation, FileView, ThreadView
from reviewer.demo.simulator.gitdata import HUNK
from reviewer.demo.simulator.markdown import render as markdown
from reviewer.demo.simulator.state import PullRequest

if TYPE_CHECKING:
    from reviewer.demo.simulator.hub import Hub


def _document(title: str, body: str) -> str:
    css = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{css}</style></head><body>{body}</body></html>"
    )


def render_home(hub: Hub) -> str:
    """Return the list of pull requests."""
    rows = "".join(
        f'<div class="check"><span class="dot success"></span><a href="/{escape(pull.repository.full_name)}/pull/'
        f'{pull.number}">{escape(pull.title)}</a> <span class="note">{escape(pull.repository.full_name)} '
        f"#{pull.number}</span></div>"
        for pull in hub.state.pulls.values()
    )
    bar = '<header class="bar"><strong>GitHub simulator</strong> of Kilo Review</header>'
    empty = '<div class="note">No pull request has been opened yet.</div>'
    return _document(
        "GitHub simulator", f'{bar}<main><h1>Pull requests</h1><div class="box">{rows or empty}</div></main>'
    )


def render(hub: Hub, pull: PullRequest) -> str:
    """Return the page of one pull request."""
    return render_conversation(conversation.read(hub, pull))


def render_conversation(talk: Conversation) -> str:
    """Return the page of a conversation."""
    labels = "".join(f'<span class="label">{escape(name)}</span>' for name in talk.labels)
    commits = f"{talk.commits} commit{'' if talk.commits == 1 else 's'}"
    parts = [
        f'<header class="bar"><strong>{escape(talk.repository)}</strong> · on a simulated GitHub</header><main>',
        f"<h1>{escape(talk.title)} <span>#{talk.number}</span></h1>",
        f'<div class="meta"><span class="pill {talk.state}">{talk.state.title()}</span>'
        f"<strong>{escape(talk.author)}</strong> wants to merge {commits} into "
        f'<span class="ref">{escape(talk.base_ref)}</span> from <span class="ref">{escape(talk.head_ref)}</span>'
        f"{labels}</div>",
        _comment_box(talk.author, talk.body or "*No description provided.*", "opened this pull request"),
        _checks(talk.checks),
        *(_comment_box(row.author, row.body, "commented", row.reactions) for row in talk.comments),
        *(_comment_box(row.author, row.body, "reviewed") for row in talk.reviews if row.body.strip()),
        f"<h2>Files changed ({len(talk.files)}) · {len(talk.threads)} inline comments</h2>",
        *(_file(file) for file in talk.files),
        "</main>",
    ]
    return _document(f"{talk.title} · #{talk.number}", "".join(parts))


def _who(login: str) -> str:
    bot = login.endswith("[bot]")
    tag = '<span class="bot">bot</span>' if bot else ""
    return f"<strong>{escape(login.removesuffix('[bot]'))}</strong>{tag}"


def _comment_box(author: str, body: str, verb: str, reactions: Sequence[str] = ()) -> str:
    shown = f" · {escape(', '.join(reactions))}" if reactions else ""
    return (
        f'<div class="box"><div class="head">{_who(author)} {verb}{shown}</div>'
        f'<div class="md">{markdown(body)}</div></div>'
    )


def _checks(checks: Sequence[CheckView]) -> str:
    if not checks:
        return ""
    rows = "".join(
        f'<div class="check"><span class="dot {escape(row.conclusion or row.status)}"></span>'
        f"<div><strong>{escape(row.name)}</strong> · {escape(row.conclusion or row.status)}"
        f"<br>{escape(row.title)}</div></div>"
        for row in checks
    )
    return f'<div class="box">{rows}</div>'


def _file(file: FileView) -> str:
    name = escape(file.path) if file.previous is None else f"{escape(file.previous)} → {escape(file.path)}"
    count = f'<span class="plus">+{file.additions}</span> <span class="minus">−{file.deletions}</span>'
    talked = f" · {len(file.threads)} 💬" if file.threads else ""
    if file.patch is None:
        body = f'<div class="note">{escape(file.status)}: no text to show.</div>'
    else:
        body = f'<div class="scroll"><table class="diff">{"".join(_rows(file))}</table></div>'
    return (
        f'<details class="box file" open><summary>{name}<span class="count">{count}{talked}</span></summary>'
        f"{body}{''.join(_outdated(file))}</details>"
    )


def _rows(file: FileView) -> Iterator[str]:
    placed: dict[int, list[ThreadView]] = {}
    for thread in file.threads:
        if thread.position is not None:
            placed.setdefault(thread.position, []).append(thread)
    old = new = 0
    for position, text in enumerate((file.patch or "").split("\n")):
        header = HUNK.match(text)
        if header:
            old, new = int(header[1]), int(header[3])
            yield f'<tr class="hunk"><td class="no" colspan="2"></td><td>{escape(text)}</td></tr>'
        else:
            mark = text[:1]
            left = str(old) if mark in (" ", "-") else ""
            right = str(new) if mark in (" ", "+") else ""
            kind = {"+": "add", "-": "del"}.get(mark, "same")
            yield (
                f'<tr class="{kind}"><td class="no">{left}</td><td class="no">{right}</td>'
                f"<td>{escape(text)}</td></tr>"
            )
            old += mark in (" ", "-")
            new += mark in (" ", "+")
        for thread in placed.get(position, ()):
            yield f'<tr class="talk"><td colspan="3">{_thread(thread)}</td></tr>'


def _outdated(file: FileView) -> Iterator[str]:
    for thread in file.threads:
        if thread.position is None:
            yield f'<div class="note">Outdated, line {thread.line}:{_thread(thread)}</div>'


def _thread(thread: ThreadView) -> str:
    where = f"lines {thread.start_line}–{thread.line}" if thread.start_line else f"line {thread.line}"
    state = " · resolved" if thread.resolved else ""
    rows = "".join(_one(row, f"on {where}{state}") for row in thread.comments)
    return f'<div class="thread">{rows}</div>'


def _one(row: Comment, where: str) -> str:
    return (
        f'<div class="comment"><div class="who">{_who(row.author)} {escape(where)}</div>'
        f'<div class="md">{markdown(row.body)}</div></div>'
    )
