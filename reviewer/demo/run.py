"""The demo: the real processes against the simulated GitHub, one pull request, from webhook to review."""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

from policies.words import Payment
from reviewer.demo import model_choice, report, terminal
from reviewer.demo.model_choice import Choice, Source
from reviewer.demo.processes import Process, answers, free_port
from reviewer.demo.simulator import GitHubSimulator, conversation
from reviewer.demo.subject import Subject, adopt, prepare_sample
from reviewer.errors import ConfigurationError, GitHubUnavailable
from reviewer.publish.figures import percent
from reviewer.settings import Settings, child_environment

if TYPE_CHECKING:
    from reviewer.demo.simulator.state import CheckRun, Delivery
    from reviewer.ledger.ledger import Ledger
    from reviewer.models.model import Call
    from reviewer.steps.result import Review

READY_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.05
LEDGER_SECONDS: Final = 0.25
# A worker that took the repeated delivery for work would have begun by then.
SETTLE_SECONDS: Final = 0.5
EXIT_UNFINISHED: Final = 3
EXIT_WRONG: Final = 1
# The demo brings its own of these; what is set for another installation must not reach it.
OWN_SETTINGS: Final = (
    "DATABASE_URL",
    "REDIS_URL",
    "GITHUB_PRIVATE_KEY_PATH",
    "GITHUB_WEBHOOK_SECRET_OLD",
    "KILO_REVIEW_ALERT_WEBHOOK",
)


@dataclass(slots=True)
class Progress:
    """Lines on stderr, with the seconds since the start."""

    quiet: bool
    started: float = field(default_factory=time.monotonic)

    def __call__(self, text: str) -> None:
        """Say a line."""
        if not self.quiet:
            print(f"{time.monotonic() - self.started:6.1f} s  {text}", file=sys.stderr, flush=True)  # noqa: T201


@dataclass(slots=True)
class Watched:
    """What was seen while the review ran; moments are of time.monotonic()."""

    delivery: Delivery
    sent: float
    first_request: float | None = None
    published: float | None = None
    review_id: int | None = None

    def timings_ms(self) -> dict[str, int | None]:
        """Return the milliseconds from the webhook to each step; None for a step that was not seen."""

        def since(moment: float | None) -> int | None:
            return None if moment is None else round((moment - self.sent) * 1000)

        return {
            "ack": round(self.delivery.duration * 1000),
            "first_model_request": since(self.first_request),
            "published": since(self.published),
        }


def run_demo(options: argparse.Namespace, model: Callable[[Path], Choice] | None = None) -> int:
    """Run the demo and return the exit status: 0 reviewed, 1 the sample's review is wrong, 3 not in time.

    `model` chooses the model that is asked, given a folder for its files; without it the options decide.
    """
    if options.repo and not options.base:
        raise ConfigurationError("--repo needs --base", remedy="For example: --repo . --base main --head HEAD")
    if options.base and not options.repo:
        raise ConfigurationError("--base needs --repo", remedy="Give the folder of a git repository with --repo.")
    folder = Path(tempfile.mkdtemp(prefix="kilo-review-demo-"))
    with _terminated_as_interrupt(), contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        return _run(options, folder, stack, model or partial(_chosen, options), Progress(options.quiet))


def _chosen(options: argparse.Namespace, folder: Path) -> Choice:
    settings = Settings.from_environ()
    if options.source is None and options.repo:
        return model_choice.choose_for_own_repository(settings, folder)
    return model_choice.choose(settings, folder, Source(options.source or Source.RECORDED))


