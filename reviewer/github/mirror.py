"""Bare mirrors on disk: the commits of a pull request as git objects, fetched once, never checked out.

A mirror belongs to one installation and repository, so nothing of one customer can be read for another. Folders
are fetched into under a lock, and the least recently used go when the whole grows over its limit, but never one
that a process still reads.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, Self
from urllib.parse import urlsplit

from reviewer.egress import resolve
from reviewer.errors import ConfigurationError, GitFailed, GitHubUnavailable
from reviewer.git.git import run_git
from reviewer.github.records import PullRequest
from reviewer.settings import Secret

FETCH_TIMEOUT_S: Final = 300.0
# A server that sends less than this for this long is as good as silent.
LOW_SPEED_BYTES: Final = 1_000
LOW_SPEED_S: Final = 30
_SHA: Final = re.compile(r"^[0-9a-f]{40}([0-9a-f]{24})?$")
_USED: Final = "kilo-last-used"


class Mirrors:
    """The mirrors under one folder. `limit` and `repository_limit` are in bytes, 0 for none."""

    def __init__(
        self, root: Path, *, limit: int, repository_limit: int, fetch_timeout: float = FETCH_TIMEOUT_S
    ) -> None:
        self._root = root
        self._limit = limit
        self._repository_limit = repository_limit
        self._fetch_timeout = fetch_timeout
        self._held: dict[Path, IO[str]] = {}

    def ensure(self, pr: PullRequest, token: Secret, *, installation_id: int = 0) -> Path | None:
        """Return a bare repository that holds base, head and their history, None where it is over the limit.

        At most one fetch; none where both commits are there. The mirror stays on disk until `close()` or the end
        of the process. Raises GitHubUnavailable where the fetch does not
        come through, GitFailed where git itself fails.
        """
        if self._repository_limit and (pr.size_kb or 0) * 1024 > self._repository_limit:
            return None
        for commit in (pr.base_sha, pr.head_sha):
            if not _SHA.match(commit):
                raise GitFailed(f"{commit!r} is not a commit id")
        git_dir = self._root / str(installation_id) / f"{pr.repo_id}.git"
        with _lock(git_dir.with_suffix(".lock"), fcntl.LOCK_EX):
            self._create(git_dir)
            if not self._has(git_dir, pr.base_sha, pr.head_sha):
                self._fetch(git_dir, pr, token)
            if self._repository_limit and _size(git_dir) > self._repository_limit:
                shutil.rmtree(git_dir, ignore_errors=True)
                return None
            (git_dir / _USED).touch()
            self._hold(git_dir)
        self._evict(keep=git_dir)
        return git_dir

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of every mirror that `ensure` gave: it may be evicted from now on."""
        while self._held:
            self._held.popitem()[1].close()

    def size(self) -> int:
        """Return the bytes of all mirrors."""
        return sum(_size(git_dir) for git_dir in self._mirrors())

    def _create(self, git_dir: Path) -> None:
        if (git_dir / "HEAD").exists():
            return
        git_dir.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Half made, it must not be taken for a mirror: made beside, then renamed.
        fresh = git_dir.with_suffix(f".new{os.getpid()}")
        shutil.rmtree(fresh, ignore_errors=True)
        run_git(["init", "--quiet", "--bare", "--template=", str(fresh)], git_dir=None)
        shutil.rmtree(git_dir, ignore_errors=True)
        fresh.replace(git_dir)

    def _has(self, git_dir: Path, *commits: str) -> bool:
        lines = "".join(f"{commit}^{{commit}}\n" for commit in commits).encode()
        found = run_git(["cat-file", "--batch-check=%(objecttype)"], git_dir=git_dir, input=lines)
        return found.split() == [b"commit"] * len(commits)

    def _fetch(self, git_dir: Path, pr: PullRequest, token: Secret) -> None:
        """Fetch exactly the two commits; a server that serves no single commits is asked for the refs instead."""
        keep = f"refs/kilo/{pr.number}"
        exact = (f"+{pr.base_sha}:{keep}/base", f"+{pr.head_sha}:{keep}/head")
        named = (f"+refs/heads/{pr.base_ref}:{keep}/base", f"+refs/pull/{pr.number}/head:{keep}/head")
        try:
            self._run_fetch(git_dir, pr, token, exact)
        except GitFailed as error:
            if "not our ref" not in error.detail and "unadvertised object" not in error.detail:
                raise _unreachable(error, pr) from None
            try:
                self._run_fetch(git_dir, pr, token, named)
            except GitFailed as again:
                raise _unreachable(again, pr) from None
        if not self._has(git_dir, pr.base_sha, pr.head_sha):
            raise GitHubUnavailable(
                f"{pr.repository}#{pr.number}: the repository does not serve {pr.head_sha[:7]} (any more); "
                "a newer push has replaced it"
            )

    def _run_fetch(self, git_dir: Path, pr: PullRequest, token: Secret, refs: tuple[str, ...]) -> None:
        url = _checked(pr.clone_url)
        # In the environment of that one process: not on its command line, not in the mirror's config.
        secret = []
        if token:
            basic = base64.b64encode(f"x-access-token:{token.reveal()}".encode()).decode()
            secret = [(f"http.{_origin(url)}/.extraHeader", f"Authorization: Basic {basic}")]
        run_git(
            ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", url, *refs],
            git_dir=git_dir,
            timeout=self._fetch_timeout,
            protocols=(urlsplit(url).scheme,),
            config=(
                *_pinned(url),
                ("http.lowSpeedLimit", str(LOW_SPEED_BYTES)),
                ("http.lowSpeedTime", str(LOW_SPEED_S)),
                ("fetch.fsckObjects", "true"),
                # Old histories carry harmless slips that fsck refuses; the hostile kinds stay errors.
                *((f"fetch.fsck.{name}", "ignore") for name in _HARMLESS),
            ),
            secret_config=secret,
        )

    def _evict(self, keep: Path) -> None:
        if not self._limit:
            return
        sizes = {git_dir: _size(git_dir) for git_dir in self._mirrors()}
        total = sum(sizes.values())
        for git_dir in sorted(sizes, key=_last_used):
            if total <= self._limit:
                return
            if git_dir == keep:
                continue
            # In use by a worker: it stays, the next round will see.
            with (
                contextlib.suppress(BlockingIOError),
                _lock(git_dir.with_suffix(".use"), fcntl.LOCK_EX | fcntl.LOCK_NB),
                _lock(git_dir.with_suffix(".lock"), fcntl.LOCK_EX | fcntl.LOCK_NB),
            ):
                shutil.rmtree(git_dir, ignore_errors=True)
                total -= sizes[git_dir]

    def _mirrors(self) -> list[Path]:
        return [path for path in self._root.glob("*/*.git") if path.is_dir()] if self._root.is_dir() else []

    def _hold(self, git_dir: Path) -> None:
        """Share the mirror for reading; the lock goes with the open file, however this process ends."""
        if git_dir not in self._held:
            self._held[git_dir] = git_dir.with_suffix(".use").open("w")
            fcntl.flock(self._held[git_dir], fcntl.LOCK_SH)


