"""Our threads among those of a pull request: whose they are, who spoke, whether we closed them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from reviewer.github.threads import Thread, ThreadComment
from reviewer.publish.marker import Kind, Marker, is_own, read_marker

# Reactions, in GraphQL's words, by which people say that a finding is none.
DISMISSING: Final = ("THUMBS_DOWN", "CONFUSED")
# And by which they say that it is right.
ACCEPTING: Final = ("THUMBS_UP",)


@dataclass(frozen=True, slots=True)
class OwnThread:
    """A thread that a finding's comment of ours began; `name` is its fingerprint as a marker spells it."""

    name: str
    thread: Thread
    login: str

    @property
    def first(self) -> ThreadComment:
        """The finding's comment."""
        return self.thread.comments[0]

    @property
    def alone(self) -> bool:
        """Whether nobody but us wrote in it, as far as it was listed to its end."""
        return not self.by_others and len(self.thread.comments) == self.thread.replies + 1

    @property
    def by_others(self) -> tuple[ThreadComment, ...]:
        """The replies that are not ours."""
        return tuple(one for one in self.thread.comments[1:] if not is_own(one.author, self.login))

    @property
    def by_people(self) -> tuple[ThreadComment, ...]:
        """The replies of people."""
        return tuple(one for one in self.by_others if one.author["type"] != "Bot")

    @property
    def last_word(self) -> Marker | None:
        """The marker of our last closing or reopening reply, None where there is none."""
        own = (read_marker(one.body) for one in self.thread.comments[1:] if is_own(one.author, self.login))
        words = [mark for mark in own if mark is not None and mark.kind in (Kind.CLOSED, Kind.REOPENED)]
        return words[-1] if words else None

    @property
    def resolved_by_us(self) -> bool:
        """Whether it is resolved, and by nobody else that is known: GitHub may name no user where an App did it."""
        by = self.thread.resolved_by
        return self.thread.resolved and by in ("", self.login, self.login.removesuffix("[bot]"))

    @property
    def closed_by_us(self) -> bool:
        """Whether we resolved it and said why."""
        said = self.last_word
        return self.resolved_by_us and said is not None and said.kind is Kind.CLOSED


def own_threads(threads: Iterable[Thread], login: str) -> Mapping[str, OwnThread]:
    """Return our findings' threads by fingerprint (as a marker spells it), of several the first."""
    found: dict[str, OwnThread] = {}
    for thread in threads:
        if not thread.comments:
            continue
        marker = read_marker(thread.comments[0].body)
        if marker is not None and marker.kind is Kind.FINDING and is_own(thread.comments[0].author, login):
            found.setdefault(marker.fingerprint, OwnThread(marker.fingerprint, thread, login))
    return found