@contextlib.contextmanager
def _terminated_as_interrupt() -> Iterator[None]:
    """Let SIGTERM unwind like Ctrl-C, so that every process is stopped."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(
    options: argparse.Namespace,
    folder: Path,
    stack: contextlib.ExitStack,
    choose: Callable[[Path], Choice],
    say: Progress,
) -> int:
    port = free_port()
    simulator = GitHubSimulator(folder / "github", webhook_url=f"http://127.0.0.1:{port}/webhooks/github")
    stack.callback(simulator.stop)
    say(f"GitHub    {simulator.start()} (simulated)")
    subject = (
        adopt(simulator, Path(options.repo), options.base, options.head)
        if options.repo
        else prepare_sample(simulator, folder)
    )
    choice = choose(folder)
    if choice.server is not None:
        stack.callback(choice.server.stop)
    simulator.hub.notice = choice.shown
    say(f"model     {choice.name}" + (f"\n{choice.notice}" if choice.notice else ""))
    service = _service(simulator, choice, folder, port, options.program)
    stack.callback(service.stop)
    service.start()
    service.wait_until(lambda: answers(port, "/readyz"), READY_SECONDS)
    say(f"service   web on port {port}, worker, clock, queue and ledger are up")
    ledger = stack.enter_context(contextlib.closing(_open_ledger(folder)))
    simulator.install(subject.full_name.partition("/")[0])
    simulator.hooks.wait()
    number = simulator.open_pull_request(
        subject.full_name,
        title=subject.title,
        head=subject.head,
        base=subject.base,
        body=subject.body,
        author=subject.author,
    )
    watched = _watch(simulator, subject.full_name, number, service, ledger, options.timeout, say)
    if watched.published is None:
        print(  # noqa: T201
            f"kilo-review: no review within {options.timeout:g} s; the service said:\n{service.last_words()}",
            file=sys.stderr,
        )
        return EXIT_UNFINISHED
    repeated = _send_again(simulator, subject.full_name, number, watched.delivery, say)
    status = _show(options, simulator, subject, number, watched, ledger, choice)
    if options.keep:
        _keep(simulator, subject, number)
    return EXIT_WRONG if repeated else status


def _service(
    simulator: GitHubSimulator, choice: Choice, folder: Path, port: int, program: Sequence[str]
) -> Process:
    environ = child_environment(
        {
            **choice.environ,
            "KILO_REVIEW_STATE_DIR": str(folder / "state"),
            "KILO_REVIEW_CACHE_DIR": str(folder / "cache"),
            "GITHUB_API_URL": simulator.url,
            "GITHUB_APP_ID": str(simulator.app.id),
            "GITHUB_PRIVATE_KEY": simulator.app.private_key,
            "GITHUB_WEBHOOK_SECRET": simulator.app.webhook_secret,
            # One pull request: a second worker would only take part of the start.
            "KILO_REVIEW_WORKER_PROCESSES": "1",
            "HOST": "127.0.0.1",
            "PORT": str(port),
        },
        without=OWN_SETTINGS,
    )
    (folder / "state").mkdir()
    return Process("the service", [*program, "serve"], folder / "service.log", environ)


def _open_ledger(folder: Path) -> Ledger:
    # Imported here: it brings the database library, which only this part needs.
    from reviewer.ledger.ledger import Ledger as Opened  # noqa: PLC0415

    return Opened.open(f"sqlite:///{folder / 'state' / 'ledger.sqlite'}")


def _watch(
    simulator: GitHubSimulator,
    full_name: str,
    number: int,
    service: Process,
    ledger: Ledger,
    timeout: float,
    say: Progress,
) -> Watched:
    """Wait for the review, and say what is seen of it."""
    delivery = next(row for row in reversed(simulator.deliveries()) if row.event == "pull_request")
    watched = Watched(delivery, time.monotonic())
    pull = simulator.pull(full_name, number)
    say(f"webhook   pull_request opened, {full_name}#{number}")
    deadline, shown, looked, counted = watched.sent + timeout, "", 0.0, 0
    while time.monotonic() < deadline:
        if not service.alive():
            raise GitHubUnavailable(f"the service ended:\n{service.last_words()}")
        if watched.review_id is None and delivery.delivered_at is not None:
            watched.review_id = _accepted(delivery, say)
        run = next(iter(simulator.check_runs(full_name, pull.head_sha)[-1:]), None)
        if run is not None and (state := _state(run)) != shown:
            shown = state
            say(f"check     {state}")
        now = time.monotonic()
        if now - looked > LEDGER_SECONDS:
            looked = now
            if watched.first_request is None and _asked(ledger):
                watched.first_request = now
                say("model     first request")
            closed = ledger.calls.of_review(watched.review_id) if watched.review_id is not None else ()
            for call in closed[counted:]:
                say(f"model     {_called(call)}")
            counted = len(closed)
        if run is not None and run.status == "completed" and _summary(simulator, full_name, number):
            watched.published = now
            break
        time.sleep(POLL_SECONDS)
    return watched


def _accepted(delivery: Delivery, say: Progress) -> int | None:
    milliseconds = f"{delivery.duration * 1000:.0f} ms"
    say(f"webhook   answered {delivery.status_code} in {milliseconds}: {delivery.response_body.strip()[:200]}")
    if delivery.status_code != 202:
        raise GitHubUnavailable(
            f"the webhook was answered {delivery.status_code} {delivery.status}: {delivery.response_body[:500]}"
        )
    review = json.loads(delivery.response_body).get("review")
    return int(review) if review is not None else None


def _asked(ledger: Ledger) -> bool:
    """Return whether a model call was opened in the ledger: it is, before the request is sent."""
    now = datetime.now(UTC)
    spend = ledger.calls.spent(since=now - timedelta(days=1), until=now + timedelta(days=1))
    return bool(spend.calls or spend.open)


def _send_again(simulator: GitHubSimulator, full_name: str, number: int, delivery: Delivery, say: Progress) -> bool:
    """Deliver the same webhook again, as GitHub does on request; return whether anything was posted twice."""

    def posted() -> tuple[int, ...]:
        return (
            len(simulator.reviews(full_name, number)),
            len(simulator.review_comments(full_name, number)),
            len(simulator.issue_comments(full_name, number)),
            len(simulator.check_runs(full_name)),
        )

    before = posted()
    simulator.hooks.redeliver(delivery)
    simulator.hooks.wait()
    time.sleep(SETTLE_SECONDS)
    repeated = posted() != before
    say(f"webhook   sent again: {'SOMETHING WAS POSTED TWICE' if repeated else 'nothing is posted twice'}")
    return repeated


def _called(call: Call) -> str:
    cost = "price unknown" if call.cost is None else f"${call.cost:.4f}"
    outcome = "" if call.ok else f" · {call.failed_check.value if call.failed_check else call.error}"
    tokens = f"{call.usage.input:,} tokens in, {call.usage.output:,} out"
    return f"{call.stage.value} by {call.model}: {tokens}, {call.latency_ms / 1000:.1f} s, {cost}{outcome}"


def _state(run: CheckRun) -> str:
    return " · ".join(part for part in (run.conclusion or run.status.replace("_", " "), run.title) if part)


def _summary(simulator: GitHubSimulator, full_name: str, number: int) -> bool:
    return any(row.user is simulator.app.bot for row in simulator.issue_comments(full_name, number))


def _stored(ledger: Ledger, review_id: int | None) -> tuple[Review | None, tuple[Call, ...]]:
    from reviewer.jobs.document import load_document  # noqa: PLC0415 - with the ledger

    if review_id is None:
        return None, ()
    text = ledger.reviews.result(review_id)
    return load_document(text).review if text else None, ledger.calls.of_review(review_id)


def _show(
    options: argparse.Namespace,
    simulator: GitHubSimulator,
    subject: Subject,
    number: int,
    watched: Watched,
    ledger: Ledger,
    choice: Choice,
) -> int:
    """Print the result; return the exit status."""
    with simulator.state.lock:
        talk = conversation.read(simulator.hub, simulator.pull(subject.full_name, number))
    review, calls = _stored(ledger, watched.review_id)
    checked = report.check_sample(talk) if subject.is_sample else None
    if options.json:
        document = report.document(
            talk,
            bot=simulator.app.bot.login,
            review=review,
            calls=calls,
            timings_ms=watched.timings_ms(),
            model=choice.name,
            recorded=choice.recorded,
        )
        print(json.dumps(document, ensure_ascii=False, indent=2))  # noqa: T201
    else:
        print(terminal.render(talk, terminal.Style(sys.stdout.isatty())))  # noqa: T201
        print(closing_line(watched, calls, review, checked))  # noqa: T201
    missing = choice.unanswered()
    for line in missing:
        print(f"kilo-review: {line}", file=sys.stderr)  # noqa: T201
    wrong = _wrong(checked, choice) if checked is not None else ()
    for line in wrong:
        print(line, file=sys.stderr)  # noqa: T201
    return EXIT_WRONG if missing or wrong else 0


def _wrong(checked: report.SelfCheck, choice: Choice) -> tuple[str, ...]:
    """Return what the sample's review got wrong; recorded answers are held to all that they are known to find."""
    missed = (*checked.missed, *(checked.missed_by_model if choice.recorded else ()))
    return (
        *(f"missed: {planted.path}: {planted.what} ({', '.join(planted.finders)})" for planted in missed),
        *(f"a comment on a clean file: {place}" for place in checked.on_clean),
    )


