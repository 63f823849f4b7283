"""`kilo-review-uncommitted`: review what is not committed, staged, not pushed, or in one commit."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from policies.words import Severity
from reviewer.errors import ConfigurationError
from reviewer.local.arguments import add_models, add_outcome, add_selection, open_selection
from reviewer.local.rounds import FIRST_ROUND, MAX_ROUNDS, AgentRound
from reviewer.local.selection import Selected
from reviewer.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from reviewer.findings.model import PlacedFinding
    from reviewer.steps.result import Review

EXAMPLES: Final = (
    "kilo-review local                               all that is not committed",
    "kilo-review local --staged --fail-on medium     before a commit",
    "kilo-review local --base main --max-cost 0.10   a branch, for ten cents at most",
    "kilo-review local -n                            what would be asked, and its price",
    "kilo-review local -f sarif -o review.sarif      for code scanning",
    "kilo-review local -- src tests/test_a.py        only these paths",
)
FORMATS: Final = ("text", "json", "sarif", "markdown", "github", "junit", "code-climate", "agent")
EXIT_CLEAN: Final = 0
EXIT_FINDINGS: Final = 1
EXIT_INCOMPLETE: Final = 3
EXIT_LIMIT: Final = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_selection(parser)
    add_models(parser)
    parser.add_argument(
        "-f",
        "--format",
        choices=FORMATS,
        default="text",
        help="default: text",
    )
    add_outcome(parser)
    parser.add_argument(
        "--against", metavar="FILE", default="", help="a plan or an issue (-: standard input) to hold the change to"
    )
    parser.add_argument(
        "--after", metavar="FILE", default="", help="with --format agent: what the round before wrote"
    )
    parser.add_argument(
        "--max-rounds",
        type=int,
        default=MAX_ROUNDS,
        metavar="N",
        help=f"with --format agent: say stop after so many rounds (default: {MAX_ROUNDS})",
    )
    parser.add_argument("--apply", action="store_true", help="offer each suggestion, one question each")
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="say what would be asked, and about what it would cost"
    )
    add_output(parser)


def main(options: argparse.Namespace) -> int:
    """Review and print; the exit status is 0, 1 (findings), 3 (incomplete) or 4 (a limit), errors as elsewhere."""
    settings = Settings.from_environ()
    previous = _previous(options)
    with open_selection(options, settings) as selected:
        if options.format == "text" and not selected.change.files and not selected.untouched:
            # Nothing of what a review needs is loaded for a clean work tree.
            for notice in selected.notices:
                say(notice)
            sys.stdout.write("nothing to review\n")
            return EXIT_CLEAN
        # Half a second of imports, while settings and policy are read.
        threading.Thread(target=_import_ahead, daemon=True).start()
        if options.dry_run:
            from reviewer.local.explain import print_estimate  # noqa: PLC0415 - a review needs none of it

            with output_to(options.output):
                return print_estimate(options, settings, selected)
        from reviewer.local.progress import ProgressLine  # noqa: PLC0415 - a dry run needs neither, and a thread loads them
        from reviewer.local.session import open_session, review_selected  # noqa: PLC0415

        session = open_session(options, settings, selected.base)
        try:
            named = named_model(options, settings) if session.models.reason else ""
            if session.models.reason and selected.change.files:
                whose = f"{named} cannot be asked, analysers only" if named else "analysers only"
                say(f"{whose}: {session.models.reason}")
            with ProgressLine(quiet=options.quiet) as line:
                review = review_selected(options, session, selected, watch=line)
        finally:
            session.ledger.close()
        with output_to(options.output):
            show(review, options.format, options.color, AgentRound(previous, options.max_rounds))
        if options.format != "text":
            from reviewer.local.unread import unread  # noqa: PLC0415 - after a review, not before a clean tree

            if missed := unread(review):
                say(missed)
        if options.apply:
            _apply(review, selected)
    return exit_status(review, options.fail_on, named=bool(named), whole=options.require_coverage)


def named_model(options: argparse.Namespace, settings: Settings) -> str:
    """Return how a model was asked for by name, "" where any that is set up will do."""
    if options.model:
        return f"--model {options.model}"
    if options.strategy:
        return f"--strategy {options.strategy}"
    return f"the model {settings.model_name} at {settings.model_url}" if settings.model_url else ""


def _import_ahead() -> None:
    """Import what a review needs; what cannot be imported is missed, and said, where it is used."""
    with contextlib.suppress(ImportError):
        from reviewer.local import session  # noqa: F401, PLC0415 - importing is what this is for
        from reviewer.models import client  # noqa: F401, PLC0415


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add where the result goes, and whether it has colours."""
    parser.add_argument("-o", "--output", metavar="FILE", default="", help="write the result there")
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="colours: on a terminal without NO_COLOR (auto), always or never",
    )