@contextlib.contextmanager
def _lock(path: Path, operation: int) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("w") as file:
        fcntl.flock(file, operation)
        yield


_HARMLESS: Final = ("missingSpaceBeforeDate", "zeroPaddedFilemode", "badTimezone", "missingEmail", "badDate")


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.password:
        raise ConfigurationError(f"GitHub gave {url!r} as an address to clone from; it is not http(s)")
    return url


def _pinned(url: str) -> Iterator[tuple[str, str]]:
    """Yield the setting that makes git connect to addresses that were judged."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        addresses = resolve(host, port)
    except OSError as error:
        raise GitHubUnavailable(f"{host} does not resolve: {error.strerror or 'unknown'}") from None
    if ":" not in host:
        shown = ",".join(f"[{one}]" if ":" in one else one for one in addresses)
        # A leading "+" would let the entry run out and the name be resolved again.
        yield "http.curloptResolve", f"{host}:{port}:{shown}"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _unreachable(error: GitFailed, pr: PullRequest) -> GitHubUnavailable | GitFailed:
    passing = (
        "could not resolve",
        "unable to access",
        "timed out",
        "longer than",
        "early eof",
        "rpc failed",
        "hung up",
    )
    words = f"{error} {error.detail}".lower()
    if any(word in words for word in passing):
        return GitHubUnavailable(f"{pr.repository}: fetching the commits failed: {error.detail or error}")
    return error


def _size(folder: Path) -> int:
    total = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(directory) / name).lstat().st_size
    return total


def _last_used(git_dir: Path) -> float:
    with contextlib.suppress(OSError):
        return (git_dir / _USED).stat().st_mtime
    return 0.0
