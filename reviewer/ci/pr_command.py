"""`kilo-review pr`: review any pull request from a terminal."""

from __future__ import annotations

import argparse
from typing import Final

from reviewer.ci.access import need_token, open_token_access
from reviewer.ci.options import add_review_options, settings_of
from reviewer.ci.post import post
from reviewer.ci.review import Told, find_pull_request, review_pull_request
from reviewer.ci.standing import status_of, with_open_threads
from reviewer.ci.target import parse_target
from reviewer.errors import PermissionMissing
from reviewer.jobs.policy import utc_now
from reviewer.local.command import FORMATS, add_output, output_to, say, show
from reviewer.local.progress import ProgressLine

EXAMPLES: Final = (
    "kilo-review pr acme/shop#12                              print the review of a pull request",
    "kilo-review pr https://github.com/acme/shop/pull/12      the same, by its address",
    "kilo-review pr acme/shop#12 --publish                    comment on it, with a token that may",
    "kilo-review pr acme/shop#12 -f json --max-cost 0.20      one document, for twenty cents at most",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("target", metavar="PR", help="OWNER/REPO#NUMBER, or the address of its page")
    add_review_options(parser)
    parser.add_argument(
        "--publish", action="store_true", help="comment on the pull request (GITHUB_TOKEN or GH_TOKEN)"
    )
    parser.add_argument("-f", "--format", choices=FORMATS, default="text", help="default: text")
    add_output(parser)


def main(options: argparse.Namespace) -> int:
    """Review, print, and with `--publish` comment; the exit status is that of `kilo-review local`."""
    settings = settings_of(options)
    target = parse_target(options.target, api_url=settings.github_api_url)
    if options.publish:
        need_token(settings, why="--publish comments in somebody's name")
    access = open_token_access(settings, now=utc_now)
    try:
        pr = find_pull_request(access, target)
        with ProgressLine(quiet=options.quiet) as line:
            reviewed = review_pull_request(access, pr, settings, options, told=Told(line))
        if reviewed.no_model:
            say(f"analysers only: {reviewed.no_model}")
        review = reviewed.document.review
        with output_to(options.output):
            show(with_open_threads(review), options.format, options.color)
        if options.publish:
            try:
                posted = post(access, reviewed, settings)
            except PermissionMissing as error:
                raise PermissionMissing(
                    f"{target}: the token may not write there: {error}", permission=error.permission
                ) from None
            for problem in posted.problems:
                say(problem)
            say("a newer push took over: nothing was posted" if posted.stale else f"posted: {posted.summary_url}")
    finally:
        access.github.close()
    return status_of(review, options, settings)
