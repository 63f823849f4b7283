"""Context as a prompt shows it: where a snippet is from and why it is there, said once and short."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from reviewer.context.model import ContextItem, ContextKind
from reviewer.prompts.fence import fenced, reveal
from reviewer.prompts.redact import redact


def context_texts(items: Sequence[ContextItem], *, paths: Iterable[str] = ()) -> tuple[list[str], int]:
    """Return the snippets as a prompt shows them, and how many secrets were taken out of them.

    `paths` are the files of the diff: a reason names them by their last part. Snippets that overlap become one.
    """
    short = _short_names(paths)
    parts, redacted = [], 0
    for item in joined(items):
        text, found = redact(reveal(item.text))
        redacted += found
        if item.kind is ContextKind.GUIDELINE:
            guide = fenced("guidelines", f"{item.path}\n{text}")
            parts.append(f"Review guidelines of the project:\n{guide}")
        else:
            parts.append(fenced("context", f"{_heading(item, short)}\n{text}".rstrip("\n")))
    return parts, redacted


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
    reasons = dict.fromkeys((one.reason, other.reason))
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


def _heading(item: ContextItem, short: dict[str, str]) -> str:
    reason = item.reason.replace(f" {item.path}:", " line ") if item.path else item.reason
    for path, name in short.items():
        reason = reason.replace(path, name)
    if not item.path:
        return reason
    lines = f"{item.start_line}-{item.end_line}" if item.end_line > item.start_line else f"{item.start_line}"
    return f"{item.path}:{lines} {reason}" if item.start_line else f"{item.path} {reason}"
