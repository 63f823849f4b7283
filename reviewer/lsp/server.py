"""The server: which message of an editor starts what, and what the editor is told."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
import traceback
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from reviewer.errors import ConfigurationError, KiloReviewError
from reviewer.jobs.policy import utc_now
from reviewer.ledger.keys import Dismissal
from reviewer.local.dismissed import subject_of
from reviewer.local.progress import sentence as progress_text
from reviewer.local.repository import find_repository
from reviewer.local.session import open_local_ledger
from reviewer.lsp.config import EditorConfig, OnSave, read_config
from reviewer.lsp.diagnostics import View, actions, diagnostic, explanation, placed
from reviewer.lsp.job import Done
from reviewer.lsp.marks import FileMarks
from reviewer.lsp.positions import UTF16, Positions
from reviewer.lsp.reviews import Ground, Reviews
from reviewer.lsp.status import Spent, as_notification, limit_text, sentence
from reviewer.lsp.threads import in_thread
from reviewer.publish.redact_own_secrets import OwnSecrets
from reviewer.settings import Settings
from reviewer.steps.progress import Progress

STATUS: Final = "kilo/status"


class KiloServer(LanguageServer):
    """The state of one editor's server: its configuration, and the reviews of each repository that it saves in."""

    def __init__(self, options: argparse.Namespace, settings: Settings) -> None:
        # Whole texts: pygls counts the lines of a partial change as Python does, which ends one at a form feed.
        super().__init__(
            "kilo-review",
            version("kilo-review"),
            text_document_sync_kind=types.TextDocumentSyncKind.Full,
        )
        self.config = EditorConfig()
        self.shutdown_asked = False
        self._ground = Ground(options, settings, self)
        self._settings = settings
        self._reviews: dict[Path, Reviews] = {}
        self._roots: dict[Path, Path | None] = {}
        self._uris: dict[Path, str] = {}
        self._shown: dict[Path, tuple[tuple[int, str], ...]] = {}
        self._tokens: dict[Path, str] = {}
        self._begun: set[str] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._spent = Spent()
        self._told: set[str] = set()
        self._numbered = 0
        self._stopping = asyncio.Event()
        self._asked = 0

    # --- what the editor asks for

    def configure(self, given: Any) -> None:
        """Take what the editor configured; what cannot be used is said, and the rest holds."""
        self.config, wrong = read_config(given, self.config)
        for text in wrong:
            self.say(text, types.MessageType.Warning)

    def opened(self, uri: str) -> None:
        """Remember by which address the editor knows a file."""
        path = _path_of(uri)
        if path is not None:
            self._uris[path] = uri

    def saved(self, uri: str) -> None:
        """Start what a save starts."""
        self.opened(uri)
        if self.config.on_save is OnSave.OFF:
            return
        reviews = self.reviews_of(uri)
        if reviews is not None:
            run = reviews.review(
                self.config,
                with_model=self.config.on_save is OnSave.MODEL,
                delay=self.config.debounce_ms / 1000,
            )
            task = asyncio.get_running_loop().create_task(run)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def changed(self, uri: str) -> None:
        """Show the findings of a file that is being edited where their lines are now."""
        path = _path_of(uri)
        for reviews in self._reviews.values():
            if path is not None and path.is_relative_to(reviews.root):
                file = reviews.marks.get(_relative(path, reviews.root))
                if file is not None:
                    self._publish(reviews.root, file)

    async def review_now(self, uri: str) -> list[dict[str, Any]]:
        """Review with a model: the repository of a file, or without one those of the workspace's folders."""
        uris = [uri] if uri else [folder.uri for folder in self.workspace.folders.values()]
        found = {
            r.root: r for one in uris or [self.workspace.root_uri or ""] if one and (r := self.reviews_of(one))
        }
        runs = asyncio.gather(*(one.review(self.config, with_model=True) for one in found.values()))
        stopped = asyncio.ensure_future(self._stopping.wait())
        self._asked += 1
        try:
            await asyncio.wait((runs, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._asked -= 1
            stopped.cancel()
        if not runs.done():
            return []
        return [
            as_notification(done, self._spent, str(root))
            for root, done in zip(found, runs.result(), strict=True)
            if done
        ]

    def code_actions(self, uri: str, asked: types.Range) -> list[types.CodeAction]:
        """Return what can be done about the findings that touch a range."""
        found: list[types.CodeAction] = []
        for item, file, view in self._placed(uri):
            at = diagnostic(item, view).range
            if at.start.line <= asked.end.line and asked.start.line <= at.end.line:
                found += actions(item, file, view, asks_reason=self.config.asks_reason)
        return found

    def hover(self, uri: str, at: types.Position) -> types.Hover | None:
        """Return the explanation of the findings on a line, as plain text: a model or a stranger wrote it."""
        texts = [
            explanation(item.mark.finding)
            for item, _file, view in self._placed(uri)
            if (found := diagnostic(item, view).range).start.line <= at.line <= found.end.line
        ]
        if not texts:
            return None
        return types.Hover(types.MarkupContent(types.MarkupKind.PlainText, "\n\n---\n\n".join(texts)))

    def explain(self, about: dict[str, Any]) -> str:
        """Return the explanation of a finding, and show it to an editor that asked by a code action."""
        reviews = self.reviews_of(str(about.get("uri", "")))
        mark = reviews.finding(str(about.get("fingerprint", ""))) if reviews else None
        text = explanation(mark.finding) if mark else "the finding is not shown any more"
        if not about.get("quiet"):
            self.say(text)
        return text

    async def dismiss(self, about: dict[str, Any]) -> bool:
        """Keep a dismissal in the ledger of this machine and take the finding away; False where there is none."""
        reviews, fingerprint = self.reviews_of(str(about.get("uri", ""))), str(about.get("fingerprint", ""))
        if reviews is None or reviews.finding(fingerprint) is None:
            return False
        dismissal = Dismissal(fingerprint, _user(), " ".join(str(about.get("reason", "")).split()))
        root = reviews.root
        try:
            await in_thread(lambda: _keep(self._settings, root, dismissal))
        except KiloReviewError as error:
            self.say(f"not dismissed: {error}", types.MessageType.Error)
            return False
        reviews.without(fingerprint)
        return True

    def reviews_of(self, uri: str) -> Reviews | None:
        """Return the reviews of the repository that a file lies in, None where it lies in none, which is said."""
        path = _path_of(uri)
        if path is None:
            return None
        folder = path if path.is_dir() else path.parent
        if folder not in self._roots:
            try:
                self._roots[folder] = find_repository(folder).root
            except ConfigurationError as error:
                self.window_log_message(types.LogMessageParams(types.MessageType.Info, str(error)))
                # Asked again at the next save: it may become one.
                return None
        root = self._roots[folder]
        if root is None:
            return None
        return self._reviews.setdefault(root, Reviews(root, self._ground))

    def cancel_reviews(self) -> None:
        """Stop every review that is at work, with its spending."""
        for reviews in self._reviews.values():
            reviews.give_up()

    def cancelled(self, token: int | str) -> None:
        """Stop the review that the editor shows under a token."""
        for root, known in self._tokens.items():
            if known == token:
                self._reviews[root].give_up()

    def stop_reviews(self) -> None:
        """Stop everything: the server ends."""
        self._stopping.set()
        self.cancel_reviews()

    async def shut_down(self) -> None:
        """Stop everything and answer what is asked still: pygls fails at `shutdown` while a request is open."""
        self.shutdown_asked = True
        self.stop_reviews()
        while self._asked:
            await asyncio.sleep(0)
        # The answers are sent in the steps of the loop that follow.
        await asyncio.sleep(0.01)

    def working(self) -> bool:
        """Tell whether a review is at work still."""
        return any(reviews.at_work for reviews in self._reviews.values())

    # --- what the editor is told: see `reviewer.lsp.reviews.Editor`

    def begun(self, root: Path, *, with_model: bool) -> Callable[[Progress], None]:
        """Begin a progress that the user can cancel, where the editor shows such."""
        self._numbered += 1
        token = f"kilo-review-{self._numbered}"
        window = self.client_capabilities.window
        if window is None or not window.work_done_progress:
            return lambda _progress: None
        self._tokens[root] = token
        what = "review with a model" if with_model else "analysers"

        def created(*_answer: object) -> None:
            # The token is ours to use from the editor's answer on; the review may be over by then.
            if self._tokens.get(root) == token:
                self._begun.add(token)
                title = f"kilo-review: {what}"
                self.work_done_progress.begin(token, types.WorkDoneProgressBegin(title=title, cancellable=True))

        self.work_done_progress.create(token, created)

        def tell(progress: Progress) -> None:
            if token in self._begun:
                report = types.WorkDoneProgressReport(message=progress_text(progress), cancellable=True)
                self.work_done_progress.report(token, report)

        return tell

    def finished(self, root: Path, done: Done | None) -> None:
        """End the progress with cost and coverage, and tell what a person has to know."""
        if done is not None and not done.reused:
            self._spent = self._spent.plus(done.review.cost)
        token = self._tokens.pop(root, None)
        if token in self._begun:
            self._begun.discard(token)
            text = sentence(done) if done else "stopped"
            self.work_done_progress.end(token, types.WorkDoneProgressEnd(message=text))
        if done is None:
            return
        self.protocol.notify(STATUS, as_notification(done, self._spent, str(root)))
        if done.review.calls and not done.reused:
            self.window_log_message(types.LogMessageParams(types.MessageType.Info, f"{root}: {sentence(done)}"))
        if done.no_model and done.no_model not in self._told:
            self._told.add(done.no_model)
            self.say(f"only the analysers run: {done.no_model}")
        if text := limit_text(done.review):
            self.say(text, types.MessageType.Warning)

    def show(self, root: Path, marks: dict[str, FileMarks]) -> None:
        """Show the marks of a repository, and no others."""
        for file in marks.values():
            self._publish(root, file)
        for path in [path for path in self._shown if path.is_relative_to(root)]:
            if _relative(path, root) not in marks:
                self._publish(root, FileMarks(_relative(path, root), (), ()))

    def failed(self, root: Path, error: Exception) -> None:
        """Say why a review could not be made; a fault of the program goes to standard error with its trace."""
        if isinstance(error, KiloReviewError | OSError):
            self.say(f"{root.name} was not reviewed: {error}", types.MessageType.Warning)
            return
        trace = "".join(traceback.format_exception(error))
        sys.stderr.write(OwnSecrets(self._settings.secrets()).in_json(trace))
        self.say("a review failed by a fault of the program; its log has the trace", types.MessageType.Error)

    def say(self, text: str, kind: types.MessageType = types.MessageType.Info) -> None:
        """Show a message to the user."""
        self.window_show_message(types.ShowMessageParams(kind, f"kilo-review: {text}"))

    def _publish(self, root: Path, file: FileMarks) -> None:
        """Send the diagnostics of a file, where they are others than those that were sent."""
        path = root / file.path
        view = self._view(path, file)
        found = placed(file, view)
        shown = tuple((item.start, item.mark.finding.fingerprint) for item in found)
        if shown == self._shown.get(path, ()):
            return
        self._shown[path] = shown
        if not shown:
            del self._shown[path]
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(
                uri=view.uri, version=view.version, diagnostics=[diagnostic(item, view) for item in found]
            )
        )

    def _view(self, path: Path, file: FileMarks) -> View:
        uri = self._uris.get(path) or path.as_uri()
        document = self.workspace.text_documents.get(uri)
        encoding = str(getattr(self.server_capabilities.position_encoding, "value", None) or UTF16)
        edits = self.client_capabilities.workspace and self.client_capabilities.workspace.workspace_edit
        # A file that is not open is what was reviewed, as far as anybody knows.
        text = document.source if document else "".join(f"{line}\n" for line in file.lines)
        return View(
            uri,
            Positions(text, encoding),
            document.version if document else None,
            bool(edits and edits.document_changes),
        )

    def _placed(self, uri: str) -> list[Any]:
        path, reviews = _path_of(uri), self.reviews_of(uri)
        file = reviews.marks.get(_relative(path, reviews.root)) if path is not None and reviews else None
        if path is None or file is None:
            return []
        self._uris[path] = uri
        view = self._view(path, file)
        return [(item, file, view) for item in placed(file, view)]


def _path_of(uri: str) -> Path | None:
    """Return the real path of a file's address, None for what is no file."""
    if not uri.startswith("file:"):
        return None
    name = to_fs_path(uri)
    return Path(name).resolve() if name else None


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _keep(settings: Settings, root: Path, dismissal: Dismissal) -> None:
    ledger = open_local_ledger(settings)
    try:
        subject = subject_of(find_repository(root))
        ledger.dismissals.add(subject.repo_id, subject.number, dismissal, utc_now())
    finally:
        ledger.close()


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "the editor's user"
