"""`kilo-review demo`: its arguments, and what runs it."""

from __future__ import annotations

import argparse
from typing import Final

TIMEOUT_SECONDS: Final = 600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `kilo-review demo`."""
    parser.description = (
        "Starts the whole product on this machine against a simulated GitHub: web, worker, clock, an embedded "
        "Redis and SQLite. Opens a pull request, sends its signed webhook, waits, and prints the review. The "
        "answers about its own sample are recorded: a model gave them once, and they cost nothing now. With "
        "--live or --repo a model that is configured is asked instead."
    )
    parser.add_argument("--repo", metavar="DIR", help="review a change of this git repository (it is only read)")
    parser.add_argument("--base", metavar="REV", help="with --repo: the commit or branch to merge into")
    parser.add_argument("--head", metavar="REV", default="HEAD", help="with --repo: the change (default: HEAD)")
    parser.add_argument("--keep", action="store_true", help="leave the page and the processes up until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_seconds,
        default=TIMEOUT_SECONDS,
        help="how long to wait for the review (default: %(default)s)",
    )
    source = parser.add_mutually_exclusive_group()
    for name, text in (
        ("live", "ask the model that is configured (a key or an address), else a local server"),
        ("local", "ask a small model on this machine (requirements/model.lock, about 130 MB): a toy"),
    ):
        source.add_argument(f"--{name}", dest="source", action="store_const", const=name, help=text)
    source.add_argument(
        "--no-model",
        dest="source",
        action="store_const",
        const="none",
        help="analysers only, whatever is configured",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def main(options: argparse.Namespace) -> int:
    """Run the demo."""
    # Imported here: `--help` needs none of it.
    from reviewer.demo.run import run_demo  # noqa: PLC0415

    return run_demo(options)
