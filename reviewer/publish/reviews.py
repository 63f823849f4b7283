"""The inline comments: posted in one review, each finding once, whatever GitHub answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from reviewer.change.anchor import Anchors
from reviewer.errors import GitHubUnavailable, RequestRejected
from reviewer.findings.model import Disposition, Finding, PlacedFinding
from reviewer.github.client import GitHub
from reviewer.github.records import Comment, PullRequest
from reviewer.publish.comments import comment_row, refused, sort_out
from reviewer.publish.figures import count
from reviewer.publish.marker import Kind, Marker, fingerprint_in_marker, is_own, read_marker
from reviewer.publish.outgoing import Secrets
from reviewer.publish.settle import Settle
from reviewer.steps.result import Review

# Tries to find the comment that GitHub refuses among the others. Repeating refused requests can cost an App its
# access, so there are few: https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
MAX_POSTS: Final = 8
# Times that a review is sent again after GitHub answered 5xx and then, when asked, did not have it.
MAX_RESENDS: Final = 2


class HeadMoved(Exception):
    """GitHub refused the comments because a newer head has taken over; `head` is that one."""

    def __init__(self, head: str) -> None:
        super().__init__(head)
        self.head = head


@dataclass(frozen=True, slots=True)
class Result:
    """What is on GitHub: the review as published, comment ids and addresses by fingerprint."""

    review: Review
    review_id: int | None
    comment_ids: tuple[int, ...]
    urls: dict[str, str]


@dataclass(slots=True)
class Poster:
    """Posts what is not there yet. Not to be used twice."""

    gh: GitHub
    pr: PullRequest
    review: Review
    login: str = field(kw_only=True)
    fence: Callable[[], None] = field(kw_only=True)
    secrets: Secrets = field(kw_only=True)
    settle: Settle = field(kw_only=True)
    announce: Callable[[], object] = field(kw_only=True, default=lambda: None)
    _posts: int = field(default=0, init=False)
    _review_id: int | None = field(default=None, init=False)
    _refused: dict[Finding, PlacedFinding] = field(default_factory=dict, init=False)
    _there: dict[str, Comment] = field(default_factory=dict, init=False)

    def post(self) -> Result:
        """Post the inline findings that no comment of ours carries yet, and return what is there.

        Raises HeadMoved where a push overtook us.
        """
        inline = [placed for placed in self.review.findings if placed.disposition is Disposition.INLINE]
        good, bad = sort_out(inline, Anchors.from_change(self.review.change))
        self._refuse(bad)
        if self.review.findings:
            self._look()
            self._post(self._missing(good))
        return self._result()

    def _post(self, group: Sequence[PlacedFinding]) -> None:
        """Post a group; where GitHub refuses it, its halves, until the comment it objects to stands alone."""
        if not group:
            return
        if self._posts >= MAX_POSTS:
            self._refuse(refused(placed, "GitHub refused the comment on this line") for placed in group)
            return
        try:
            self._send(group)
        except RequestRejected as error:
            if error.status != 422:
                raise
            if self._posts == 1:
                # A push between our look at the head and this request refuses every comment alike.
                head = self.gh.pull_request(self.pr.repository, self.pr.number).head_sha
                if head != self.review.change.head:
                    raise HeadMoved(head) from None
            if len(group) == 1:
                words = "; ".join(error.errors) or "no reason given"
                self._refuse([refused(group[0], f"GitHub refused the comment on this line: {words}")])
                return
            middle = len(group) // 2
            self._post(group[:middle])
            self._post(group[middle:])

    def _send(self, group: Sequence[PlacedFinding]) -> None:
        """Send one review. Where no answer comes, look for it; send again only what GitHub says it lacks."""
        for resend in range(MAX_RESENDS + 1):
            self.announce()
            self.fence()
            self._posts += 1
            try:
                posted = self.gh.create_review(
                    self.pr.repository,
                    self.pr.number,
                    commit=self.review.change.head,
                    body=self._body(len(group)),
                    comments=[
                        comment_row(placed, head=self.review.change.head, secrets=self.secrets) for placed in group
                    ],
                )
            except GitHubUnavailable as error:
                for _look in self.settle.looks():
                    self._look()
                    if not self._missing(group):
                        return
                # Without any answer it may be stored later still: the next attempt will see it.
                if not error.status or resend == MAX_RESENDS:
                    raise
                group = self._missing(group)
                continue
            self._review_id = posted.id
            self._look()
            if self._missing(group):
                # Stored, and not in every list yet: their addresses belong into the summary.
                for _look in self.settle.looks():
                    self._look()
                    if not self._missing(group):
                        break
            return

    def _body(self, number: int) -> str:
        marker = Marker(Kind.REVIEW, head=self.review.change.head).line()
        return f"{marker}\n{count(number, 'comment')} on lines of this change; the summary comment has the rest."

    def _look(self) -> None:
        for comment in self.gh.review_comments(self.pr.repository, self.pr.number):
            marker = read_marker(comment.body)
            if marker and marker.kind is Kind.FINDING and is_own(comment.author, self.login):
                # The first one stays the finding's comment: people may have answered there.
                self._there.setdefault(marker.fingerprint, comment)

    def _missing(self, group: Sequence[PlacedFinding]) -> list[PlacedFinding]:
        out: dict[str, PlacedFinding] = {}
        for placed in group:
            name = fingerprint_in_marker(placed.finding.fingerprint)
            if name not in self._there:
                out.setdefault(name, placed)
        return list(out.values())

    def _refuse(self, findings: Iterable[PlacedFinding]) -> None:
        for placed in findings:
            self._refused[placed.finding] = placed

    def _result(self) -> Result:
        findings = tuple(
            self._refused.get(placed.finding, placed) if placed.disposition is Disposition.INLINE else placed
            for placed in self.review.findings
        )
        ours = {
            name: self._there[name]
            for placed in findings
            if (name := fingerprint_in_marker(placed.finding.fingerprint)) in self._there
        }
        own = [comment for comment in ours.values() if comment.review_id is not None]
        review_id = self._review_id or next((comment.review_id for comment in own), None)
        return Result(
            review=replace(self.review, findings=findings),
            review_id=review_id,
            comment_ids=tuple(comment.id for comment in ours.values()),
            urls={name: comment.html_url for name, comment in ours.items() if comment.html_url},
        )
