"""Context as a prompt shows it: where a snippet is from and why it is there, said once and short."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from reviewer.context.model import ContextItem, ContextKind
from reviewer.context.snippets import LEAST_WORTH
from reviewer.context.tokens import count_tokens
from reviewer.prompts.fence import fenced, mark_of, reveal
from reviewer.prompts.redact import redact

# A mark of the usual price, four tokens; and what the fence around all snippets costs at most.
_USUAL_MARK: Final = "4ac90e"
_FENCE_TOKENS: Final = 20
_HEADING_CHARS: Final = 45
# Said after every name of this kind: in a prompt, whose instructions say what <context> is, it says nothing.
_EDITED: Final = ", which this change edits"


class AsPrompted:
    """The Tariff of snippets as a prompt shows them beside a diff of `paths`: fence, headings, short names."""

    frame: Final = _FENCE_TOKENS
    heading: Final = _HEADING_CHARS
    least: Final = LEAST_WORTH

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._paths = tuple(paths)
        self._short = _short_names(self._paths)

    def one(self, item: ContextItem) -> int:
        """Return about what an item adds: its heading and its text."""
        heading = _heading(replace(item, reason=_reason(item, self._short)))
        return count_tokens(f"### {_USUAL_MARK} {heading}\n{item.text}\n")

    def all(self, items: Sequence[ContextItem]) -> int:
        """Return how many tokens of a prompt these items are."""
        return count_tokens("\n\n".join(context_texts(items, paths=self._paths)[0]))


def context_texts(items: Sequence[ContextItem], *, paths: Iterable[str] = ()) -> tuple[list[str], int]:
    """Return the snippets as a prompt shows them, and how many secrets were taken out of them.

    `paths` are the files of the diff: a reason names them by their last part. Snippets that overlap become one.
    Code shares one fence, and each snippet's heading carries the fence's mark, so that none can forge another.
    Snippets of a file stand together, and the file is named once.
    """
    short = _short_names(paths)
    guides: list[str] = []
    snippets: list[tuple[str, str]] = []
    redacted = 0
    before = ""
    for item in _by_file(joined([replace(item, reason=_reason(item, short)) for item in items])):
        text, found = redact(reveal(item.text))
        redacted += found
        if item.kind is ContextKind.GUIDELINE:
            guide = fenced("guidelines", f"{item.path}\n{text}")
            guides.append(f"Review guidelines of the project:\n{guide}")
        else:
            snippets.append((_heading(item, same_file=bool(item.path) and item.path == before), text))
            before = item.path
    if not snippets:
        return guides, redacted
    mark = mark_of(*(part for snippet in snippets for part in snippet))
    body = "\n".join(f"### {mark} {heading}\n{text}".rstrip("\n") for heading, text in snippets)
    return [*guides, fenced("context", body, mark)], redacted


def short_reason(item: ContextItem, paths: Iterable[str] = ()) -> str:
    """Return why a snippet is there for a person: no path twice, those of the diff by their last part."""
    return _shortened(item, _short_names(paths))


def joined(items: Sequence[ContextItem]) -> list[ContextItem]:
    """Return the items with those that share lines of a file made one, at the place of the first.

    Only snippets that show every line of their span can be joined; one with lines left out stays as it is, and so
    does one that only touches another.
    """
    out: list[ContextItem] = []
    for item in items:
        for at, other in enumerate(out):
            union = _union(other, item)
            if union is not None:
                out[at] = union
                break
        else:
            out.append(item)
    return out


def _union(one: ContextItem, other: ContextItem) -> ContextItem | None:
    if one.path != other.path or not (_whole(one) and _whole(other)):
        return None
    if max(one.start_line, other.start_line) > min(one.end_line, other.end_line):
        return None
    first, last = sorted((one, other), key=lambda item: (item.start_line, item.end_line))
    above, below = first.text.split("\n"), last.text.split("\n")
    shared = above[last.start_line - first.start_line :]
    if below[: len(shared)] != shared[: len(below)]:
        return None  # the same lines of two commits
    text = "\n".join(above + below[len(shared) :])
    reasons = dict.fromkeys(reason for reason in (one.reason, other.reason) if reason)
    end = max(one.end_line, other.end_line)
    return replace(
        one,
        start_line=first.start_line,
        end_line=end,
        text=text,
        reason="; ".join(reasons),
        tokens=max(one.tokens, other.tokens),
    )


def _whole(item: ContextItem) -> bool:
    """Tell whether the text is every line of the span, so that lines can be counted off."""
    code = item.kind is not ContextKind.GUIDELINE and item.path and item.start_line > 0
    return bool(code) and item.text.count("\n") == item.end_line - item.start_line


def _short_names(paths: Iterable[str]) -> dict[str, str]:
    """Return the last part of each path where no other path of the diff ends the same."""
    known = list(dict.fromkeys(paths))
    names = [path.rpartition("/")[2] for path in known]
    return {path: name for path, name in zip(known, names, strict=True) if names.count(name) == 1 and path != name}


def _by_file(items: Sequence[ContextItem]) -> list[ContextItem]:
    """Return the items with those of a file together, at the place of its first; what has no place stays."""
    groups: dict[object, list[ContextItem]] = {}
    for number, item in enumerate(items):
        groups.setdefault(item.path if item.path and item.start_line else number, []).append(item)
    return [item for group in groups.values() for item in group]


def _heading(item: ContextItem, *, same_file: bool = False) -> str:
    """Return the one line that stands over a snippet; its reason is as a prompt says it."""
    lines = f"{item.start_line}-{item.end_line}" if item.end_line > item.start_line else f"{item.start_line}"
    path = "same file" if same_file and item.start_line else item.path
    where = f"{path}:{lines}" if item.path and item.start_line else path
    return reveal(" ".join(part for part in (where, item.reason) if part)).replace("\n", "\\n")


def _reason(item: ContextItem, short: dict[str, str]) -> str:
    """Return why an item is there in the fewest words; a definition shows itself what it defines."""
    if item.kind is ContextKind.DEFINITION:
        return ""
    return _shortened(item, short).replace(_EDITED, "")


def _shortened(item: ContextItem, short: dict[str, str]) -> str:
    reason = item.reason.replace(f" {item.path}:", " line ") if item.path else item.reason
    for path, name in short.items():
        reason = reason.replace(path, name)
    return reason
