"""The options that say which changes are meant and which model may see them; shared by the commands that review."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from policies.words import Strategy
from reviewer.errors import ConfigurationError
from reviewer.git.snapshot import Snapshot
from reviewer.local.repository import find_repository
from reviewer.local.selection import Selected, Selection, Which, select
from reviewer.settings import Settings

if TYPE_CHECKING:
    from policies.paths import PathRules


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Add the options of a selection; without any, it is everything that is not committed."""
    group = parser.add_argument_group("which changes (default: staged, unstaged and untracked)")
    group.add_argument("-s", "--staged", action="store_true", help="only what is staged")
    group.add_argument("--unpushed", action="store_true", help="commits that the upstream does not have")
    group.add_argument("-b", "--base", metavar="REV", help="everything since the merge base with REV")
    group.add_argument("--head", metavar="REV", help="with --base: up to this commit, not the work tree")
    group.add_argument("--commit", metavar="REV", help="one commit")
    group.add_argument("-C", "--repo", metavar="DIR", help="the repository (default: where you stand)")
    group.add_argument("pathspecs", nargs="*", metavar="PATH", help="only these, after `--`; git's pathspecs")


def add_models(parser: argparse.ArgumentParser) -> None:
    """Add the options of models and money."""
    group = parser.add_argument_group("models and money")
    group.add_argument("--strategy", choices=[word.value for word in Strategy], help="how dear models may be")
    group.add_argument(
        "-m", "--model", default="", metavar="PROVIDER/MODEL", help="one model instead of a strategy"
    )
    group.add_argument("--max-cost", default="", metavar="USD", help="most that this run may cost")
    group.add_argument("--offline", action="store_true", help="refuse every connection that is not loopback")


def add_outcome(parser: argparse.ArgumentParser) -> None:
    """Add what decides the exit status, whether stored answers are used, and whether progress is told."""
    parser.add_argument(
        "--fail-on",
        choices=("critical", "high", "medium", "low", "never"),
        default="high",
        help="lowest severity that gives exit status 1 (default: high)",
    )
    parser.add_argument(
        "--require-coverage",
        action="store_true",
        help="exit status 3 where a part of the change was not read",
    )
    parser.add_argument("--no-cache", action="store_true", help="ask again, also where the same was paid for")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress line")


def selection_of(options: argparse.Namespace) -> Selection:
    """Return the selection that the options name; ConfigurationError where they name two."""
    chosen = [
        name
        for name, value in (
            ("--staged", options.staged),
            ("--unpushed", options.unpushed),
            ("--base", options.base),
            ("--commit", options.commit),
        )
        if value
    ]
    if len(chosen) > 1:
        raise ConfigurationError(f"{' and '.join(chosen)} exclude each other", remedy="Name one of them.")
    if options.head and not options.base:
        raise ConfigurationError("--head goes with --base", remedy="Write --base A --head B.")
    pathspecs, start = tuple(options.pathspecs), start_of(options)
    if options.staged:
        return Selection(Which.STAGED, pathspecs=pathspecs, start=start)
    if options.unpushed:
        return Selection(Which.UNPUSHED, pathspecs=pathspecs, start=start)
    if options.commit:
        return Selection(Which.COMMIT, options.commit, pathspecs=pathspecs, start=start)
    if options.base and options.head:
        return Selection(Which.RANGE, options.base, options.head, pathspecs, start)
    if options.base:
        return Selection(Which.BASE, options.base, pathspecs=pathspecs, start=start)
    return Selection(pathspecs=pathspecs, start=start)


def start_of(options: argparse.Namespace) -> Path:
    """Return the folder to start from."""
    return Path(options.repo) if options.repo else Path.cwd()


def open_selection(options: argparse.Namespace, settings: Settings) -> AbstractContextManager[Selected]:
    """Open what the options select in the repository that they name; see `select`."""
    # Inside a hook git names the index of the commit; another repository's it is not.
    index_file = "" if options.repo else settings.git_index_file
    return select(
        find_repository(start_of(options), index_file=index_file),
        selection_of(options),
        rules=lambda base: _paths_of_policy(settings, base),
    )


def _paths_of_policy(settings: Settings, base: Snapshot) -> PathRules:
    from reviewer.jobs.policy import effective_policy  # noqa: PLC0415 - a clean work tree needs no policy

    return effective_policy(settings, base=base, private=True).paths
