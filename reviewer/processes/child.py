"""Run one process of the service: on its own, or as a child of `kilo-review serve`, with which it ends."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from reviewer.errors import KiloReviewError
from reviewer.processes.logs import printer
from reviewer.queue.supervised_command import die_with_parent
from reviewer.settings import Settings

# The option by which `serve` tells a child who its parent is; no person needs it.
PARENT_OPTION: Final = "--parent"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the hidden option of a supervised child: the environment says everything else."""
    parser.add_argument(PARENT_OPTION, type=int, default=0, help=argparse.SUPPRESS)


def run_process(options: argparse.Namespace, run: Callable[[Settings], int]) -> int:
    """Call `run` with the settings of the environment and return its exit status.

    A child ends when its parent does, and prints an error with the time and its own name in front.
    """
    if not options.parent:
        return run(Settings.from_environ())
    die_with_parent()
    if os.getppid() != options.parent:
        # The parent ended before we could ask to be told.
        return 0
    say: Callable[[str], None] = _print
    try:
        settings = Settings.from_environ()
        if settings.log_format == "json":
            say = printer(settings, options.command)
        return run(settings)
    except KiloReviewError as error:
        say(f"{datetime.now(UTC):%H:%M:%S} {options.command}: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        return 0


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201