@contextlib.contextmanager
def output_to(name: str) -> Iterator[None]:
    """Send standard output to a file for a while, the file complete or as it was; "" changes nothing."""
    if not name:
        yield
        return
    target = Path(name)
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=target.absolute().parent, prefix=f".{target.name}.", delete=False
        ) as file:
            beside = Path(file.name)
            try:
                with contextlib.redirect_stdout(file):
                    yield
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
        beside.chmod(0o644)
        beside.replace(target)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {name}: {error.strerror}", remedy="Name a file that can be written."
        ) from None


def exit_status(review: Review, fail_on: str, *, named: bool = False, whole: bool = False) -> int:
    """Return 1 for a finding at or above `fail_on`, else 4 or 3 for a review that was cut short, else 0.

    A gating check in plain language gives 1 where it is not met and 3 where it is not visible. Analysers alone may
    end in 0, unless a model was `named`, or coverage is to be `whole` and is not.
    """
    from reviewer.findings.statements import Outcome  # noqa: PLC0415 - a clean tree ends without a review
    from reviewer.steps.result import ReviewStatus  # noqa: PLC0415 - as above

    worst = review.worst()
    if fail_on != "never" and worst is not None and worst >= Severity.parse(fail_on):
        return EXIT_FINDINGS
    gates = {statement.outcome for statement in review.statements if statement.gate}
    if Outcome.NOT_MET in gates:
        return EXIT_FINDINGS
    if review.status is ReviewStatus.STOPPED_BY_LIMIT:
        return EXIT_LIMIT
    unmet = (named and review.status is ReviewStatus.ANALYSERS_ONLY) or (whole and not review.coverage.complete)
    if unmet or Outcome.NOT_VISIBLE in gates or review.status is ReviewStatus.INCOMPLETE:
        return EXIT_INCOMPLETE
    return EXIT_CLEAN


def _previous(options: argparse.Namespace) -> Mapping[str, Any] | None:
    if options.max_rounds < 1:
        raise ConfigurationError("--max-rounds is less than 1", remedy="Name how many rounds there may be.")
    if not options.after:
        return None
    if options.format != "agent":
        raise ConfigurationError("--after goes with --format agent", remedy="Write: -f agent --after FILE.")
    from reviewer.local.agent import read_previous  # noqa: PLC0415 - for agents only

    return read_previous(options.after)


def show(review: Review, form: str, color: str = "auto", agent: AgentRound = FIRST_ROUND) -> None:
    """Print the review on standard output in one of the formats; `agent` is for the format of that name."""
    if form == "text":
        from reviewer.local.terminal import print_review  # noqa: PLC0415 - rich is for people only

        print_review(review, console(color))
        return
    from reviewer.local import report  # noqa: PLC0415 - for programs only

    if form == "json":
        text = json.dumps(report.as_json(review), indent=2, ensure_ascii=False)
    elif form == "sarif":
        from importlib.metadata import version  # noqa: PLC0415 - loads the email package

        text = json.dumps(report.as_sarif(review, version=version("kilo-review")), indent=2, ensure_ascii=False)
    elif form in ("junit", "code-climate"):
        from reviewer.local.ci_formats import as_code_climate, as_junit  # noqa: PLC0415 - for CI only

        text = as_junit(review) if form == "junit" else json.dumps(as_code_climate(review), indent=2)
    elif form == "agent":
        from reviewer.local.agent import as_agent  # noqa: PLC0415 - for agents only

        text = json.dumps(as_agent(review, agent.previous, max_rounds=agent.most), indent=2, ensure_ascii=False)
    elif form == "github":
        text = report.as_annotations(review)
    else:
        from reviewer.publish.summary import SummaryInput, render_summary  # noqa: PLC0415 - for this form only

        text = render_summary(SummaryInput(review)).rstrip("\n")
    if text:
        sys.stdout.write(text + "\n")


def console(color: str = "auto") -> Console:
    """Return a console on standard output; styles only on a terminal, and none at all under NO_COLOR."""
    from rich.console import Console  # noqa: PLC0415 - rich is for people only

    def made(**more: Any) -> Console:
        return Console(highlight=False, soft_wrap=not sys.stdout.isatty(), emoji=False, markup=False, **more)

    if color == "always":
        return made(force_terminal=True, no_color=False, color_system="standard")
    plain = color == "never" or made().no_color
    # Without a colour system rich writes no bold and no underline either.
    return made(color_system=None) if plain else made()


def say(text: str) -> None:
    """Print one line for the person on standard error."""
    sys.stderr.write(f"kilo-review: {text}\n")


def _apply(review: Review, selected: Selected) -> None:
    from reviewer.local.apply import apply_suggestions  # noqa: PLC0415 - only with --apply

    if not sys.stdin.isatty():
        say("--apply asks about each suggestion, and there is no terminal to answer at: nothing was written")
        return
    done = apply_suggestions(review.shown(), root=selected.root, head=selected.head, ask=_ask)
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
