"""`kilo-review doctor`: look at the whole set-up and print one line a part, with a remedy for each fault."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

from reviewer.errors import ConfigurationError
from reviewer.publish.redact_own_secrets import OwnSecrets
from reviewer.settings import Settings
from webhooks.doctor.outcome import Outcome, State, checked, of_error, ok, skipped

EXAMPLES: Final = ("kilo-review doctor", "kilo-review doctor --format json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help="text (default) or json")


def main(options: argparse.Namespace) -> int:
    """Print what is found; 0 where nothing is broken, else 2."""
    outcomes = []
    try:
        settings = Settings.from_environ()
    except ConfigurationError as error:
        outcomes.append(of_error("settings", error))
        _print(outcomes[0], options.format)
    else:
        own = OwnSecrets(settings.secrets())
        for outcome in examine(settings, now=lambda: datetime.now(UTC)):
            clean = Outcome(outcome.part, outcome.state, own.own(outcome.detail), own.own(outcome.remedy))
            outcomes.append(clean)
            _print(clean, options.format)
    faults = sum(outcome.state is State.BROKEN for outcome in outcomes)
    if options.format == "text":
        print(f"{faults} broken" if faults else "nothing is broken", file=sys.stderr)  # noqa: T201
    return ConfigurationError.exit_code if faults else 0


def examine(settings: Settings, *, now: Callable[[], datetime]) -> Iterator[Outcome]:
    """Yield what every check finds, nearest first: this machine, what keeps the state, GitHub, the models."""
    # Imported here: `--help` needs none of it.
    from webhooks.doctor import machine, models, stores  # noqa: PLC0415

    yield ok("settings", "every variable can be read")
    yield from checked("git", machine.check_git)
    yield from checked("disk", lambda: machine.check_disk(settings))
    yield from checked("policy", lambda: machine.check_policy(settings))
    yield from checked("redis", lambda: stores.check_redis(settings))
    yield from checked("ledger", lambda: stores.check_ledger(settings))
    yield from _examine_app(settings, now)
    yield from checked("models", lambda: models.check_models(settings))


def _examine_app(settings: Settings, now: Callable[[], datetime]) -> Iterator[Outcome]:
    from reviewer.github.auth import AppAuth  # noqa: PLC0415 - loads cryptography
    from reviewer.processes.start import check_app  # noqa: PLC0415 - as above
    from webhooks.doctor import app  # noqa: PLC0415 - as above

    def signs() -> Iterator[Outcome]:
        check_app(settings)
        yield ok("key", "the App's private key can sign")

    yield from (key := tuple(checked("key", signs)))
    yield from (clock := tuple(checked("clock", lambda: app.check_clock(settings, now()))))
    if _is_broken(key):
        yield skipped("app", "not asked for without a key")
        return
    if any(outcome.state is State.BROKEN and "does not answer" in outcome.detail for outcome in clock):
        yield skipped("app", "not asked for while GitHub does not answer")
        return
    auth = AppAuth(
        settings.github_app_id, settings.github_private_key, settings.github_api_url, now=now, timeout=app.SECONDS
    )
    with contextlib.closing(auth.api):
        yield from (identity := tuple(checked("app", lambda: app.check_app(settings, auth))))
        if any(outcome.part == "app" and outcome.state is State.BROKEN for outcome in identity):
            return
        yield from checked("installations", lambda: app.check_installations(auth))
        yield from checked("webhook", lambda: app.check_webhook(settings, auth))


def _is_broken(outcomes: Iterable[Outcome]) -> bool:
    return any(outcome.state is State.BROKEN for outcome in outcomes)


def _print(outcome: Outcome, form: str) -> None:
    if form == "json":
        print(json.dumps({**asdict(outcome), "state": outcome.state.value}), flush=True)  # noqa: T201
        return
    line = f"{outcome.state.value:<8} {outcome.part:<18} {outcome.detail}"
    print(line + (f" → {outcome.remedy}" if outcome.remedy else ""), flush=True)  # noqa: T201