def closing_line(
    watched: Watched, calls: tuple[Call, ...], review: Review | None, checked: report.SelfCheck | None
) -> str:
    """Return the last line of the text: times, calls, coverage, and how the sample's review did."""
    times = watched.timings_ms()
    parts = [f"webhook answered in {times['ack']} ms", f"published after {(times['published'] or 0) / 1000:.1f} s"]
    tokens = sum(call.usage.input + call.usage.output for call in calls)
    recorded = any(call.payment is Payment.RECORDED for call in calls)
    parts.append(f"{len(calls)} {'recorded answers' if recorded else 'model calls'}, {tokens:,} tokens")
    if review is not None:
        parts.append(f"{percent(review.coverage.share)} reviewed")
    if checked is not None:
        planted = len(checked.found) + len(checked.missed) + len(checked.missed_by_model)
        found = f"{len(checked.found)} of {planted} planted defects found"
        parts.append(f"{found}, {len(checked.on_clean)} comments on clean files")
    return " · ".join(parts)


def _keep(simulator: GitHubSimulator, subject: Subject, number: int) -> None:
    # What was printed must be there while the page is up, also in a pipe.
    sys.stdout.flush()
    print(  # noqa: T201
        f"\nThe page: {simulator.url}/{subject.full_name}/pull/{number}   (Ctrl-C stops everything)",
        file=sys.stderr,
    )
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
