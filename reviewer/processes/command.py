"""`kilo-review worker`, `clock`, `migrate`: one process each, for hosts that start processes themselves."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from reviewer.processes import child
from reviewer.processes.logs import printer
from reviewer.processes.start import check_app, check_key
from reviewer.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a supervised child needs: the environment says everything else."""
    child.add_arguments(parser)


def main(options: argparse.Namespace) -> int:
    """Run the process that the command names, until SIGTERM."""
    if options.command == "worker" and not options.parent:
        return child.run_process(options, lambda settings: _workers(settings, options.program))
    return child.run_process(options, {"worker": _worker, "clock": _clock, "migrate": _migrate}[options.command])


def _worker(settings: Settings) -> int:
    from reviewer.processes.worker import main_worker  # noqa: PLC0415 - each process loads only its own

    check_app(settings)
    return main_worker(settings)


def _workers(settings: Settings, program: Sequence[str]) -> int:
    """Supervise as many workers as the settings say: the reviews of one that dies are taken up at once."""
    from reviewer.processes.serve import WORKER, Supervisor  # noqa: PLC0415 - as above
    from reviewer.queue.address import queue_url  # noqa: PLC0415 - as above

    check_app(settings)
    queue_url(settings)
    return Supervisor(settings, program, (WORKER,), say=printer(settings, WORKER)).run()


def _clock(settings: Settings) -> int:
    from reviewer.processes.scheduler import main_clock  # noqa: PLC0415 - as above

    check_key(settings)
    return main_clock(settings)


def _migrate(settings: Settings) -> int:
    from reviewer.ledger.ledger import Ledger  # noqa: PLC0415 - as above

    ledger = Ledger.open(settings.database_url)
    try:
        version = ledger.migrate()
    finally:
        ledger.close()
    printer(settings, "migrate")(f"kilo-review: the ledger is at version {version}")
    return 0
