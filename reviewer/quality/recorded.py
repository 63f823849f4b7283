"""Recorded answers: what a provider said, kept by what was asked, so that a run replays for nothing."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from reviewer.models.faults import FaultKind, ProviderFault
from reviewer.models.heard import Heard
from reviewer.models.model import Completion, FinishReason, Usage
from reviewer.models.send import Outgoing, Sender
from reviewer.quality.outcome import append_line

FILE: Final = "completions.jsonl"


class Recordings:
    """Answers by the digest of path and body, in one file of JSON lines. Safe for several threads.

    `replayed` holds our ids of the calls that a recording answered: they cost nothing now.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE
        self.replayed: set[str] = set()
        self._lock = threading.Lock()
        self._known: dict[str, Completion] = {}
        if self.file.exists():
            for line in self.file.read_text("utf-8").splitlines():
                self._read(line)

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: str) -> Completion | None:
        """Return the recorded answer to a request, None where there is none."""
        return self._known.get(key)

    def put(self, key: str, completion: Completion) -> None:
        """Keep an answer."""
        row = asdict(completion)
        row["finish_reason"] = completion.finish_reason.value
        row["reported_cost"] = None if completion.reported_cost is None else str(completion.reported_cost)
        line = json.dumps({"key": key, "completion": row}, ensure_ascii=True)
        with self._lock:
            self._known[key] = completion
            self.file.parent.mkdir(parents=True, exist_ok=True)
            append_line(self.file, line)

    def _read(self, line: str) -> None:
        try:
            row = json.loads(line)
            said = row["completion"]
            cost = said["reported_cost"]
            self._known[str(row["key"])] = Completion(
                **{
                    **said,
                    "finish_reason": FinishReason(said["finish_reason"]),
                    "usage": Usage(**said["usage"]),
                    "reported_cost": None if cost is None else Decimal(cost),
                }
            )
        except (ValueError, TypeError, KeyError):
            # The line that was being written when a run was killed: it is asked again.
            return


@dataclass(frozen=True, slots=True)
class RecordedSender(Sender):
    """Answers from recordings, and asks and records where there is none; with `replay_only` it asks nobody."""

    recordings: Recordings = field(kw_only=True)
    replay_only: bool = field(kw_only=True, default=False)

    def send(self, outgoing: Outgoing, heard: Heard, stopped: Callable[[], bool] = lambda: False) -> Completion:
        """Return the recorded answer to the same request, else the provider's. Raises ProviderFault."""
        key = request_key(outgoing)
        known = self.recordings.get(key)
        if known is not None:
            heard.status = 200
            self.recordings.replayed.add(outgoing.our_id)
            return known
        if self.replay_only:
            raise ProviderFault(
                FaultKind.NOT_FOUND, "no recording fits this request; record it without --replay", sent=False
            )
        completion = Sender.send(self, outgoing, heard, stopped)
        self.recordings.put(key, completion)
        return completion


def request_key(outgoing: Outgoing) -> str:
    """Return the digest of what is asked: the path and the body, and so the model; no key and no address."""
    request = outgoing.protocol.write(outgoing.ask)
    asked: dict[str, Any] = {"path": request.path, "body": request.body}
    return hashlib.sha256(json.dumps(asked, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def recording(recordings: Recordings, *, replay_only: bool) -> Callable[[Sender], Sender]:
    """Return what puts recordings before a sender."""

    def before(sender: Sender) -> Sender:
        values = {name: getattr(sender, name) for name in Sender.__slots__}
        return RecordedSender(**values, recordings=recordings, replay_only=replay_only)

    return before
