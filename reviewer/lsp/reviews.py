"""The reviews of one repository: one at a time, started by saves, the newest first and the older stopped."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from reviewer.lsp.config import EditorConfig
from reviewer.lsp.job import Done, Job, Wanted, options_for
from reviewer.lsp.marks import FileMarks, Mark, carried
from reviewer.lsp.threads import in_thread
from reviewer.settings import Settings
from reviewer.steps.progress import Progress

# How long the end of the program waits for calls that were cut off, so that their bill is written down.
STOP_SECONDS: Final = 5.0


class Editor(Protocol):
    """What the reviews tell the editor. All is called on the loop."""

    def begun(self, root: Path, *, with_model: bool) -> Callable[[Progress], None]:
        """Show that a review has begun; what is returned is told how far it is, on the loop."""

    def finished(self, root: Path, done: Done | None) -> None:
        """Show what it cost; None for a review that was stopped before anything was reviewed."""

    def show(self, root: Path, marks: dict[str, FileMarks]) -> None:
        """Show the marks of a repository, and no others."""

    def failed(self, root: Path, error: Exception) -> None:
        """Say why a review could not be made."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What every review of the server shares."""

    options: argparse.Namespace
    settings: Settings
    editor: Editor


class Reviews:
    """The reviews of the repository at `root`; used on the loop only."""

    def __init__(self, root: Path, ground: Ground) -> None:
        self.root = root
        self.marks: dict[str, FileMarks] = {}
        self._ground = ground
        self._known: dict[bool, Done] = {}
        self._newest = 0
        self._job: Job | None = None
        self._model_owed = False
        self._at_work = asyncio.Lock()

    async def review(self, config: EditorConfig, *, with_model: bool, delay: float = 0.0) -> Done | None:
        """Review after a delay; None where a newer call took over, or where it failed, which was said.

        A review with a model that a newer call stops is made again by that one, with a model: it was asked for.
        """
        self._newest += 1
        number = self._newest
        self._model_owed = self._model_owed or with_model
        self.cancel()
        await asyncio.sleep(delay)
        if number != self._newest:
            return None
        async with self._at_work:
            if number != self._newest:
                return None
            return await self._run(number, config)

    def cancel(self) -> None:
        """Stop the review that is at work."""
        if self._job is not None:
            self._job.cancel()

    def give_up(self) -> None:
        """Stop the review that is at work, and start none in its place."""
        self._newest += 1
        self._model_owed = False
        self.cancel()

    @property
    def at_work(self) -> bool:
        """True while a review is at work, also one that was told to stop."""
        return self._job is not None and not self._job.ended.is_set()

    def without(self, fingerprint: str) -> None:
        """Take a dismissed finding out of what is shown."""
        for path, file in self.marks.items():
            left = tuple(mark for mark in file.marks if mark.finding.fingerprint != fingerprint)
            self.marks[path] = replace(file, marks=left)
        # What was known before the dismissal shows it still.
        self._known.clear()
        self._ground.editor.show(self.root, self.marks)

    def finding(self, fingerprint: str) -> Mark | None:
        """Return the mark of a finding that is shown."""
        marks = (mark for file in self.marks.values() for mark in file.marks)
        return next((mark for mark in marks if mark.finding.fingerprint == fingerprint), None)

    async def _run(self, number: int, config: EditorConfig) -> Done | None:
        editor, loop = self._ground.editor, asyncio.get_running_loop()
        with_model = self._model_owed
        tell = editor.begun(self.root, with_model=with_model)
        done: Done | None = None
        try:
            options = options_for(self._ground.options, self.root, config.max_cost)
            wanted = Wanted(options, self._ground.settings, with_model, self._known.get(with_model))
            self._job = Job(wanted, lambda progress: _soon(loop, tell, progress))
            done = await in_thread(self._job.run)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the server, and is said
            editor.failed(self.root, error)
        # Not where the loop itself ends: what is at work then is waited for by its thread.
        self._job = None
        editor.finished(self.root, done)
        # What a newer call stopped is worth its cost alone.
        if number != self._newest:
            return None
        self._model_owed = False
        if done is not None:
            self._known[with_model] = done
            self._take(done)
        return done

    def _take(self, done: Done) -> None:
        """Show a result; beside one of the analysers alone, what a model said about hunks that are still there."""
        marks = dict(done.marks)
        if not done.review.calls and not done.review.units_from_cache:
            there = {mark.finding.fingerprint for file in marks.values() for mark in file.marks}
            for mark in carried(self.marks.values(), done.change):
                path = mark.finding.path
                # What the review itself remembers of a hunk is in its findings.
                if path in marks and mark.finding.fingerprint not in there:
                    marks[path] = replace(marks[path], marks=(*marks[path].marks, mark))
        self.marks = marks
        self._ground.editor.show(self.root, marks)


def _soon(loop: asyncio.AbstractEventLoop, tell: Callable[[Progress], None], progress: Progress) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(tell, progress)
