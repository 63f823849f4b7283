"""REST: what git holds: repository, contents, trees, blobs, refs, commits, comparisons."""

from __future__ import annotations

import base64
from typing import Any, Final
from urllib.parse import quote

from reviewer.demo.simulator import shapes
from reviewer.demo.simulator.api import Call, GitHubError, Reply, not_found, route
from reviewer.demo.simulator.shapes import node_id
from reviewer.demo.simulator.state import Repository
from reviewer.errors import GitFailed

CONTENTS_BYTES: Final = 1024 * 1024
BLOB_BYTES: Final = 100 * 1024 * 1024
TREE_ENTRIES: Final = 100_000
COMPARED_FILES: Final = 300


@route("GET", "/repos/<owner>/<repo>", "metadata:read")
def get_repository(call: Call, owner: str, repo: str) -> Reply:
    """Answer a repository."""
    return Reply(shapes.repository(call.hub, call.repository(owner, repo), full=True))


def _commit(call: Call, repo: Repository, ref: str) -> str:
    sha = call.hub.data(repo).git.commit_of(ref)
    if sha is None:
        raise GitHubError(404, f"No commit found for the ref {ref}")
    return sha


def _entry(line: str) -> tuple[str, str, str, int | None, str]:
    meta, _, path = line.partition("\t")
    mode, kind, sha, size = meta.split()
    return mode, kind, sha, None if size == "-" else int(size), path


def _listing(call: Call, repo: Repository, *args: str) -> list[tuple[str, str, str, int | None, str]]:
    raw = call.hub.data(repo).git.run("ls-tree", "-l", "-z", *args).decode("utf-8", "surrogateescape")
    return [_entry(line) for line in raw.split("\0") if line]


@route("GET", "/repos/<owner>/<repo>/contents/", "contents:read")
def root_contents(call: Call, owner: str, repo: str) -> Reply:
    """List the top folder."""
    return contents(call, owner, repo, "")


@route("GET", "/repos/<owner>/<repo>/contents/<path:path>", "contents:read")
def contents(call: Call, owner: str, repo: str, path: str) -> Reply:
    """Answer a file, a folder's listing, a link or a submodule, at a ref."""
    repository = call.repository(owner, repo)
    sha = _commit(call, repository, call.query.get("ref") or repository.default_branch)
    path = path.strip("/")
    if not path:
        return Reply([_item(call, repository, sha, row) for row in _listing(call, repository, sha)])
    rows = _listing(call, repository, sha, "--", path)
    if not rows:
        raise not_found()
    if rows[0][1] == "tree":
        folder = _listing(call, repository, sha, "--", path + "/")
        return Reply([_item(call, repository, sha, row) for row in folder])
    return _file(call, repository, sha, rows[0])


def _file(call: Call, repo: Repository, sha: str, row: tuple[str, str, str, int | None, str]) -> Reply:
    document = _item(call, repo, sha, row)
    git = call.hub.data(repo).git
    if document["type"] == "submodule":
        document["submodule_git_url"] = None
        return Reply(document)
    data = git.run("cat-file", "blob", row[2])
    if "raw" in call.accept:
        return Reply(text=data.decode("utf-8", "surrogateescape"), media_type="application/vnd.github.raw")
    if document["type"] == "symlink":
        document["target"] = data.decode("utf-8", "replace")
        return Reply(document)
    small = len(data) <= CONTENTS_BYTES
    document["encoding"] = "base64" if small else "none"
    document["content"] = base64.encodebytes(data).decode() if small else ""
    return Reply(document)


def _item(call: Call, repo: Repository, sha: str, row: tuple[str, str, str, int | None, str]) -> dict[str, Any]:
    mode, kind, blob, size, path = row
    api, name = call.hub.repo_url(repo), quote(path)
    what = {"120000": "symlink", "160000": "submodule"}.get(mode, "dir" if kind == "tree" else "file")
    own = f"{api}/contents/{name}?ref={sha}"
    git_url = f"{api}/git/{'trees' if what == 'dir' else 'blobs'}/{blob}"
    page = f"{call.hub.url}/{repo.full_name}/blob/{sha}/{name}"
    download = f"{call.hub.url}/{repo.full_name}/raw/{sha}/{name}" if what in ("file", "symlink") else None
    return {
        "type": what,
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": blob,
        "size": size or 0,
        "url": own,
        "html_url": page,
        "git_url": git_url,
        "download_url": download,
        "_links": {"self": own, "git": git_url, "html": page},
    }


@route("GET", "/repos/<owner>/<repo>/git/trees/<path:ref>", "contents:read")
def get_tree(call: Call, owner: str, repo: str, ref: str) -> Reply:
    """Answer a tree, whole with `recursive`; `truncated` above 100,000 entries."""
    repository = call.repository(owner, repo)
    git = call.hub.data(repository).git
    try:
        tree = git.text("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{tree}}")
    except GitFailed:
        raise not_found() from None
    rows = _listing(call, repository, *(("-r", "-t") if "recursive" in call.query else ()), tree)
    api = f"{call.hub.repo_url(repository)}/git"
    entries = []
    for mode, kind, sha, size, path in rows[:TREE_ENTRIES]:
        entry: dict[str, Any] = {"path": path, "mode": mode, "type": kind, "sha": sha}
        if size is not None:
            entry["size"] = size
        if kind != "commit":
            entry["url"] = f"{api}/{kind}s/{sha}"
        entries.append(entry)
    document = {"sha": tree, "url": f"{api}/trees/{tree}", "tree": entries}
    return Reply({**document, "truncated": len(rows) > TREE_ENTRIES})


