"""The job payload: what a ledger row holds beside its key, as one typed record and its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final

from policies.words import Strategy


class Work(StrEnum):
    """What a row asks for. The ledger counts rows by this word: `verb` in the JSON."""

    REVIEW = "review"
    ESTIMATE = "estimate"
    CORRECTION = "correction"
    MERGE_GROUP = "merge-group"
    EXPLAIN = "explain"
    DISMISS = "dismiss"
    FIX = "fix"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    USAGE = "usage"
    CONFIG = "config"
    HELP = "help"
    SKIPPED = "skipped"


# What people may write behind `/kilo`.
COMMANDS: Final = frozenset(Work) - {Work.CORRECTION, Work.MERGE_GROUP, Work.SKIPPED}
# Commands that are answered from what is known: no model is asked, and no review is counted for them.
FREE: Final = frozenset(
    {
        Work.EXPLAIN,
        Work.DISMISS,
        Work.PAUSE,
        Work.RESUME,
        Work.CANCEL,
        Work.USAGE,
        Work.CONFIG,
        Work.HELP,
        Work.SKIPPED,
    }
)
# Left out of the JSON where they say nothing.
_SELDOM: Final = ("problem", "full", "thread_id", "argument", "paths")


@dataclass(frozen=True, slots=True)
class JobPayload:
    """Ids and words, no text of the pull request but a command's own; "" and 0 where there is none.

    `repository` is `owner/name` when the delivery came: it may be renamed since. `problem` is what is wrong with a
    command, a Problem, or why nothing is reviewed (SKIPPED). `outsider`: a pull request of an outsider.
    `updated_at` is the pull request's in the delivery, ISO 8601 in UTC. `argument` is what follows the verb of a
    command: a finding's id, a reason.
    `thread_id` is the first comment of the review thread that a command was written in. `full`: stored answers are
    not used again. `paths` are the only files, folders or globs that a command wants reviewed.
    """

    repository: str
    verb: Work = Work.REVIEW
    event: str = ""
    delivery: str = ""
    problem: str = ""
    strategy: str = ""
    model: str = ""
    comment_id: int = 0
    actor_id: int = 0
    updated_at: str = ""
    outsider: bool = False
    full: bool = False
    thread_id: int = 0
    argument: str = ""
    paths: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return the JSON object that the ledger keeps; it counts rows with a `problem` or `free` by themselves."""
        row = {**asdict(self), "verb": self.verb.value}
        kept = {name: value for name, value in row.items() if name not in _SELDOM or value}
        return {**kept, "free": "1"} if self.verb in FREE else kept

    @classmethod
    def from_json(cls, row: Mapping[str, object]) -> JobPayload:
        """Read a payload of this or an older version; ValueError for one without a repository."""
        repository = row.get("repository")
        if not isinstance(repository, str) or "/" not in repository:
            raise ValueError("a job payload without a repository")
        verb = row.get("verb")
        return cls(
            repository=repository,
            verb=Work(str(verb)) if verb else Work.REVIEW,
            event=_word(row, "event"),
            delivery=_word(row, "delivery"),
            problem=_word(row, "problem"),
            strategy=_word(row, "strategy"),
            model=_word(row, "model"),
            comment_id=_id(row, "comment_id"),
            actor_id=_id(row, "actor_id"),
            updated_at=_word(row, "updated_at"),
            outsider=row.get("outsider") is True,
            full=row.get("full") is True,
            thread_id=_id(row, "thread_id"),
            argument=_word(row, "argument"),
            paths=_words(row, "paths"),
        )

    @property
    def chosen_strategy(self) -> Strategy | None:
        """The strategy that a command named, None where policy decides."""
        return Strategy(self.strategy) if self.strategy else None


def _word(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _words(row: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = row.get(name)
    return tuple(word for word in value if isinstance(word, str)) if isinstance(value, list | tuple) else ()


def _id(row: Mapping[str, object], name: str) -> int:
    value = row.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
