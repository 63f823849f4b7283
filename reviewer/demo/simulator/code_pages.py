"""Pages of code for people: a repository, a file at a commit, and a commit with its diff."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from reviewer.demo.simulator.conversation import FileView
from reviewer.demo.simulator.frame import bar, document
from reviewer.demo.simulator.page import file_box
from reviewer.demo.simulator.state import Repository
from reviewer.errors import GitFailed

if TYPE_CHECKING:
    from reviewer.demo.simulator.hub import Hub

EMPTY_TREE: Final = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def render_repository(hub: Hub, repo: Repository) -> str:
    """Return the page of a repository: its pull requests, and the files of its default branch."""
    git = hub.data(repo).git
    base = f"/{repo.full_name}"
    pulls = "".join(
        f'<div class="check"><a href="{escape(base)}/pull/{pull.number}">{escape(pull.title)}</a>'
        f'<span class="note">#{pull.number}</span></div>'
        for pull in hub.state.pulls_of(repo)
    )
    head = git.text("rev-parse", repo.default_branch)
    names = git.run("ls-tree", "-r", "-z", "--name-only", head).decode("utf-8", "replace").split("\0")
    files = "".join(f'<li><a href="{_blob(repo, head, name)}">{escape(name)}</a></li>' for name in names if name)
    body = (
        f"{bar(hub.notice, repo.full_name)}<main><h1>{escape(repo.full_name)}</h1>"
        f'<h2>Pull requests</h2><div class="box">{pulls}</div><h2>Files on {escape(repo.default_branch)}</h2>'
        f'<div class="box"><ul class="files">{files}</ul></div></main>'
    )
    return document(repo.full_name, body)


def render_blob(hub: Hub, repo: Repository, revision: str, path: str) -> str | None:
    """Return the page of a file with an anchor for each line, None where the commit has no such file."""
    git = hub.data(repo).git
    commit = git.commit_of(revision)
    try:
        data = git.run("cat-file", "blob", f"{commit}:{path}") if commit else None
    except GitFailed:
        data = None
    if data is None or commit is None:
        return None
    lines = data.decode("utf-8", "replace").removesuffix("\n").split("\n")
    rows = "".join(
        f'<tr class="same" id="L{number}"><td class="no"><a href="#L{number}">{number}</a></td>'
        f"<td>{escape(line)}</td></tr>"
        for number, line in enumerate(lines, start=1)
    )
    where = f'<a href="/{escape(repo.full_name)}/commit/{commit}">{commit[:7]}</a>'
    body = (
        f"{bar(hub.notice, repo.full_name)}<main><h1>{escape(path)} <span>at {where}</span></h1>"
        f'<div class="box scroll"><table class="diff">{rows}</table></div></main>'
    )
    return document(path, body)


def render_commit(hub: Hub, repo: Repository, revision: str) -> str | None:
    """Return the page of a commit with its diff, None where there is no such commit."""
    data = hub.data(repo)
    commit = data.git.commit_of(revision)
    if commit is None:
        return None
    message, author, when, parents = data.git.text(
        "show", "--no-patch", "--format=%B%x00%an%x00%aI%x00%P", commit
    ).split("\0")
    rows = data.files((parents.split() or [EMPTY_TREE])[0], commit)
    files = "".join(
        file_box(FileView(row.path, row.previous, row.status, row.additions, row.deletions, row.patch, ()))
        for row in rows
    )
    title, _, rest = message.partition("\n")
    before = ", ".join(f'<a href="/{escape(repo.full_name)}/commit/{one}">{one[:7]}</a>' for one in parents.split())
    more = f"<pre>{escape(rest.strip())}</pre>" if rest.strip() else ""
    body = (
        f"{bar(hub.notice, repo.full_name)}<main><h1>{escape(title)} <span>{commit[:7]}</span></h1>{more}"
        f'<div class="meta"><strong>{escape(author)}</strong> committed on {escape(when)}'
        f"{f' · parent {before}' if before else ''}</div>{files}</main>"
    )
    return document(title, body)


def _blob(repo: Repository, commit: str, path: str) -> str:
    return f"/{escape(repo.full_name)}/blob/{commit}/{escape(quote(path))}"
