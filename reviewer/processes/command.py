"""`kilo-review web`, `worker`, `clock`, `migrate`: one process each, for hosts that start processes themselves."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from reviewer.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the environment says it all."""


def main(options: argparse.Namespace) -> int:
    """Run the role that the command names, until SIGTERM."""
    settings = Settings.from_environ()
    if options.command == "migrate":
        return _migrate(settings)
    from reviewer.processes.serve import ROLES  # noqa: PLC0415 - a migration needs none of it

    module, function = ROLES[options.command]
    status: int = getattr(import_module(module), function)(settings)
    return status


def _migrate(settings: Settings) -> int:
    from reviewer.ledger.ledger import Ledger  # noqa: PLC0415 - loads the database library

    ledger = Ledger.open(settings.database_url)
    try:
        version = ledger.migrate()
    finally:
        ledger.close()
    sys.stderr.write(f"kilo-review: the ledger is at version {version}\n")
    return 0
