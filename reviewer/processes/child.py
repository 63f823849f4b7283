"""Run one process of the service: on its own, or as a child of `kilo-review serve`, with which it ends."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from reviewer.errors import KiloReviewError
from reviewer.processes.logs import printer
from reviewer.queue.supervised_command import die_with_parent
from reviewer.settings import Settings

# The option by which `serve` tells a child who its parent is; no person needs it.
PARENT_OPTION: Final = "--parent"
# Of sysexits.h, as the command line has it: a fault of the program itself.
EXIT_FAULT: Final = 70


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the hidden option of a supervised child: the environment says everything else."""
    parser.add_argument(PARENT_OPTION, type=int, default=0, help=argparse.SUPPRESS)


def run_process(options: argparse.Namespace, run: Callable[[Settings], int]) -> int:
    """Call `run` with the settings of the environment and return its exit status.

    A child ends when its parent does, and prints an error with the time and its own name in front. Where logs are
    JSON, so is the error that ends the process.
    """
    if options.parent:
        die_with_parent()
        if os.getppid() != options.parent:
            # The parent ended before we could ask to be told.
            return 0
    settings: Settings | None = None
    try:
        settings = Settings.from_environ()
        return run(settings)
    except KeyboardInterrupt:
        if not options.parent:
            raise
        return 0
    except Exception as error:
        if settings is not None and settings.log_format == "json":
            expected = isinstance(error, KiloReviewError)
            printer(settings, options.command)(str(error) if expected else traceback.format_exc())
            return error.exit_code if isinstance(error, KiloReviewError) else EXIT_FAULT
        if options.parent and isinstance(error, KiloReviewError):
            print(f"{datetime.now(UTC):%H:%M:%S} {options.command}: {error}", file=sys.stderr, flush=True)  # noqa: T201
            return error.exit_code
        raise
