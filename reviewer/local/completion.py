"""Shell completion: a script for bash, zsh or fish that knows every command and option."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Final

SHELLS: Final = ("bash", "zsh", "fish")
# Options that stand before a command.
_OF_ALL: Final = ("help", "version")
_BASH: Final = """\
{function}() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" command="{alone}"
  [ -n "$command" ] || command="${{COMP_WORDS[1]}}"
  case "$command $before" in
{values}
  esac
  case "$command" in
{options}
  *) COMPREPLY=($(compgen -W "{commands}" -- "$word")) ;;
  esac
  [ ${{#COMPREPLY[@]}} -gt 0 ] || COMPREPLY=($(compgen -f -- "$word"))
}}
complete -F {function} {program}
"""


def script(shell: str, program: str, parsers: Mapping[str, argparse.ArgumentParser]) -> str:
    """Return the script of a shell; with one parser under "" the program has no commands."""
    if shell == "fish":
        return _fish(program, parsers)
    text = _bash(program, parsers)
    return f"autoload -U +X bashcompinit && bashcompinit\n{text}" if shell == "zsh" else text


def _options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return what can be written after a command, with the options of its own actions (`ledger spend --by`)."""
    found = [action for action in parser._actions if action.help is not argparse.SUPPRESS]
    for action in list(found):
        if isinstance(action, argparse._SubParsersAction):
            found += [more for one in dict.fromkeys(action.choices.values()) for more in _options(one)]
    # Actions have options in common, `--help` at the least: each is written once.
    return list({tuple(action.option_strings) or action.dest: action for action in found}.values())


def _words(action: argparse.Action) -> Sequence[str]:
    return [str(choice) for choice in action.choices or ()]


def _bash(program: str, parsers: Mapping[str, argparse.ArgumentParser]) -> str:
    values, options = [], []
    for name, parser in parsers.items():
        listed: list[str] = []
        for action in _options(parser):
            listed += action.option_strings or _words(action)
            if action.option_strings and _words(action):
                places = "|".join(f'"{name} {flag}"' for flag in action.option_strings)
                words = " ".join(_words(action))
                values.append(f'  {places}) COMPREPLY=($(compgen -W "{words}" -- "$word")); return ;;')
        options.append(f'  "{name}") COMPREPLY=($(compgen -W "{" ".join(listed)}" -- "$word")) ;;')
    alone = next(iter(parsers)) if len(parsers) == 1 else ""
    return _BASH.format(
        alone=alone,
        values="\n".join(values) or "  *) ;;",
        options="\n".join(options),
        commands=" ".join([*parsers, *(f"--{option}" for option in _OF_ALL)]),
        program=program,
        function=f"_{program.replace('-', '_')}",
    )


def _fish(program: str, parsers: Mapping[str, argparse.ArgumentParser]) -> str:
    lines = [f"complete -c {program} -e"]
    names = " ".join(parsers)
    if len(parsers) > 1:
        lines += [f"complete -c {program} -n 'not __fish_seen_subcommand_from {names}' -l {it}" for it in _OF_ALL]
    for name, parser in parsers.items():
        seen = ""
        if len(parsers) > 1:
            lines.append(f"complete -c {program} -f -n 'not __fish_seen_subcommand_from {names}' -a {name}")
            seen = f" -n '__fish_seen_subcommand_from {name}'"
        for action in _options(parser):
            flags = "".join(
                f" -l {flag[2:]}" if flag.startswith("--") else f" -s {flag[1:]}" for flag in action.option_strings
            )
            words = f" -x -a '{' '.join(_words(action))}'" if _words(action) else ""
            if flags or words:
                lines.append(f"complete -c {program}{seen}{flags}{words}")
    return "\n".join(lines) + "\n"
