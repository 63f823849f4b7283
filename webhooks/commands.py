"""Commands: what a comment asks for, in the words `/kilo VERB …`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from policies.words import Strategy
from reviewer.jobs.correction import USAGE, Problem
from reviewer.jobs.payload import COMMANDS, Work
from reviewer.steps.only_paths import OnlyPathsInvalid, check_only_paths
from reviewer.text.invisible import without_hidden

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# How far a comment is read for a command, in characters (GitHub allows 65,536). Reading Markdown costs more than
# linear time on hostile text; this much costs 60 ms at worst.
LONGEST_COMMENT: Final = 16_384

_WORTH_PARSING = re.compile(r"^ {0,3}/kilo(?=\s|$)", re.MULTILINE | re.IGNORECASE)
_EMPHASIS: Final = ("em_open", "em_close", "strong_open", "strong_close")
_DASH = re.compile(r"^[\u2013\u2014]")
_USAGE: Final = " or ".join(USAGE)
_PROBLEMS: Final = {"--strategy": Problem.STRATEGY, "--model": Problem.MODEL}
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")


# Verbs that words may follow, and that are no options.
_WITH_WORDS: Final = (Work.EXPLAIN, Work.DISMISS, Work.FIX)
# How much of a reason is kept, in characters.
LONGEST_ARGUMENT: Final = 300


@dataclass(frozen=True, slots=True)
class ReviewCommand:
    """A parsed command. `model` is "" and `strategy` None where policy decides. `argument` follows the verb.

    `paths` are the files, folders and globs that a review is kept to, none for the whole change.
    """

    verb: Work
    strategy: Strategy | None = None
    model: str = ""
    full: bool = False
    argument: str = ""
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CommandInvalid:
    """A comment that addresses us and asks for something that does not exist; `reason` names the usage."""

    reason: str
    problem: Problem = Problem.COMMAND


def parse_command(text: str) -> ReviewCommand | CommandInvalid | None:
    """Return the first command of a comment, None where it holds none.

    A command is a line of its own that starts with `/kilo`, in any case, in the comment's own text: not in a
    quotation, a list, a code block, inline code or an HTML comment, as CommonMark reads them. A dash that a
    keyboard made of two hyphens stands for them.
    """
    text = text[:LONGEST_COMMENT]
    if not _WORTH_PARSING.search(text):
        return None
    for line in _own_lines(text):
        words = line.split()
        if words and words[0].lower() == "/kilo":
            # What is pasted brings zero-width characters along; the command is what its writer sees.
            return _read(without_hidden(line).split()[1:])
    return None


def _read(words: list[str]) -> ReviewCommand | CommandInvalid:
    if not words or words[0].lower() not in COMMANDS:
        return CommandInvalid(f"unknown command; use {_USAGE}")
    verb = Work(words[0].lower())
    if verb in _WITH_WORDS:
        return ReviewCommand(verb=verb, argument=" ".join(words[1:])[:LONGEST_ARGUMENT])
    if verb not in (Work.REVIEW, Work.ESTIMATE):
        if words[1:]:
            return CommandInvalid(f"{verb} takes no further words; use {_USAGE}", Problem.WORDS)
        return ReviewCommand(verb=verb)
    return _options(verb, words[1:])


def _options(verb: Work, words: list[str]) -> ReviewCommand | CommandInvalid:
    strategy: Strategy | None = None
    model = ""
    full = False
    paths: list[str] = []
    rest = [part for word in words for part in _parts(word)]
    while rest:
        option = rest.pop(0)
        if option == "--full" and verb is Work.REVIEW:
            full = True
            continue
        if not option.startswith("-") and verb is Work.REVIEW:
            paths.append(option)
            continue
        value = rest.pop(0) if rest else ""
        if option == "--strategy" and value.lower() in set(Strategy):
            strategy = Strategy(value.lower())
        elif option == "--model" and _MODEL.fullmatch(value):
            model = value
        else:
            reason = f"cannot use {option[:40]!r} with {value[:40]!r}; use {_USAGE}"
            return CommandInvalid(reason, _PROBLEMS.get(option, Problem.OPTION))
    try:
        only = check_only_paths(paths)
    except OnlyPathsInvalid as error:
        return CommandInvalid(f"{error}; use {_USAGE}", Problem.PATH)
    return ReviewCommand(verb=verb, strategy=strategy, model=model, full=full, paths=only)


def _parts(word: str) -> list[str]:
    """Split `--option=value`; a path keeps its characters."""
    word = _DASH.sub("--", word)
    return word.split("=", 1) if word.startswith("--") else [word]


def _own_lines(text: str) -> list[str]:
    lines: list[str] = []
    tokens = _markdown().parse(text)
    for opening, token in pairwise(tokens):
        if opening.type == "paragraph_open" and token.level == 1:
            lines.extend(_plain_lines(token.children or []))
    return lines


def _plain_lines(children: list[Token]) -> list[str]:
    """Return the lines of a paragraph that are nothing but text.

    Behind `/kilo` the marks of emphasis and inline code are text too: `src/*.py`, `shop/__init__.py`.
    """
    lines: list[str] = []
    current: list[str] | None = []
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            if current:
                lines.append("".join(current))
            current = []
        elif current is None:
            continue
        elif child.type == "text" or (child.type == "code_inline" and _is_command(current)):
            current.append(child.content)
        elif child.type in _EMPHASIS and _is_command(current):
            current.append(child.markup)
        else:
            current = None
    if current:
        lines.append("".join(current))
    return lines


def _is_command(parts: list[str]) -> bool:
    return bool(_WORTH_PARSING.match("".join(parts)))


@cache
def _markdown() -> MarkdownIt:
    # Imported here: 60 ms that only a comment with a command in it has to wait for.
    from markdown_it import MarkdownIt  # noqa: PLC0415

    return MarkdownIt("commonmark")
