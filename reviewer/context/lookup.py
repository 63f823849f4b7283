"""Look-ups: what a model asks to see before it answers, read-only, from the snapshot under review, within caps."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from reviewer.context.lookup_request import LookupRequest
from reviewer.context.model import ContextItem, ContextKind, LookUpCounts
from reviewer.context.secret_paths import is_secret_path
from reviewer.context.snippets import Snippet, definition_snippets, lines_snippet
from reviewer.context.sources import Sources
from reviewer.context.tokens import count_tokens
from reviewer.errors import PathRefused
from reviewer.git.search import line_defines
from reviewer.git.snapshot import Match, Snapshot
from reviewer.syntax.languages import language_of
from reviewer.syntax.symbols import Definition, Source
from reviewer.syntax.test_paths import is_test_path

# What one answer may show, and how many answers one unit may have.
ANSWER_TOKENS: Final = 2000
ANSWERS: Final = 10
# The instructions say this number (reviewer/prompts/system.md).
SPAN_LINES: Final = 200
PLACES: Final = 24
# So many uses of a name are counted; what a list leaves out has to be said, or it proves what is not so.
REFERENCES: Final = 400
FILES_NAMED: Final = 6
# Lines that are shown on each side of a use, of so many uses at most, while the answer has room.
AROUND: Final = 5
USES_WITH_LINES: Final = 6
PLACE_CHARS: Final = 160
DEFINITIONS: Final = 3
_NAME_CHARS: Final = 200
_REFUSED: Final = "refused"
_IDENTIFIER: Final = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)
_PATH_CHARS: Final = 200


class LookUps:
    """Answers the look-ups of one unit: a definition, the references of a name, or lines of a file.

    A repeated question, one past the cap, and one about anything but the files of the commit are refused, in words
    that the model can read; every one is counted. What does not fit in an answer is named by its lines, so that
    they can be asked for.
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
        self.counts = LookUpCounts()

    def answer_all(self, requests: Sequence[LookupRequest]) -> tuple[ContextItem, ...]:
        """Return an item for every request, a refusal being an item whose reason begins with "refused"."""
        return tuple(self.answer(request) for request in requests)

    def answer(self, request: LookupRequest) -> ContextItem:
        """Return what is asked for; raises GitFailed where the repository cannot be read."""
        with self._lock:
            try:
                item = self._answer(request)
            except PathRefused as error:
                item = self._item("", None, f"{_REFUSED}: {error}", request.name)
            self.counts += counted((item,))
            return item

    def _answer(self, request: LookupRequest) -> ContextItem:
        if len(self._asked) >= self._most:
            raise PathRefused(f"{self._most} look-ups are all there are; answer now", rule="lookup-cap")
        if request.kind == "file":
            path = self._readable(request.path or request.name)
            first, last = _span(request)
            self._once("file", path, first, last)
            return self._file(path, first, last)
        name = request.name.strip().removesuffix("()").split(".")[-1].split("::")[-1][:_NAME_CHARS]
        plain = name.replace("_", "a").replace("$", "a").isalnum()
        inside = _inside(request.path)
        if request.kind != "definition":
            return self._references(name if plain else request.name.strip()[:_NAME_CHARS], inside)
        if not plain:
            raise PathRefused(f"{request.name[:80]!r} is not a name", rule="lookup-name")
        self._once(request.kind, name, inside)
        matches = [match for match in self._head.search_words([name]) if not is_secret_path(match.path)]
        return self._definition(name, matches, inside)

    def _once(self, *question: object) -> None:
        if question in self._asked:
            raise PathRefused("this was already answered; use what you have", rule="repeated-lookup")
        self._asked.add(question)

    def _readable(self, stated: str) -> str:
        """Return the path of the tree that is meant; only such a path is ever read."""
        shown = repr(stated[:_PATH_CHARS])
        entries = self._head.entries()
        path = next((path for path in _spellings(stated.strip()) if path in entries), None)
        if path is None:
            raise PathRefused(
                f"no file {shown} in the commit under review (folders, links and submodules are not read)",
                rule="outside-commit",
            )
        if is_secret_path(path):
            raise PathRefused(f"{shown} holds credentials by its name", rule="secret-path")
        return path

    def _file(self, path: str, first: int, last: int) -> ContextItem:
        source = self._sources.get(path)
        if source is None:
            raise PathRefused(f"{path[:_PATH_CHARS]!r} is binary or too large", rule="unreadable")
        whole = len(source.lines)
        if first > whole:
            raise PathRefused(f"{path[:_PATH_CHARS]!r} has {whole:,} lines", rule="outside-file")
        last = min(last, whole)
        asked = lines_snippet(source, first, min(last, first + SPAN_LINES - 1))
        reason = f"lines that were asked for, of {whole:,}"
        return self._item(path, self._fitted(asked, last), reason, path)

    def _definition(self, name: str, matches: Sequence[Match], inside: str) -> ContextItem:
        paths = list(self._named(inside))
        paths += [match.path for match in matches if _is_in(match.path, inside)]
        paths += [match.path for match in matches if line_defines(match.text, match.word)]
        paths += [match.path for match in matches]
        likely = list(dict.fromkeys(paths))
        sources = self._sources.parsed(likely[:PLACES])
        found: list[tuple[Source, Definition]] = [
            (source, definition) for source in sources.values() for definition in source.by_name.get(name, ())
        ]
        if not found:
            among = f" (the likeliest {PLACES} of {len(likely)} files were read)" if len(likely) > PLACES else ""
            searched = f"{len(self._head.entries()):,} files of the commit under review{among}"
            used = f"; it is used in {_named_files(Counter(likely))}" if likely else ""
            return self._item("", None, f"no definition of `{name}` found in: {searched}{used}", name)
        found.sort(
            key=lambda item: (
                not _is_in(item[0].path, inside),
                is_test_path(item[0].path),
                item[1].kind == "declaration",
                item[0].path,
                item[1].line,
            )
        )
        others = [f"{source.path}:{definition.line}" for source, definition in found[1 : 1 + DEFINITIONS]]
        more = len(found) - 1 - len(others)
        note = f"; also at {', '.join(others)}" if others else ""
        note += f" and {more} more" if more else ""
        source, definition = found[0]
        return self._item(source.path, self._whole(source, definition), f"definition of `{name}`{note}", name)

    def _named(self, path: str) -> tuple[str, ...]:
        return (path,) if path in self._head.entries() and not is_secret_path(path) else ()

    def _whole(self, source: Source, definition: Definition) -> Snippet:
        """Return all of a definition where it fits, the outline of a long class, else its first lines."""
        whole = lines_snippet(source, definition.start, definition.end)
        if self._count(whole.text) <= self._budget:
            return whole
        if definition.members:
            outline = definition_snippets(source, definition)[-1]
            if self._count(outline.text) <= self._budget:
                return outline
        return self._fitted(whole, definition.end)

    def _references(self, name: str, inside: str) -> ContextItem:
        """Return the places of a name, or of a short text that holds one: code first, then tests, then the rest."""
        words = _IDENTIFIER.findall(name)
        if not words or "\n" in name:
            raise PathRefused(f"{name[:80]!r} holds no name to look for", rule="lookup-name")
        self._once("references", name, inside)
        word = max(words, key=len)
        found = self._head.search_words([word], limit_per_word=REFERENCES, uses_per_file=REFERENCES)
        matches = [match for match in found if name in match.text and not is_secret_path(match.path)]
        within = [match for match in matches if _is_in(match.path, inside)] if inside else matches
        where = f"in {inside[:_PATH_CHARS]!r}" if inside else "in the commit under review"
        if not within:
            elsewhere = len({match.path for match in matches})
            note = f"; {elsewhere} other {'file has' if elsewhere == 1 else 'files have'} some" if elsewhere else ""
            everywhere = f"{len(self._head.entries()):,} files of the commit under review"
            place = repr(inside[:_PATH_CHARS]) if inside else everywhere
            return self._item("", None, f"no reference to `{name}` found in: {place}{note}", name)
        within.sort(key=lambda match: (language_of(match.path) is None, is_test_path(match.path)))
        rows = [f"{match.path}:{match.line}: {match.text.strip()[:PLACE_CHARS]}" for match in within]
        shown = self._most_lines(rows[:PLACES], lambda kept: "\n".join(rows[:kept]))
        count = f"all {shown}" if shown == len(rows) < REFERENCES else f"{shown} of {_how_many(len(rows))}"
        rest = Counter(match.path for match in within[shown:])
        note = f"; the rest in {_named_files(rest)}" if rest else ""
        text = Snippet(1, shown, "\n".join(rows[:shown]) + self._around(within[:shown], rows[:shown]), 1.0)
        item = self._item("", text, f"references to `{name}` {where}: {count}{note}", name)
        return replace(item, start_line=0, end_line=0)

    def _around(self, matches: Sequence[Match], listed: Sequence[str]) -> str:
        """Return the lines around the first uses, one a place, as many as have room beside the list of all."""
        shown, said = "", "\n".join(listed)
        seen: dict[str, list[int]] = {}
        sources = self._sources.many(dict.fromkeys(match.path for match in matches[:PLACES]))
        for match in matches:
            source = sources.get(match.path)
            near = any(abs(match.line - line) <= 2 * AROUND for line in seen.get(match.path, ()))
            if source is None or near:
                continue
            lines = lines_snippet(source, match.line - AROUND, match.line + AROUND)
            numbered = "\n".join(
                f"{number}  {text}" for number, text in enumerate(lines.text.split("\n"), lines.start)
            )
            more = f"\n\naround {match.path}:{match.line}\n{numbered}"
            if sum(map(len, seen.values())) >= USES_WITH_LINES or self._count(said + shown + more) > self._budget:
                break
            seen.setdefault(match.path, []).append(match.line)
            shown += more
        return shown

    def _fitted(self, snippet: Snippet, last: int) -> Snippet:
        """Cut a snippet to the budget at a line end; what is left of it up to line `last` is said in its stead."""
        lines = snippet.text.split("\n")

        def text(kept: int) -> str:
            end = snippet.start + kept - 1
            rest = f"\n… (lines {end + 1}-{last} are left out)" if end < last else ""
            return "\n".join(lines[:kept]) + rest

        kept = self._most_lines(lines, text)
        return Snippet(snippet.start, snippet.start + kept - 1, text(kept), snippet.worth)

    def _most_lines(self, lines: Sequence[str], text: Callable[[int], str]) -> int:
        """Return how many lines fit in the budget, one at least: no line is longer than a snippet's."""
        low, high = 1, len(lines)
        while low < high:
            middle = (low + high + 1) // 2
            if self._count(text(middle)) <= self._budget:
                low = middle
            else:
                high = middle - 1
        return low

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


