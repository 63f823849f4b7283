"""Run a command of a table that is handed in, importing only what that command needs."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130


class Command(NamedTuple):
    """One command: the module with its `add_arguments` and `main`, and one line of help."""

    module: str
    summary: str


Commands = Mapping[str, Command]

EPILOG: Final = """\
exit status: 0 done · 1 findings at or above --fail-on · 2 wrong use or configuration
             3 could not be completed · 4 stopped by a spending limit · 130 interrupted

Settings come from the environment: see docs/settings.md.
"""


def main(commands: Commands, argv: Sequence[str], *, program: Sequence[str]) -> int:
    """Run one command; the exit status follows the table in the help text.

    `program` is the command line that starts this program again; a command finds it as `options.program`.
    """
    return _guarded(lambda: _dispatch(commands, list(argv), program))


def run_one(commands: Commands, command: str, argv: Sequence[str], *, name: str, program: Sequence[str]) -> int:
    """Run one command under a script name of its own."""
    return _guarded(lambda: _run(commands, command, list(argv), name=name, program=program))


def _dispatch(commands: Commands, arguments: list[str], program: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="kilo-review",
        description="Reviews changes with any model, a predictable bill and comments that hold.",
        epilog=_commands_text(commands) + "\n" + EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    parser.add_argument("command", nargs="?", choices=commands, metavar="COMMAND")
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
    rest = arguments[cut + 1 :]
    return _run(commands, options.command, rest, name=f"kilo-review {options.command}", program=program)


def _run(commands: Commands, command: str, arguments: list[str], *, name: str, program: Sequence[str]) -> int:
    from importlib import import_module

    path, summary = commands[command]
    module = import_module(path)
    parser = argparse.ArgumentParser(
        prog=name,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    options = parser.parse_args(arguments)
    options.command = command
    options.program = tuple(program)
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


def _commands_text(commands: Commands) -> str:
    rows = (f"  {name:<9} {command.summary}" for name, command in commands.items())
    return "\n".join(("commands:", *rows, "", "`kilo-review COMMAND --help` says more.", ""))
