"""The options that say which changes are meant and which model may see them; shared by `local` and `explain`."""

from __future__ import annotations

import argparse
from pathlib import Path

from policies.words import Strategy
from reviewer.errors import ConfigurationError
from reviewer.local.selection import Selection, Which


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Add the options of a selection; without any, it is everything that is not committed."""
    group = parser.add_argument_group("which changes (default: staged, unstaged and untracked)")
    group.add_argument("--staged", action="store_true", help="only what is staged")
    group.add_argument("--unpushed", action="store_true", help="commits that the upstream does not have")
    group.add_argument("--base", metavar="REV", help="everything since the merge base with REV")
    group.add_argument("--head", metavar="REV", help="with --base: up to this commit, not the work tree")
    group.add_argument("--commit", metavar="REV", help="one commit")
    group.add_argument("--repo", metavar="DIR", help="the repository (default: where you stand)")
    group.add_argument("pathspecs", nargs="*", metavar="PATH", help="only these, after `--`; git's pathspecs")


def add_models(parser: argparse.ArgumentParser) -> None:
    """Add the options of models and money."""
    group = parser.add_argument_group("models and money")
    group.add_argument("--strategy", choices=[word.value for word in Strategy], help="how dear models may be")
    group.add_argument("--model", default="", metavar="PROVIDER/MODEL", help="one model instead of a strategy")
    group.add_argument("--max-cost", default="", metavar="USD", help="most that this run may cost")
    group.add_argument("--offline", action="store_true", help="refuse every connection that is not loopback")


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
    pathspecs = tuple(options.pathspecs)
    if options.staged:
        return Selection(Which.STAGED, pathspecs=pathspecs)
    if options.unpushed:
        return Selection(Which.UNPUSHED, pathspecs=pathspecs)
    if options.commit:
        return Selection(Which.COMMIT, options.commit, pathspecs=pathspecs)
    if options.base and options.head:
        return Selection(Which.RANGE, options.base, options.head, pathspecs)
    if options.base:
        return Selection(Which.BASE, options.base, pathspecs=pathspecs)
    return Selection(pathspecs=pathspecs)


def start_of(options: argparse.Namespace) -> Path:
    """Return the folder to start from."""
    return Path(options.repo) if options.repo else Path.cwd()
