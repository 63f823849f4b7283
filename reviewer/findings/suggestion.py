"""A suggested replacement of lines: put into the shape that applies, or refused with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from policies.words import Check
from reviewer.change.anchor import Anchors
from reviewer.change.lines import replace_lines, split_lines
from reviewer.change.model import Anchor, Side
from reviewer.findings.indent import in_files_indent, indents
from reviewer.findings.overlap import Neighbours, trimmed
from reviewer.findings.syntax import is_judged, is_prose, still_parses
from reviewer.git.snapshot import Snapshot

_FENCED: Final = re.compile(r"\s*```[\w+-]*\n(.*?)\n?```\s*", re.DOTALL)
_NUMBERED: Final = re.compile(r"\s*+(\d+)(?: ?[|:])? ?")
# "# ... rest unchanged ...": the model left code out that committing would delete.
_LEFT_OUT: Final = re.compile(
    r"^\s*(?:(?:#|//|/\*|<!--|--|;|\{/\*)\s*(?:\.{3}|…)|(?:\.{3}|…)\s*\(?(?:existing|rest|remaining|unchanged|same)\b"
    r"|(?:#|//|/\*|<!--|--|;)\s*\(?(?:existing|rest of|remaining|unchanged)\b)",
    re.IGNORECASE,
)
_SENTENCE: Final = re.compile(r"^\s*[A-Z][a-z]+(?: [A-Za-z'’`,-]+){3,}[.!]?\s*$")


@dataclass(frozen=True, slots=True)
class Judged:
    """The suggestion as it will be published, None where it must not be; then `check` and `detail` say why."""

    text: str | None
    check: Check | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Place:
    """The lines to replace, in their file; `source` is None where only the diff is known."""

    path: str
    first: int
    last: int
    old: Sequence[str]
    around: Neighbours = field(default_factory=Neighbours)
    source: bytes | None = None

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.path).suffix.lower()


def judge_suggestion(text: str, anchor: Anchor, anchors: Anchors, head: Snapshot | None) -> Judged:
    """Judge a replacement of the anchored lines against the head commit (`head` None: against the diff alone)."""
    if anchor.side is Side.LEFT:
        return _refused("lines that the change removes cannot be replaced")
    first, last = anchor.start_line or anchor.line, anchor.line
    shown = [anchors.line_at(anchor.path, number) for number in range(first, last + 1)]
    old = [line.text for line in shown if line is not None]
    if len(old) != len(shown):
        return _refused("the lines to replace are not all in the diff")
    source = head.read(anchor.path) if head is not None else None
    if source is not None:
        return judge_replacement(text, anchor.path, (first, last), source, expected=old)
    above, below = anchors.line_at(anchor.path, first - 1), anchors.line_at(anchor.path, last + 1)
    around = Neighbours((above.text,) if above else (), (below.text,) if below else ())
    return _judge(text, _Place(anchor.path, first, last, old, around))


def judge_replacement(
    text: str, path: str, lines: tuple[int, int], source: bytes, *, expected: Sequence[str] | None = None
) -> Judged:
    """Judge a replacement of the lines `lines` (1-based, inclusive) of a file, a model's or an analyser's.

    `expected` is what these lines are believed to be, None for whatever they are.
    """
    first, last = lines
    there = split_lines(source.decode("utf-8", "replace"))
    old = there[first - 1 : last]
    if len(old) != last - first + 1 or (
        expected is not None and old != [line.removesuffix("\r") for line in expected]
    ):
        return _refused("the lines at the head commit are not those of the diff")
    around = Neighbours(tuple(there[: first - 1]), tuple(there[last:]))
    return _judge(text, _Place(path, first, last, old, around, source))


def _judge(text: str, place: _Place) -> Judged:
    """Return the first shape of the suggestion that can be published, else why the first one cannot."""
    new = _as_code(text, place)
    if problem := _unfit(new, place):
        return _refused(problem)
    verdict: Judged | None = None
    for shape in _shapes(new, place):
        judged = _judge_shape(shape, place)
        if judged.text is not None:
            return judged
        verdict = verdict or judged
    return verdict or _refused("it replaces the lines with themselves")


def _unfit(new: Sequence[str], place: _Place) -> str:
    """Say why no shape of the lines can be published, "" where one may."""
    if not any(line.strip() for line in new):
        return "it holds nothing but blanks"
    fresh = [line for line in new if line not in place.old]
    if any(_LEFT_OUT.search(line) for line in fresh):
        return "it leaves code out behind a placeholder"
    code = not is_prose(place.path) and not all(map(_SENTENCE.match, place.old))
    if code and all(_SENTENCE.match(line) for line in new if line.strip()):
        return "it is a sentence, not code"
    return ""


def _judge_shape(new: Sequence[str], place: _Place) -> Judged:
    if _same(new, place.old):
        return _refused("it replaces the lines with themselves")
    text = "\n".join(new)
    if place.source is None:
        return Judged(text)
    after = replace_lines(place.source, place.first, place.last, text)
    if still_parses(place.path, place.source, after):
        return Judged(text)
    what = "no longer parses" if is_judged(place.path) else "has brackets that no longer balance"
    return Judged(None, Check.SUGGESTION_PARSES, f"{place.path} {what} with the suggestion in it")


def _shapes(new: Sequence[str], place: _Place) -> Iterator[list[str]]:
    """Return the shapes in which the suggestion may be meant, the likeliest first."""
    for lines in indents(in_files_indent(new, place.old, place.around), place.old):
        for shape in trimmed(lines, place.old, place.around):
            if shape:
                yield shape


def _same(new: Sequence[str], old: Sequence[str]) -> bool:
    return [line.rstrip() for line in new] == [line.rstrip() for line in old]


def _refused(detail: str) -> Judged:
    return Judged(None, Check.SUGGESTION_APPLIES, f"the suggestion is left out: {detail}")


def _as_code(text: str, place: _Place) -> list[str]:
    """Return the lines without what models put around code: a fence, diff markers, line numbers."""
    fence = _FENCED.fullmatch(text) if place.suffix not in (".md", ".markdown") else None
    lines = split_lines(fence[1] if fence else text) or [""]
    return _unnumbered(_unmarked(lines, place.old), place)


def _unmarked(new: list[str], old: Sequence[str]) -> list[str]:
    """Return the lines without diff markers, where every line has one and the code itself does not start so.

    Lines with a minus are left out where they are those that are replaced.
    """
    if any(line[:1] in ("+", "-") for line in old):
        return new
    marked = [line[:1] for line in new if line]
    if not marked or any(mark not in ("+", "-", " ") for mark in marked) or "+" not in marked:
        return new
    removed = [line[1:] for line in new if line[:1] == "-"]
    if any(line.strip() not in [one.strip() for one in old] for line in removed):
        return new
    if " " in marked and not removed:
        return new
    return [line[1:] for line in new if line[:1] != "-"]


def _unnumbered(new: list[str], place: _Place) -> list[str]:
    """Return the lines without the numbers that stand before them in the prompt, where all have theirs."""
    found = [_NUMBERED.match(line) for line in new]
    numbered = [match for match in found if match is not None]
    if [int(match[1]) for match in numbered] != list(range(place.first, place.first + len(new))):
        return new
    return [match.string[match.end() :] for match in numbered]
