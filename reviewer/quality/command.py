"""`kilo-review bench`: run a set of pull requests whose problems are known, and report or compare runs."""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from policies.policy import Policy
from policies.words import Strategy, Tier
from reviewer.errors import BudgetRefused, ConfigurationError
from reviewer.jobs.policy import run_limit, utc_now
from reviewer.local.command import output_to, say
from reviewer.models.ask import ModelClient
from reviewer.models.open import open_client
from reviewer.quality.case import Case
from reviewer.quality.count import Same, count, read_counts, same_by_words, write_counts
from reviewer.quality.judge import ModelJudge
from reviewer.quality.layouts import read_cases
from reviewer.quality.outcome import Outcome
from reviewer.quality.recorded import Recordings, recording
from reviewer.quality.report import as_json, as_markdown, as_page, as_text
from reviewer.quality.run import Engine, Sources, review_cases
from reviewer.quality.score import Score, score
from reviewer.quality.set_up import read_set_up, write_set_up
from reviewer.quality.spending import Spending
from reviewer.settings import Settings, organisation_policy

EXAMPLES: Final = (
    "kilo-review bench run positive_samples.json --mirrors clones --out runs/a --max-cost 5    review and count",
    "kilo-review bench run positive_samples.json --mirrors clones --out runs/a --replay        again, for $0",
    "kilo-review bench report runs/a runs/b --html board.html                                  compare two runs",
)
FORMATS: Final = ("text", "json", "markdown")
RESULTS: Final = "results.jsonl"
COUNTS: Final = "counts.json"
SET_UP: Final = "set-up.json"
WORDS: Final = "words"
JUDGES: Final = (WORDS, *(tier.label for tier in Tier))
# Intervals are the same for the same results.
SEED: Final = 20261201


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    commands = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    run = commands.add_parser("run", help="review every case of a set, and count what was found")
    run.add_argument("set", type=Path, metavar="SET", help="file or folder of cases (see docs/how-to/bench.md)")
    run.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder of this run; goes on where it was"
    )
    run.add_argument("--label", default="", help="name of the set-up in reports (default: model and strategy)")
    run.add_argument("--mirrors", type=Path, metavar="DIR", help="folder of bare clones with the cases' commits")
    run.add_argument("--fetch", action="store_true", help="read from GitHub what neither set nor mirrors have")
    run.add_argument("--pull", action="append", default=[], metavar="OWNER/REPO#N", help="only this; repeatable")
    run.add_argument("--limit", type=int, default=0, metavar="N", help="only the first N cases")
    run.add_argument("--model", default="", help="ask this model for everything")
    run.add_argument("--strategy", choices=[each.value for each in Strategy], help="instead of policy's")
    run.add_argument(
        "--analysers", action="store_true", help="count what analysers find too; default: models alone"
    )
    run.add_argument(
        "--judge",
        choices=JUDGES,
        default=WORDS,
        help="who says what is the same: words (default), or a tier's model",
    )
    run.add_argument("--max-cost", default="", metavar="USD", help="stop before the run has spent more than this")
    run.add_argument("--replay", action="store_true", help="answer from the run's recordings alone; asks nobody")
    report = commands.add_parser("report", help="print the figures of one run, or compare several")
    report.add_argument("runs", type=Path, nargs="+", metavar="DIR", help="folders that `bench run` wrote")
    report.add_argument("--html", type=Path, metavar="FILE", help="write a page that ranks the runs")
    for each in (run, report):
        each.add_argument(
            "-f", "--format", choices=("text", "json", "markdown"), default="text", help="default: text"
        )
        each.add_argument("-o", "--output", default="", metavar="FILE", help="write the figures there")
        each.add_argument("-q", "--quiet", action="store_true", help="say nothing but the figures")


