"""`kilo-review-uncommitted`: review what is not committed, staged, not pushed, or in one commit."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from policies.words import Severity
from reviewer.local.arguments import add_models, add_selection, selection_of, start_of
from reviewer.local.repository import find_repository
from reviewer.local.selection import Selected, select
from reviewer.settings import Settings
from reviewer.steps.result import Review, ReviewStatus

if TYPE_CHECKING:
    from rich.console import Console

    from reviewer.findings.model import PlacedFinding

EXIT_CLEAN: Final = 0
EXIT_FINDINGS: Final = 1
EXIT_INCOMPLETE: Final = 3
EXIT_LIMIT: Final = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_selection(parser)
    add_models(parser)
    parser.add_argument(
        "--format", choices=("text", "json", "sarif", "markdown", "github"), default="text", help="default: text"
    )
    parser.add_argument(
        "--fail-on",
        choices=("critical", "high", "medium", "low", "never"),
        default="high",
        help="lowest severity that gives exit status 1 (default: high)",
    )
    parser.add_argument("--apply", action="store_true", help="offer each suggestion, one question each")
    parser.add_argument("--no-cache", action="store_true", help="ask again, also where the same was paid for")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be asked, and about what it would cost"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress line")


def main(options: argparse.Namespace) -> int:
    """Review and print; the exit status is 0, 1 (findings), 3 (incomplete) or 4 (a limit), errors as elsewhere."""
    # Half a second of imports, while git is asked what has changed.
    threading.Thread(target=_import_ahead, daemon=True).start()
    settings = Settings.from_environ()
    repository = find_repository(start_of(options))
    with select(repository, selection_of(options)) as selected:
        if options.dry_run:
            from reviewer.local.explain import print_estimate  # noqa: PLC0415 - a review needs none of it

            return print_estimate(options, settings, selected)
        from reviewer.local.progress import ProgressLine  # noqa: PLC0415 - a dry run needs neither, and a thread loads them
        from reviewer.local.session import open_session, review_selected  # noqa: PLC0415

        session = open_session(options, settings, selected.base)
        try:
            if session.models.reason and selected.change.files:
                say(f"analysers only: {session.models.reason}")
            with ProgressLine(quiet=options.quiet) as line:
                review = review_selected(options, session, selected, watch=line)
        finally:
            session.ledger.close()
        show(review, options.format)
        if options.apply:
            _apply(review, selected, repository.root)
    return exit_status(review, options.fail_on)


def _import_ahead() -> None:
    """Import what a review needs; what cannot be imported is missed, and said, where it is used."""
    with contextlib.suppress(ImportError):
        from reviewer.local import session  # noqa: F401, PLC0415 - importing is what this is for
        from reviewer.models import client  # noqa: F401, PLC0415


def exit_status(review: Review, fail_on: str) -> int:
    """Return 1 for a finding at or above `fail_on`, else 4 or 3 for a review that was cut short, else 0."""
    worst = review.worst()
    if fail_on != "never" and worst is not None and worst >= Severity.parse(fail_on):
        return EXIT_FINDINGS
    if review.status is ReviewStatus.STOPPED_BY_LIMIT:
        return EXIT_LIMIT
    if review.status is ReviewStatus.INCOMPLETE:
        return EXIT_INCOMPLETE
    return EXIT_CLEAN


def show(review: Review, form: str) -> None:
    """Print the review on standard output in one of the formats."""
    if form == "text":
        from reviewer.local.terminal import print_review  # noqa: PLC0415 - rich is for people only

        print_review(review, console())
        return
    from reviewer.local import report  # noqa: PLC0415 - for programs only

    if form == "json":
        text = json.dumps(report.as_json(review), indent=2, ensure_ascii=False)
    elif form == "sarif":
        from importlib.metadata import version  # noqa: PLC0415 - loads the email package

        text = json.dumps(report.as_sarif(review, version=version("kilo-review")), indent=2, ensure_ascii=False)
    elif form == "github":
        text = report.as_annotations(review)
    else:
        from reviewer.publish.summary import SummaryInput, render_summary  # noqa: PLC0415 - for this form only

        text = render_summary(SummaryInput(review)).rstrip("\n")
    if text:
        sys.stdout.write(text + "\n")


def console() -> Console:
    """Return a console on standard output; colours only on a terminal, NO_COLOR is obeyed."""
    from rich.console import Console  # noqa: PLC0415 - rich is for people only

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty(), emoji=False, markup=False)


def say(text: str) -> None:
    """Print one line for the person on standard error."""
    sys.stderr.write(f"kilo-review: {text}\n")


def _apply(review: Review, selected: Selected, root: Path) -> None:
    from reviewer.local.apply import apply_suggestions  # noqa: PLC0415 - only with --apply

    if not sys.stdin.isatty():
        say("--apply asks about each suggestion, and nobody is at the terminal: nothing was written")
        return
    done = apply_suggestions(review.shown(), root=root, head=selected.head, ask=_ask)
    for why in done.refused:
        say(why)
    say(f"{done.written} suggestion{'' if done.written == 1 else 's'} written")


def _ask(placed: PlacedFinding) -> bool:
    finding = placed.finding
    sys.stderr.write(f"\n{finding.path}:{finding.line}  {finding.title}\n")
    for old in finding.quote.split("\n"):
        sys.stderr.write(f"  - {old}\n")
    for new in (finding.suggestion or "").split("\n"):
        sys.stderr.write(f"  + {new}\n")
    sys.stderr.write("Write this? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