def _how_many(many: int) -> str:
    return f"{many}" if many < REFERENCES else f"{REFERENCES} or more"


def _named_files(rest: Counter[str]) -> str:
    """Name the files that hold most of what is left out, with how many lines each."""
    most = [f"{path} ({many})" for path, many in rest.most_common(FILES_NAMED)]
    more = len(rest) - len(most)
    return ", ".join(most) + (f" and {more} more files" if more else "")


def counted(items: Iterable[ContextItem]) -> LookUpCounts:
    """Return how the look-ups that gave these items ended."""
    counts = LookUpCounts()
    for item in items:
        refused = item.reason.startswith(f"{_REFUSED}: ")
        counts += LookUpCounts(1, answered=bool(item.text), empty=not item.text and not refused, refused=refused)
    return counts


def _span(request: LookupRequest) -> tuple[int, int]:
    """Return the lines that are asked for, without an end as many as an answer shows."""
    first = max(1, request.start_line or 1)
    last = request.end_line if request.end_line is not None else first + SPAN_LINES - 1
    if last < first:
        raise PathRefused(f"lines {first} to {last} are none", rule="lookup-span")
    return first, last


def _spellings(stated: str) -> tuple[str, ...]:
    """Return how a path of the tree may have been written: as it is, from the root, or as a diff names it."""
    bare = stated.removeprefix("./")
    return (stated, bare, *(bare[2:] for mark in ("a/", "b/") if bare.startswith(mark)))


def _inside(path: str | None) -> str:
    return (path or "").strip().removeprefix("./").rstrip("/")


def _is_in(path: str, place: str) -> bool:
    return bool(place) and (path == place or path.startswith(f"{place}/"))
