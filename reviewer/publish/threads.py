"""Close the threads of findings that were mended, and open them again where the code came back.

We resolve a thread only where nobody else spoke in it; where people did, one reply says what became of it. While
they talk about an open finding we are silent. Nothing is said twice, whatever fails.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from reviewer.errors import NotFound, PermissionMissing, RequestRejected
from reviewer.github.client import GitHub
from reviewer.github.records import PullRequest
from reviewer.publish.escape import code, link
from reviewer.publish.marker import Kind, Marker, fingerprint_in_marker
from reviewer.publish.once import create_once
from reviewer.publish.open_findings import still_open
from reviewer.publish.settle import Settle
from reviewer.publish.thread_state import OwnThread, own_threads
from reviewer.steps.result import FixedFinding, Review

log = logging.getLogger(__name__)

# What GitHub refuses here is no fault of the review: a comment that is gone, an App that may not resolve.
_REFUSED: Final = (NotFound, PermissionMissing, RequestRejected)


@dataclass(slots=True)
class ThreadKeeper:
    """Brings the threads of a pull request to what a review found. `announce` is called before a reply is sent."""

    gh: GitHub
    pr: PullRequest
    login: str
    settle: Settle
    announce: Callable[[str], object] = field(default=lambda _what: None)

    def tend(self, review: Review) -> None:
        """Close what was mended, reopen what came back, fold away what is outdated and over.

        Running it again, also after a death in the middle, says nothing twice.
        """
        back = [fingerprint_in_marker(placed.finding.fingerprint) for placed in still_open(review)]
        if not review.fixed and not back:
            return
        own = self._own()
        for fixed in review.fixed:
            thread = own.get(fingerprint_in_marker(fixed.fingerprint))
            if thread is not None:
                self._try(partial(self._close, thread, fixed, review.change.head))
        for name in back:
            thread = own.get(name)
            if thread is not None and thread.closed_by_us:
                self._try(partial(self._reopen, thread, review.change.head))

    def _close(self, thread: OwnThread, fixed: FixedFinding, head: str) -> None:
        if thread.thread.resolved:
            # By a person, and there is nothing to add; or by an attempt of ours that went no further.
            if thread.resolved_by_us and not thread.closed_by_us:
                self._say_fixed(thread, fixed.commit or head, "")
            self._fold(thread)
            return
        if thread.last_word is not None and thread.last_word.kind is Kind.CLOSED:
            return  # people spoke in it, or opened it again: it is theirs
        if thread.alone and self._try(partial(self.gh.resolve_thread, thread.thread.id)):
            self._say_fixed(thread, fixed.commit or head, "")
            self._fold(thread)
        else:
            self._say_fixed(thread, fixed.commit or head, " I leave the thread for you to resolve.")

    def _say_fixed(self, thread: OwnThread, commit: str, more: str) -> None:
        address = f"{self.pr.repository_url}/commit/{commit}" if self.pr.repository_url else ""
        self._say(thread, Marker(Kind.CLOSED, head=commit), f"Fixed in {link(code(commit[:7]), address)}.{more}")

    def _fold(self, thread: OwnThread) -> None:
        """Fold away our comment where its code has changed, it is over, and nobody else spoke there."""
        if thread.alone and thread.thread.outdated and not thread.first.minimized:
            self.gh.minimize_comment(thread.first.node_id)

    def _reopen(self, thread: OwnThread, head: str) -> None:
        # Opened first: where the process dies in between, the thread says what is true.
        self.gh.unresolve_thread(thread.thread.id)
        if thread.first.minimized:
            self.gh.unminimize_comment(thread.first.node_id)
        words = f"This is back in {code(head[:7])}: the thread is open again."
        self._say(thread, Marker(Kind.REOPENED, head=head), words)

    def _say(self, thread: OwnThread, marker: Marker, words: str) -> None:
        """Reply once; where the answer does not come, look whether the reply is there."""
        name = thread.name
        line = Marker(marker.kind, head=marker.head, fingerprint=name).line()

        def find() -> bool | None:
            now = self._own().get(name)
            return True if now is not None and now.last_word == Marker(marker.kind, marker.head, name) else None

        def create() -> bool:
            self.gh.reply(self.pr.repository, self.pr.number, thread.first.id, f"{line}\n{words}")
            return True

        self.announce("thread reply")
        create_once(create, find, self.settle)

    def _own(self) -> Mapping[str, OwnThread]:
        return own_threads(self.gh.threads(self.pr.repository, self.pr.number), self.login)

    def _try(self, write: Callable[[], None]) -> bool:
        """Write, and tell whether GitHub took it."""
        try:
            write()
        except _REFUSED as error:
            log.warning("a thread of %s#%d is left as it is: %s", self.pr.repository, self.pr.number, error)
            return False
        return True