@route("GET", "/repos/<owner>/<repo>/git/blobs/<sha>", "contents:read")
def get_blob(call: Call, owner: str, repo: str, sha: str) -> Reply:
    """Answer a blob in base64."""
    repository = call.repository(owner, repo)
    try:
        data = call.hub.data(repository).git.run("cat-file", "blob", sha)
    except GitFailed:
        raise not_found() from None
    if len(data) > BLOB_BYTES:
        error = {"resource": "Blob", "field": "data", "code": "too_large"}
        raise GitHubError(403, "This API returns blobs up to 100 MB in size.", errors=[error])
    if "raw" in call.accept:
        return Reply(text=data.decode("utf-8", "surrogateescape"), media_type="application/vnd.github.raw")
    return Reply(
        {
            "sha": sha,
            "node_id": node_id("B", int(sha[:15], 16)),
            "size": len(data),
            "url": f"{call.hub.repo_url(repository)}/git/blobs/{sha}",
            "content": base64.encodebytes(data).decode(),
            "encoding": "base64",
        }
    )


@route("GET", "/repos/<owner>/<repo>/git/ref/<path:ref>", "contents:read")
def get_ref(call: Call, owner: str, repo: str, ref: str) -> Reply:
    """Answer what a branch or tag points at."""
    repository = call.repository(owner, repo)
    git = call.hub.data(repository).git
    try:
        sha = git.text("rev-parse", "--verify", "--quiet", f"refs/{ref}")
    except GitFailed:
        raise not_found() from None
    api = f"{call.hub.repo_url(repository)}/git"
    kind = git.text("cat-file", "-t", sha)
    return Reply(
        {
            "ref": f"refs/{ref}",
            "node_id": node_id("REF", int(sha[:15], 16)),
            "url": f"{api}/refs/{ref}",
            "object": {"type": kind, "sha": sha, "url": f"{api}/{kind}s/{sha}"},
        }
    )


@route("GET", "/repos/<owner>/<repo>/commits", "contents:read")
def list_commits(call: Call, owner: str, repo: str) -> Reply:
    """List commits from a ref, newest first, also of one path."""
    repository = call.repository(owner, repo)
    sha = _commit(call, repository, call.query.get("sha") or repository.default_branch)
    path = call.query.get("path")
    rows = call.hub.data(repository).git.text("rev-list", sha, *(("--", path) if path else ())).split()
    page, headers = call.page(rows)
    return Reply([shapes.commit(call.hub, repository, row) for row in page], headers=headers)


@route("GET", "/repos/<owner>/<repo>/commits/<path:ref>", "contents:read")
def get_commit(call: Call, owner: str, repo: str, ref: str) -> Reply:
    """Answer a commit with its files; `sha` and `diff` media types too."""
    repository = call.repository(owner, repo)
    sha = call.hub.data(repository).git.commit_of(ref)
    if sha is None:
        raise GitHubError(422, f"No commit found for SHA: {ref}")
    if call.accept.endswith("sha"):
        return Reply(text=sha, media_type="application/vnd.github.sha; charset=utf-8")
    return Reply(shapes.commit(call.hub, repository, sha, detail=True))


@route("GET", "/repos/<owner>/<repo>/compare/<path:basehead>", "contents:read")
def compare(call: Call, owner: str, repo: str, basehead: str) -> Reply:
    """Compare two commits the three-dot way."""
    repository, hub = call.repository(owner, repo), call.hub
    data = hub.data(repository)
    base, dots, head = basehead.partition("...")
    base_sha, head_sha = data.git.commit_of(base), data.git.commit_of(head)
    if not dots or base_sha is None or head_sha is None:
        raise not_found()
    try:
        middle = data.git.text("merge-base", base_sha, head_sha)
    except GitFailed:
        raise GitHubError(404, f"No common ancestor between {base} and {head}.") from None
    if "diff" in call.accept:
        return Reply(text=data.diff(middle, head_sha), media_type="application/vnd.github.v3.diff; charset=utf-8")
    ahead, behind = data.commits(base_sha, head_sha), data.commits(head_sha, base_sha)
    words = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}
    rows = data.files(middle, head_sha)[:COMPARED_FILES]
    page, headers = call.page(ahead)
    api, html = hub.repo_url(repository), f"{hub.url}/{repository.full_name}/compare"
    return Reply(
        {
            "url": f"{api}/compare/{basehead}",
            "html_url": f"{html}/{basehead}",
            "permalink_url": f"{html}/{base_sha[:7]}...{head_sha[:7]}",
            "diff_url": f"{html}/{basehead}.diff",
            "patch_url": f"{html}/{basehead}.patch",
            "base_commit": shapes.commit(hub, repository, base_sha),
            "merge_base_commit": shapes.commit(hub, repository, middle),
            "status": words.get((bool(ahead), bool(behind)), "identical"),
            "ahead_by": len(ahead),
            "behind_by": len(behind),
            "total_commits": len(ahead),
            "commits": [shapes.commit(hub, repository, sha) for sha in page],
            "files": hub.file_shapes(repository, rows, head_sha),
        },
        headers=headers,
    )
