"""A suggested replacement of lines: put into the shape that applies, or refused with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policies.words import Check
from reviewer.change.anchor import Anchors, squeeze
from reviewer.change.model import Anchor, Side
from reviewer.findings.syntax import still_parses
from reviewer.git.snapshot import Snapshot

# A line of the surroundings this long that a suggestion says again would stand twice after applying it.
MIN_REPEAT = 8


@dataclass(frozen=True, slots=True)
class Judged:
    """The suggestion as it will be published, None where it must not be; then `check` and `detail` say why."""

    text: str | None
    check: Check | None = None
    detail: str = ""


def judge_suggestion(text: str, anchor: Anchor, anchors: Anchors, head: Snapshot | None) -> Judged:
    """Judge a replacement of the anchored lines against the head commit (`head` None: against the diff alone)."""
    if anchor.side is Side.LEFT:
        return _refused("lines that the change removes cannot be replaced")
    first, last = anchor.start_line or anchor.line, anchor.line
    shown = [anchors.line_at(anchor.path, number) for number in range(first, last + 1)]
    old = [line.text for line in shown if line is not None]
    if len(old) != len(shown):
        return _refused("the lines to replace are not all in the diff")
    new = _indented(_unmarked(text.removesuffix("\n").split("\n"), old), old)
    if [line.rstrip() for line in new] == [line.rstrip() for line in old]:
        return _refused("it replaces the lines with themselves")
    around = [anchors.line_at(anchor.path, first - 1), anchors.line_at(anchor.path, last + 1)]
    for edge, neighbour, name in ((new[0], around[0], "before"), (new[-1], around[1], "after")):
        said = squeeze(edge)
        if (
            neighbour
            and len(said) >= MIN_REPEAT
            and said == squeeze(neighbour.text)
            and said not in map(squeeze, old)
        ):
            return _refused(f"it repeats the line {name} those that it replaces")
    return _judge_in_file("\n".join(new), anchor, old, head)


def _judge_in_file(text: str, anchor: Anchor, old: Sequence[str], head: Snapshot | None) -> Judged:
    source = head.read(anchor.path) if head is not None else None
    if source is None:
        return Judged(text)
    lines = source.split(b"\n")
    first, last = (anchor.start_line or anchor.line) - 1, anchor.line
    there = [line.decode("utf-8", "replace").removesuffix("\r") for line in lines[first:last]]
    if there != list(old):
        return _refused("the lines at the head commit are not those of the diff")
    ending = b"\r" if lines[first].endswith(b"\r") else b""
    replacement = [line.encode("utf-8", "replace") + ending for line in text.split("\n")]
    after = b"\n".join([*lines[:first], *replacement, *lines[last:]])
    if not still_parses(anchor.path, source, after):
        return Judged(None, Check.SUGGESTION_PARSES, f"{anchor.path} no longer parses with the suggestion in it")
    return Judged(text)


def _refused(detail: str) -> Judged:
    return Judged(None, Check.SUGGESTION_APPLIES, f"the suggestion is left out: {detail}")


def _unmarked(new: list[str], old: Sequence[str]) -> list[str]:
    """Return the lines without diff markers, where every line has one and the code itself does not start so."""
    if all(line[:1] == "+" for line in new) and not any(line[:1] == "+" for line in old):
        return [line[1:] for line in new]
    return new


def _indented(new: list[str], old: Sequence[str]) -> list[str]:
    """Return the lines with the indent of the first old line, where the model left all of it out."""
    first = next((line for line in old if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip())]
    written = next((line for line in new if line.strip()), "")
    if not indent or not written or written[:1] in (" ", "\t"):
        return new
    return [f"{indent}{line}" if line.strip() else line for line in new]
