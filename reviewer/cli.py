"""`kilo-review`: one entry point, each command importing only what it needs."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130

# Command -> (module with `add_arguments` and `main`, one line of help).
# Modules are named, not imported: `--help` must answer at once.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "local": ("reviewer.local.command", "review the changes of the repository that you stand in"),
    "explain": ("reviewer.local.explain", "show what would be sent where, to whom, why and at which price"),
    "hook": ("reviewer.local.hook", "install, remove or show the git pre-push hook"),
    "models": (
        "reviewer.models.command",
        "list the models that can be used now, with prices, and why the rest cannot",
    ),
    "ledger": ("reviewer.ledger.command", "show spend, prepaid credit and bills that nobody saw"),
    "demo": ("reviewer.demo.command", "open a pull request on a simulated GitHub and review it, for real"),
    "serve": ("reviewer.processes.serve", "run web, worker and clock in one command"),
    "web": ("reviewer.processes.command", "run the web process only"),
    "worker": ("reviewer.processes.command", "run a worker only"),
    "clock": ("reviewer.processes.command", "run the clock only: re-queues, redeliveries, expired leases"),
    "setup": ("webhooks.setup_command", "create the GitHub App from its manifest and write its settings"),
    "migrate": ("reviewer.processes.command", "bring the ledger's tables up to date"),
}

EPILOG: Final = """\
exit status: 0 done · 1 findings at or above --fail-on · 2 wrong use or configuration
             3 could not be completed · 4 stopped by a spending limit · 130 interrupted

Settings come from the environment: see docs/settings.md.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status follows the table in the help text."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    return _guarded(lambda: _dispatch(arguments))


def uncommitted(argv: Sequence[str] | None = None) -> int:
    """`kilo-review-uncommitted`: the short name of `kilo-review local`."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    return _guarded(lambda: _run("local", arguments, program="kilo-review-uncommitted"))


def _dispatch(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="kilo-review",
        description="Reviews changes with any model, a predictable bill and comments that hold.",
        epilog=_commands_text() + "\n" + EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    parser.add_argument("command", nargs="?", choices=COMMANDS, metavar="COMMAND")
    # Only what stands before the command is ours: the rest belongs to it, `--help` included.
    cut = next((n for n, word in enumerate(arguments) if not word.startswith("-")), len(arguments))
    options = parser.parse_args(arguments[: cut + 1])
    if options.version:
        from importlib.metadata import version

        print(f"kilo-review {version('kilo-review')}")  # noqa: T201
        return 0
    if options.command is None:
        parser.print_help()
        return EXIT_USAGE if arguments else 0
    return _run(options.command, arguments[cut + 1 :], program=f"kilo-review {options.command}")


def _run(command: str, arguments: list[str], *, program: str) -> int:
    from importlib import import_module

    name, summary = COMMANDS[command]
    module = import_module(name)
    parser = argparse.ArgumentParser(
        prog=program,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    options = parser.parse_args(arguments)
    options.command = command
    status: int = module.main(options)
    return status


def _guarded(run: Callable[[], int]) -> int:
    """Turn what is expected to go wrong into a sentence and a status; a real bug keeps its traceback."""
    # Not imported at the top: argparse errors and --help need neither.
    from reviewer.errors import KiloReviewError

    try:
        return run()
    except KiloReviewError as error:
        print(f"kilo-review: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    except KeyboardInterrupt:
        print("kilo-review: interrupted", file=sys.stderr)  # noqa: T201
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader has left (`| head`): no more output, no traceback at exit either.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _commands_text() -> str:
    rows = (f"  {name:<9} {summary}" for name, (_module, summary) in COMMANDS.items())
    return "\n".join(("commands:", *rows, "", "`kilo-review COMMAND --help` says more.", ""))


def run() -> NoReturn:
    """Entry point of `python -m reviewer`."""
    sys.exit(main())
