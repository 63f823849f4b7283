"""Look-ups: what a model asks to see before it answers, read-only, from the snapshot under review, within caps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from reviewer.context.model import ContextItem, ContextKind, Match, Snapshot
from reviewer.context.search import looks_like_definition
from reviewer.context.secret_paths import is_secret_path
from reviewer.context.snippets import Snippet, definition_snippets, lines_snippet
from reviewer.context.sources import Sources
from reviewer.context.symbols import Definition, Source
from reviewer.context.testpaths import is_test_path
from reviewer.context.tokens import count_tokens
from reviewer.errors import PathRefused
from reviewer.findings.parse import LookupRequest

# What one answer may show, and how many answers one unit may have.
ANSWER_TOKENS: Final = 1500
ANSWERS: Final = 6
SPAN_LINES: Final = 120
PLACES: Final = 24
DEFINITIONS: Final = 3
_NAME_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Counts:
    """How the look-ups of a unit ended."""

    asked: int = 0
    answered: int = 0
    empty: int = 0
    refused: int = 0


class LookUps:
    """Answers the look-ups of one unit: a definition, the references of a name, or lines of a file.

    A repeated question, one past the cap, and one about anything but the files of the commit are refused, in words
    that the model can read; every one is counted.
    """

    def __init__(
        self,
        head: Snapshot,
        *,
        most: int = ANSWERS,
        budget: int = ANSWER_TOKENS,
        count: Callable[[str], int] = count_tokens,
    ) -> None:
        self._sources = Sources(head)
        self._head = head
        self._most = most
        self._budget = budget
        self._count = count
        self._asked: set[tuple[object, ...]] = set()
        self._lock = threading.Lock()
        self.counts = Counts()

    def answer_all(self, requests: Sequence[LookupRequest]) -> tuple[ContextItem, ...]:
        """Return an item for every request, a refusal being an item whose reason begins with "refused"."""
        return tuple(self.answer(request) for request in requests)

    def answer(self, request: LookupRequest) -> ContextItem:
        """Return what is asked for; raises GitFailed where the repository cannot be read."""
        with self._lock:
            asked, answered, empty, refused = (
                self.counts.asked + 1,
                self.counts.answered,
                self.counts.empty,
                self.counts.refused,
            )
            try:
                item = self._answer(request)
                answered, empty = answered + bool(item.text), empty + (not item.text)
            except PathRefused as error:
                refused += 1
                item = self._item(request.path or "", None, f"refused: {error}", request.name)
            self.counts = Counts(asked, answered, empty, refused)
            return item

    def _answer(self, request: LookupRequest) -> ContextItem:
        key = (request.kind, request.name, request.path, request.start_line, request.end_line)
        if key in self._asked:
            raise PathRefused("this was already answered; use what you have", rule="repeated-lookup")
        if len(self._asked) >= self._most:
            raise PathRefused(f"{self._most} look-ups are all there are; answer now", rule="lookup-cap")
        self._asked.add(key)
        if request.kind == "file":
            return self._file(request)
        name = request.name.strip().split(".")[-1].split("::")[-1].removesuffix("()")[:_NAME_CHARS]
        if not name.replace("_", "a").replace("$", "a").isalnum():
            raise PathRefused(f"{request.name[:80]!r} is not a name", rule="lookup-name")
        matches = self._head.search_words([name])
        matches = [match for match in matches if not is_secret_path(match.path)]
        return (
            self._definition(name, matches, request)
            if request.kind == "definition"
            else self._places(name, matches)
        )

    def _file(self, request: LookupRequest) -> ContextItem:
        path = (request.path or request.name).strip()
        # Only a path of the tree is ever read; saying so beats an answer that looks like an empty file.
        if path not in self._head.entries():
            raise PathRefused(f"no file {path[:200]!r} in the commit under review", rule="outside-commit")
        if is_secret_path(path):
            raise PathRefused(f"{path[:200]} holds credentials by its name", rule="secret-path")
        source = self._sources.get(path)
        if source is None:
            raise PathRefused(f"{path[:200]} is binary or too large", rule="unreadable")
        first = max(1, request.start_line or 1)
        last = min(request.end_line or first + SPAN_LINES - 1, first + SPAN_LINES - 1)
        if first > len(source.lines):
            raise PathRefused(f"{path[:200]} has {len(source.lines)} lines", rule="outside-file")
        return self._item(path, self._fitted(lines_snippet(source, first, last)), "lines that were asked for", path)

    def _definition(self, name: str, matches: Sequence[Match], request: LookupRequest) -> ContextItem:
        paths = [request.path] if request.path else []
        paths += [match.path for match in matches if _defines(match)]
        paths += [match.path for match in matches]
        sources = self._sources.parsed(list(dict.fromkeys(paths))[:PLACES])
        found: list[tuple[Source, Definition]] = [
            (source, definition) for source in sources.values() for definition in source.by_name.get(name, ())
        ]
        if not found:
            return self._item("", None, f"no definition of `{name}` in the commit under review", name)
        found.sort(
            key=lambda item: (
                item[0].path != request.path,
                is_test_path(item[0].path),
                item[1].kind == "declaration",
                item[0].path,
                item[1].line,
            )
        )
        others = [f"{source.path}:{definition.line}" for source, definition in found[1 : 1 + DEFINITIONS]]
        note = f"; also at {', '.join(others)}" if others else ""
        source, definition = found[0]
        forms = definition_snippets(source, definition)
        fitting = [form for form in forms if self._count(form.text) <= self._budget]
        return self._item(
            source.path, fitting[-1] if fitting else self._fitted(forms[0]), f"definition of `{name}`{note}", name
        )

    def _places(self, name: str, matches: Sequence[Match]) -> ContextItem:
        if not matches:
            return self._item("", None, f"no reference to `{name}` in the commit under review", name)
        shown = [f"{match.path}:{match.line}: {match.text.strip()[:160]}" for match in matches[:PLACES]]
        left = len(matches) - len(shown)
        note = f", {left} more not shown" if left > 0 else ""
        text = self._fitted(Snippet(1, len(shown), "\n".join(shown), 1.0))
        return self._item("", text, f"references to `{name}`: {len(shown)}{note}", name)

    def _fitted(self, snippet: Snippet) -> Snippet:
        """Cut a snippet to the budget at a line end."""
        lines = snippet.text.split("\n")
        while len(lines) > 1 and self._count("\n".join(lines)) > self._budget:
            lines = lines[: max(1, len(lines) * 3 // 4)]
        text = "\n".join(lines)
        if text == snippet.text:
            return snippet
        return Snippet(snippet.start, snippet.start + len(lines) - 1, f"{text}\n… (cut)", snippet.worth)

    def _item(self, path: str, snippet: Snippet | None, reason: str, symbol: str) -> ContextItem:
        return ContextItem(
            path=path,
            start_line=snippet.start if snippet else 0,
            end_line=snippet.end if snippet else 0,
            text=snippet.text if snippet else "",
            kind=ContextKind.LOOKUP,
            reason=reason,
            tokens=self._count(snippet.text) if snippet else 0,
            symbol=symbol[:_NAME_CHARS],
        )


def _defines(match: Match) -> bool:
    line = match.text.encode("ascii", "replace")
    at = match.text.find(match.word)
    return at >= 0 and looks_like_definition(line, at, at + len(match.word))
