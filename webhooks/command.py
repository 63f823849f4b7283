"""Command: `kilo-review web`, the web process only."""

from __future__ import annotations

import argparse

from reviewer.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: HOST, PORT and the rest come from the environment."""
    parser.description = "Take webhook deliveries until SIGTERM. HOST and PORT say where (127.0.0.1, 8080)."


def main(_options: argparse.Namespace) -> int:
    """Run `kilo-review web`."""
    # Imported here: `--help` needs neither Flask nor gunicorn.
    from webhooks.server import main_web  # noqa: PLC0415

    return main_web(Settings.from_environ())
