"""`kilo-review ci`: review the pull request of a GitHub Actions run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from reviewer.ci.access import TokenAccess, need_token, open_token_access
from reviewer.ci.event import RunnerEvent, read_event
from reviewer.ci.options import add_review_options, settings_of
from reviewer.ci.post import post
from reviewer.ci.review import Reviewed, Told, find_pull_request, review_pull_request
from reviewer.ci.standing import status_of, with_open_threads
from reviewer.errors import ConfigurationError, PermissionMissing
from reviewer.jobs.policy import utc_now
from reviewer.local.command import output_to, say, show
from reviewer.local.progress import ProgressLine
from reviewer.publish.outgoing import outgoing
from reviewer.publish.redact_own_secrets import OwnSecrets
from reviewer.publish.summary import SummaryInput, render_summary
from reviewer.settings import Settings

EXAMPLES: Final = (
    "kilo-review ci                            review the pull request of this run",
    "kilo-review ci --sarif review.sarif       and write SARIF for code scanning",
    "kilo-review ci --no-comments              job summary and annotations only",
)
# GitHub cuts a step's summary here: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
SUMMARY_BYTES: Final = 1024 * 1024
FORK: Final = "the change comes from a fork, so this run has no secrets and its token cannot write"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_review_options(parser)
    parser.add_argument("--sarif", metavar="FILE", default="", help="also write SARIF 2.1.0 there")
    parser.add_argument("--json", metavar="FILE", default="", help="also write the review as JSON there")
    parser.add_argument(
        "--no-comments", action="store_true", help="do not comment on the pull request: job summary and annotations"
    )


def main(options: argparse.Namespace) -> int:
    """Review the run's pull request and tell the result wherever the token may; the status is that of `local`."""
    settings = settings_of(options)
    event = read_event(settings.runner)
    need_token(settings, why="the pull request is read with it: `env: GITHUB_TOKEN: ${{ github.token }}`")
    access = open_token_access(settings, now=utc_now)
    try:
        pr = find_pull_request(access, event.target)
        with ProgressLine(quiet=options.quiet) as line:
            reviewed = review_pull_request(access, pr, settings, options, told=Told(line))
        told = "" if options.no_comments else _comment(access, reviewed, settings, event)
    finally:
        access.github.close()
    review = with_open_threads(reviewed.document.review)
    why = " ".join(filter(None, (reviewed.no_model and f"Analysers only: {reviewed.no_model}.", told)))
    if why:
        say(why)
    _job_summary(reviewed, settings, why)
    for name, form in ((options.sarif, "sarif"), (options.json, "json")):
        if name:
            with output_to(name):
                show(review, form)
    show(review, "github")
    status = status_of(reviewed.document.review, options, settings)
    _outputs(reviewed, status, settings.runner.output_file)
    return status


def _comment(access: TokenAccess, reviewed: Reviewed, settings: Settings, event: RunnerEvent) -> str:
    """Comment on the pull request, and return what could not be written, "" where all was."""
    try:
        posted = post(access, reviewed, settings)
    except PermissionMissing as error:
        return _denied(event, str(error))
    if posted.stale:
        return "A newer push took over: nothing was commented."
    problems = " ".join(posted.problems)
    return problems if posted.summary_url or posted.urls else _denied(event, problems)


def _denied(event: RunnerEvent, words: str) -> str:
    if event.from_fork:
        return f"Nothing was commented: {FORK}."
    return f"Nothing was commented. Give the job `permissions: pull-requests: write, checks: write`. {words}"


def _job_summary(reviewed: Reviewed, settings: Settings, why: str) -> None:
    """Append the summary to the run's page."""
    file = settings.runner.summary_file
    if not file:
        return
    secrets = OwnSecrets(settings.secrets())
    document = reviewed.document
    source = SummaryInput(
        document.review,
        repository_url=reviewed.pr.repository_url,
        verdict=document.verdict,
        notices=(secrets(why),) if why else (),
    )
    text = outgoing(render_summary(source), secrets).encode("utf-8", "replace")[:SUMMARY_BYTES]
    _append(file, text.decode("utf-8", "ignore") + "\n")


def _outputs(reviewed: Reviewed, status: int, file: str) -> None:
    """Write what later steps can use: `findings`, `conclusion`, `coverage` in per cent, `cost_usd`, `status`."""
    if not file:
        return
    review = reviewed.document.review
    values = {
        "findings": len(with_open_threads(review).shown()),
        "conclusion": reviewed.document.verdict.conclusion.value,
        "coverage": int(review.coverage.share * 100),
        "cost_usd": "unknown" if review.cost is None else f"{review.cost:f}",
        "status": status,
    }
    _append(file, "".join(f"{name}={value}\n" for name, value in values.items()))


def _append(file: str, text: str) -> None:
    try:
        with Path(file).open("a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise ConfigurationError(f"cannot write {file}: {error.strerror}") from None
