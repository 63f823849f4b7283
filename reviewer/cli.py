"""Run a command of a table that is handed in, importing only what that command needs."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Final, NamedTuple, NoReturn

EXIT_USAGE: Final = 2
# Of sysexits.h: a fault of the program itself, so that it is told from findings and from wrong use.
EXIT_FAULT: Final = 70
EXIT_INTERRUPTED: Final = 130
EXIT_TERMINATED: Final = 143


# The commands of this module.
_OWN: Final = {
    "completion": "print a completion script for bash, zsh or fish",
    "help": "show this help, or that of a command",
}


class Command(NamedTuple):
    """One command: the module with its `add_arguments` and `main`, one line of help, the extra that it needs."""

    module: str
    summary: str
    needs: str = ""


Commands = Mapping[str, Command]

COMPLETION: Final = """\
to turn it on:
  bash   echo 'eval "$(kilo-review completion bash)"' >> ~/.bashrc
  zsh    echo 'eval "$(kilo-review completion zsh)"' >> ~/.zshrc   # after compinit
  fish   kilo-review completion fish > ~/.config/fish/completions/kilo-review.fish
"""
ISSUES: Final = "https://github.com/kilo-review/kilo-review/issues"
EPILOG: Final = """\
exit status: 0 done · 1 findings at or above --fail-on · 2 wrong use or configuration
             3 could not be completed · 4 stopped by a spending limit · 70 a fault of the program
             130 interrupted · 143 terminated

Settings come from the environment: see docs/reference/settings.md.
"""


def main(commands: Commands, argv: Sequence[str], *, program: Sequence[str]) -> int:
    """Run one command; the exit status follows the table in the help text.

    `program` is the command line that starts this program again; a command finds it as `options.program`.
    """
    return _guarded(lambda: _dispatch(commands, list(argv), program))


def run_one(commands: Commands, command: str, argv: Sequence[str], *, name: str, program: Sequence[str]) -> int:
    """Run one command under a script name of its own."""
    return _guarded(lambda: _run(commands, command, list(argv), name=name, program=program))


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, with the nearest right word."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong on one line and leave with EXIT_USAGE."""
        said = " ".join(message.split())
        self.exit(EXIT_USAGE, f"{self.prog}: {said}{self._nearest(said)}; see `{self.prog} --help`\n")

    def _nearest(self, said: str) -> str:
        import difflib

        # An option that is unknown stands at the end of argparse's sentence, a word that is no choice in quotes.
        match = re.search(r"unrecognized arguments: (-{1,2}[\w-]+)|invalid choice: '([^']*)'", said)
        if match is None:
            return ""
        known: list[str] = []
        for action in self._actions:
            known += action.option_strings if match[1] else [str(choice) for choice in action.choices or ()]
        near = difflib.get_close_matches(match[1] or match[2], known, n=1)
        return f"; did you mean {near[0]}?" if near else ""


def _dispatch(commands: Commands, arguments: list[str], program: Sequence[str]) -> int:
    parser = _Parser(
        prog="kilo-review",
        description="Reviews changes with any model, a predictable bill and comments that hold.",
        epilog=_commands_text(commands) + "\n" + EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_version(parser)
    parser.add_argument("command", nargs="?", choices=[*commands, *_OWN], metavar="COMMAND")
    # Only what stands before the command is ours: the rest belongs to it, `--help` included.
    cut = next((n for n, word in enumerate(arguments) if not word.startswith("-")), len(arguments))
    options = parser.parse_args(arguments[: cut + 1])
    rest = arguments[cut + 1 :]
    if options.command == "completion":
        return _completion(commands, rest)
    if options.command == "help" and rest and rest[0] in commands:
        return _run(commands, rest[0], ["--help"], name=f"kilo-review {rest[0]}", program=program)
    if options.command == "help" and rest:
        parser.parse_args(rest[:1])
    if options.command in (None, "help"):
        parser.print_help()
        return EXIT_USAGE if arguments and options.command is None else 0
    return _run(commands, options.command, rest, name=f"kilo-review {options.command}", program=program)


def _run(commands: Commands, command: str, arguments: list[str], *, name: str, program: Sequence[str]) -> int:
    from importlib import import_module

    from reviewer.extras import missing_extra, require_extra

    try:
        parser = _parser_of(commands, command, name)
        if arguments[:1] == ["help"]:
            arguments = ["--help"]
        options = parser.parse_args(arguments)
        options.command = command
        options.program = tuple(program)
        require_extra(name, commands[command].needs)
        status: int = import_module(commands[command].module).main(options)
    except ModuleNotFoundError as error:
        missing = missing_extra(name, error)
        if missing is None:
            raise
        raise missing from None
    return status


def _parser_of(commands: Commands, command: str, name: str) -> _Parser:
    from importlib import import_module

    path, summary, _ = commands[command]
    module = import_module(path)
    examples = "".join(f"  {line}\n" for line in getattr(module, "EXAMPLES", ()))
    parser = _Parser(
        prog=name,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=(f"examples:\n{examples}\n" if examples else "") + EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    _add_version(parser)
    return parser


def _add_version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-V", "--version", action=_Version, nargs=0, help="print the version and leave")


class _Version(argparse.Action):
    """Prints the version; it is looked up only then."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        _namespace: argparse.Namespace,
        _values: object,
        _option: str | None = None,
    ) -> None:
        from importlib.metadata import version

        print(f"kilo-review {version('kilo-review')}")  # noqa: T201
        parser.exit()


def _completion(commands: Commands, arguments: list[str]) -> int:
    from reviewer.local.completion import SHELLS, script

    parser = _Parser(
        prog="kilo-review completion",
        description="Print a completion script for your shell.",
        epilog=COMPLETION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=SHELLS)
    shell = parser.parse_args(arguments).shell
    parsers: dict[str, argparse.ArgumentParser] = {}
    for name in commands:
        # What this installation cannot run is not completed.
        with contextlib.suppress(ModuleNotFoundError):
            parsers[name] = _parser_of(commands, name, name)
    of_help = argparse.ArgumentParser(add_help=False)
    of_help.add_argument("name", choices=[*parsers, *_OWN])
    own = {"completion": parser, "help": of_help}
    sys.stdout.write(script(shell, "kilo-review", parsers | own))
    if "local" in parsers:
        sys.stdout.write(script(shell, "kilo-review-uncommitted", {"local": parsers["local"]}))
    return 0


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

        print(_without_secrets(traceback.format_exc()), file=sys.stderr)  # noqa: T201
        print(f"kilo-review: this is a fault of the program; please report it: {ISSUES}", file=sys.stderr)  # noqa: T201
        return EXIT_FAULT


def _without_secrets(trace: str) -> str:
    """Return a traceback without the secrets of the settings: a library may quote whatever it was given."""
    from reviewer.errors import ConfigurationError
    from reviewer.publish.redact_own_secrets import OwnSecrets
    from reviewer.settings import Settings

    try:
        return OwnSecrets(Settings.from_environ().secrets()).in_json(trace).rstrip()
    except ConfigurationError:
        # Nothing read them, so nothing can quote them.
        return trace.rstrip()


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
    summaries = {name: command.summary for name, command in commands.items()} | _OWN
    rows = (f"  {name:<10} {summary}" for name, summary in summaries.items())
    return "\n".join(("commands:", *rows, "", "`kilo-review help COMMAND` says more.", ""))
