"""Run a command of a table that is handed in, importing only what that command needs."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Final, NamedTuple

EXIT_USAGE: Final = 2
# Of sysexits.h: a fault of the program itself, so that it is told from findings and from wrong use.
EXIT_FAULT: Final = 70
EXIT_INTERRUPTED: Final = 130
EXIT_TERMINATED: Final = 143


class Command(NamedTuple):
    """One command: the module with its `add_arguments` and `main`, and one line of help."""

    module: str
    summary: str


Commands = Mapping[str, Command]

ISSUES: Final = "https://github.com/kilo-review/kilo-review/issues"
EPILOG: Final = """\
exit status: 0 done · 1 findings at or above --fail-on · 2 wrong use or configuration
             3 could not be completed · 4 stopped by a spending limit · 70 a fault of the program
             130 interrupted · 143 terminated

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
    """Turn what is expected to go wrong into a sentence and a status; a fault of ours keeps its traceback."""
    # Not imported at the top: argparse errors and --help need neither.
    from reviewer.errors import KiloReviewError

    _end_on_signals()
    try:
        return run()
    except KiloReviewError as error:
        print(f"kilo-review: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    except KeyboardInterrupt as interrupt:
        terminated = isinstance(interrupt, _Terminated)
        print(f"kilo-review: {'terminated' if terminated else 'interrupted'}", file=sys.stderr)  # noqa: T201
        return EXIT_TERMINATED if terminated else EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader has left (`| head`): no more output, no traceback at exit either.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:  # noqa: BLE001 - the last place to catch one: it must not look like findings
        import traceback

        traceback.print_exc()
        print(f"kilo-review: this is a fault of the program; please report it: {ISSUES}", file=sys.stderr)  # noqa: T201
        return EXIT_FAULT


class _Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP: ends the program like Ctrl-C, so that processes and temporary files go too."""


def _end_on_signals() -> None:
    def end(_number: int, _frame: FrameType | None) -> None:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # A handler of someone else stays, and so does `nohup`.
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, end)


def _commands_text(commands: Commands) -> str:
    rows = (f"  {name:<9} {command.summary}" for name, command in commands.items())
    return "\n".join(("commands:", *rows, "", "`kilo-review COMMAND --help` says more.", ""))
