"""`kilo-review web`: the web process, for hosts that start processes themselves."""

from __future__ import annotations

import argparse

from reviewer.processes import child


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a supervised child needs: the environment says everything else."""
    child.add_arguments(parser)


def main(options: argparse.Namespace) -> int:
    """Serve deliveries until SIGTERM."""
    from webhooks.server import main_web  # noqa: PLC0415 - `--help` needs none of it

    return child.run_process(options, main_web)