def main(options: argparse.Namespace) -> int:
    """Run or report; 4 where --max-cost stopped the run, which goes on when it is started again."""
    if options.action == "report":
        return _show(options.runs, options, html=options.html)
    cases = _chosen(options)
    options.out.mkdir(parents=True, exist_ok=True)
    settings = Settings.from_environ()
    if options.replay:
        settings = read_set_up(options.out / SET_UP, settings)
    else:
        write_set_up(options.out / SET_UP, settings)
    tell: Callable[[str], None] = (lambda _line: None) if options.quiet else say
    recordings = Recordings(options.out)
    limit = run_limit(options.max_cost)
    spending = Spending(None if options.replay or limit is None else limit.amount, recordings.replayed)
    policy = _policy(settings, options)
    label = options.label or f"{options.model or 'models of the tiers'} {options.strategy or policy.strategy.value}"

    def client() -> ModelClient:
        return open_client(
            settings,
            policy.providers,
            private=False,
            meter=spending,
            fixed=options.model,
            wrap=recording(recordings, replay_only=options.replay),
        )

    strategy = Strategy(options.strategy) if options.strategy else None
    engine = Engine(label, policy, client, spending, strategy)
    outcomes: tuple[Outcome, ...] = ()
    try:
        results = options.out / RESULTS
        if options.replay:
            # What is replayed is reviewed anew: that is what a changed prompt or router is compared by.
            results = options.out / "replayed.jsonl"
            results.unlink(missing_ok=True)
        outcomes = review_cases(cases, engine, _sources(settings, options), results, tell)
        same, judge = _judge(client, options.judge)
        tell(f"matching, judge: {judge}")
        counted = [count(case, outcome, same) for case, outcome in zip(cases, outcomes, strict=True)]
    except BudgetRefused as error:
        say(f"{error}. What was done is in {options.out}; start again with a larger --max-cost to go on.")
        return error.exit_code
    _tell_errors(outcomes)
    about = _about(options, label, judge, outcomes, spending.spent)
    write_counts(options.out / COUNTS, about, counted)
    return _show([options.out], options, html=None)


def _show(runs: Sequence[Path], options: argparse.Namespace, *, html: Path | None) -> int:
    scores: list[Score] = []
    told: list[dict[str, Any]] = []
    for folder in runs:
        about, counted = read_counts(folder / COUNTS)
        scores.append(score(str(about.get("label", folder.name)), counted, random.Random(SEED)))  # noqa: S311
        told.append(about)
    if html is not None:
        html.write_text(as_page(scores, told), encoding="utf-8")
        say(f"written: {html}")
    with output_to(options.output):
        if options.format == "json":
            text = json.dumps(as_json(scores, told), indent=1)
        else:
            text = (as_markdown if options.format == "markdown" else as_text)(scores, told)
        sys.stdout.write(f"{text}\n")
    return 0


def _chosen(options: argparse.Namespace) -> tuple[Case, ...]:
    cases = read_cases(options.set)
    if options.pull:
        unknown = set(options.pull) - {case.name for case in cases}
        if unknown:
            names = ", ".join(sorted(unknown))
            raise ConfigurationError(f"{options.set} has no {names}", remedy="Write OWNER/REPO#N as the set does.")
        cases = tuple(case for case in cases if case.name in options.pull)
    if options.limit < 0:
        raise ConfigurationError(f"--limit {options.limit} is not a count", remedy="Write 1 or more.")
    return cases[: options.limit] if options.limit else cases


def _policy(settings: Settings, options: argparse.Namespace) -> Policy:
    policy = organisation_policy(settings)
    return policy if options.analysers else replace(policy, analysers=())


def _sources(settings: Settings, options: argparse.Namespace) -> Sources:
    if options.mirrors is not None and not options.mirrors.is_dir():
        raise ConfigurationError(
            f"--mirrors {options.mirrors} is no folder", remedy="Name a folder of bare clones."
        )
    if not options.fetch:
        return Sources(options.mirrors)
    from reviewer.ci.access import open_token_access  # noqa: PLC0415 - only with --fetch
    from reviewer.quality.from_github import from_github  # noqa: PLC0415

    return Sources(options.mirrors, from_github(open_token_access(settings, now=utc_now), settings))


def _judge(client: Callable[[], ModelClient], name: str) -> tuple[Same, str]:
    """Return who decides what is the same, and its name for the report."""
    if name == WORDS:
        return same_by_words, "words in common"
    tier = next(tier for tier in Tier if tier.label == name)
    judge = ModelJudge(client(), tier)
    candidate = judge.client.candidate(tier)
    return judge.same, candidate.name if candidate else f"no model of tier {name}"


def _tell_errors(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.error:
            say(f"{outcome.case} was not reviewed: {outcome.error}")


def _about(
    options: argparse.Namespace, label: str, judge: str, outcomes: Sequence[Outcome], spent: Decimal | None
) -> dict[str, Any]:
    return {
        "label": label,
        "date": date.today().isoformat(),  # noqa: DTZ011 - the day of whoever reads it
        "set": options.set.name,
        "judge": judge,
        "models": sorted({model for outcome in outcomes for model in outcome.models}),
        "read_from": ", ".join(sorted({outcome.read_from for outcome in outcomes if outcome.read_from})),
        "spent": "unknown" if spent is None else f"${spent:.4f}",
        "replayed": options.replay,
    }
