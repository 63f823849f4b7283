"""The options that `pr` and `ci` share."""

from __future__ import annotations

import argparse
from dataclasses import replace

from policies.words import Strategy
from reviewer.ci.review import Wishes
from reviewer.jobs.policy import run_limit
from reviewer.local.arguments import add_models
from reviewer.local.progress import ProgressLine
from reviewer.settings import Settings


def add_review_options(parser: argparse.ArgumentParser) -> None:
    """Add models, money and what decides the exit status."""
    add_models(parser)
    parser.add_argument(
        "--fail-on",
        choices=("critical", "high", "medium", "low", "never"),
        default="high",
        help="lowest severity that gives exit status 1 (default: high)",
    )
    parser.add_argument(
        "--require-coverage", action="store_true", help="exit status 3 where a part of the change was not read"
    )
    parser.add_argument("--no-cache", action="store_true", help="ask again, also where the same was paid for")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress line")


def wishes_of(options: argparse.Namespace, line: ProgressLine) -> Wishes:
    """Return what the options ask for; ConfigurationError for an amount that is none."""
    limit = run_limit(options.max_cost)
    return Wishes(
        model=options.model,
        strategy=Strategy(options.strategy) if options.strategy else None,
        max_cost=limit.amount if limit else None,
        use_cache=not options.no_cache,
        watch=line,
    )


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the settings, offline where the options say so."""
    settings = Settings.from_environ()
    return replace(settings, offline=True) if options.offline else settings
