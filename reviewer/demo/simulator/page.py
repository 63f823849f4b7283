"""The page of a pull request, for people: the conversation, and the diff with the inline comments in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Final

from reviewer.demo.simulator import conversation
from reviewer.demo.simulator.conversation import CheckView, Comment, Conversation, FileView, ThreadView
from reviewer.demo.simulator.frame import bar, document
from reviewer.demo.simulator.gitdata import HUNK
from reviewer.demo.simulator.markdown import render as markdown
from reviewer.demo.simulator.state import PullRequest

if TYPE_CHECKING:
    from reviewer.demo.simulator.hub import Hub

# The opening text has its time on the pull request, not on the page.
NO_TIME: Final = datetime.fromtimestamp(0, UTC)


def render_home(hub: Hub) -> str:
    """Return the list of pull requests."""
    rows = "".join(
        f'<div class="check"><span class="dot success"></span><a href="/{escape(pull.repository.full_name)}/pull/'
        f'{pull.number}">{escape(pull.title)}</a> <span class="note">{escape(pull.repository.full_name)} '
        f"#{pull.number}</span></div>"
        for pull in hub.state.pulls.values()
    )
    empty = '<div class="note">No pull request has been opened yet.</div>'
    return document(
        "GitHub simulator",
        f'{bar(hub.notice)}<main><h1>Pull requests</h1><div class="box">{rows or empty}</div></main>',
    )


def render(hub: Hub, pull: PullRequest, tab: str = "") -> str:
    """Return a page of one pull request: the conversation, or a tab (a key of TABS)."""
    return render_conversation(conversation.read(hub, pull), tab)


def render_conversation(talk: Conversation, tab: str = "") -> str:
    """Return a page of a conversation."""
    return document(
        f"{talk.title} · #{talk.number}",
        f"{bar(talk.notice, talk.repository)}<main>{_heading(talk, tab)}{''.join(TABS[tab][1](talk))}</main>",
    )


def _heading(talk: Conversation, tab: str) -> str:
    labels = "".join(f'<span class="label">{escape(name)}</span>' for name in talk.labels)
    commits = f"{talk.commits} commit{'' if talk.commits == 1 else 's'}"
    counts = {"commits": talk.commits, "checks": len(talk.checks), "files": len(talk.files)}
    address = f"/{escape(talk.repository)}/pull/{talk.number}"
    tabs = "".join(
        f'<a href="{address}{f"/{key}" if key else ""}"{" class=here" if key == tab else ""}>{name}'
        f"{f' <span>{counts[key]}</span>' if key in counts else ''}</a>"
        for key, (name, _) in TABS.items()
    )
    return (
        f"<h1>{escape(talk.title)} <span>#{talk.number}</span></h1>"
        f'<div class="meta"><span class="pill {talk.state}">{talk.state.title()}</span>'
        f"<strong>{escape(talk.author)}</strong> wants to merge {commits} into "
        f'<span class="ref">{escape(talk.base_ref)}</span> from <span class="ref">{escape(talk.head_ref)}</span>'
        f'{labels}</div><nav class="tabs">{tabs}</nav>'
    )


def _talk(talk: Conversation) -> Iterator[str]:
    yield _comment_box(Comment(talk.author, talk.body or "*No description provided.*", NO_TIME), "opened this")
    yield _checks(talk.checks)
    for row in talk.comments:
        yield _comment_box(row, "commented")
    for row in talk.reviews:
        if row.body.strip():
            yield _comment_box(row, "reviewed")
    yield from _files(talk)


def _files(talk: Conversation) -> Iterator[str]:
    yield f"<h2>Files changed ({len(talk.files)}) · {len(talk.threads)} inline comments</h2>"
    yield from map(file_box, talk.files)


def _commits(talk: Conversation) -> Iterator[str]:
    rows = "".join(
        f'<div class="check"><div><a href="/{escape(talk.repository)}/commit/{row.sha}">{escape(row.title)}</a><br>'
        f'<span class="dim">{escape(row.author)} · {escape(row.at)} · {row.sha[:7]}</span></div></div>'
        for row in talk.commit_rows
    )
    yield f'<div class="box">{rows}</div>'


def _check_pages(talk: Conversation) -> Iterator[str]:
    for row in talk.checks:
        yield (
            f'<div class="box" id="check-{row.id}"><div class="head"><span class="dot '
            f'{escape(row.conclusion or row.status)}"></span> <strong>{escape(row.name)}</strong> · '
            f"{escape(row.conclusion or row.status)} · {escape(row.title)}</div>"
            f'<div class="md">{markdown(row.summary)}{markdown(row.text)}</div></div>'
        )


TABS: Final[Mapping[str, tuple[str, Callable[[Conversation], Iterator[str]]]]] = {
    "": ("Conversation", _talk),
    "commits": ("Commits", _commits),
    "checks": ("Checks", _check_pages),
    "files": ("Files changed", _files),
}


def _who(login: str) -> str:
    bot = login.endswith("[bot]")
    tag = '<span class="bot">bot</span>' if bot else ""
    return f"<strong>{escape(login.removesuffix('[bot]'))}</strong>{tag}"


def _comment_box(row: Comment, verb: str) -> str:
    shown = f" · {escape(', '.join(row.reactions))}" if row.reactions else ""
    named = f' id="{escape(row.anchor)}"' if row.anchor else ""
    return (
        f'<div class="box"{named}><div class="head">{_who(row.author)} {verb}{shown}</div>'
        f'<div class="md">{markdown(row.body)}</div></div>'
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


def file_box(file: FileView) -> str:
    """Return a changed file with its diff and the threads on it."""
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
    named = f' id="{escape(row.anchor)}"' if row.anchor else ""
    return (
        f'<div class="comment"{named}><div class="who">{_who(row.author)} {escape(where)}</div>'
        f'<div class="md">{markdown(row.body)}</div></div>'
    )
