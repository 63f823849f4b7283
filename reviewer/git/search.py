"""Search: whole words over a commit's tree in one `git grep`, and over byte strings in memory.

One alternation in one process, because for few words it was the fastest of what was measured: on a tree of 6,400
files (111 MB) fifty words take 0.47 s; as fifty fixed patterns 0.63 s; read through cat-file and searched by an
expression here 2.6 s. For hundreds of words there is the sweep.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Final

from reviewer.git.decode import path_of
from reviewer.git.git import run_git
from reviewer.git.limits import Limit, LimitsReached
from reviewer.git.searched_paths import EXCLUDED
from reviewer.git.snapshot import USES_PER_FILE, Match

OUTPUT_LIMIT: Final = 24 * 1024 * 1024
LINE_LIMIT: Final = 300
SCAN_LIMIT: Final = 2000
DEFINITIONS_PER_FILE: Final = 20
WORD_LIMIT: Final = 1500
TIMEOUT: Final = 20.0
# What git looks at to tell binary files from text.
BINARY_WITHIN: Final = 8000
# So few words of a file are looked for each by itself; with more of them it is read line by line.
FEW: Final = 12

_WORD: Final = re.compile(r"[A-Za-z_$][\w$]*\Z", re.ASCII)
_WORDS_IN_LINE: Final = re.compile(rb"[A-Za-z_$][\w$]*")
# All but the letters of words and line ends becomes a space: to split there is cheaper than an expression.
_SPACED: Final = bytes(
    code if code == 10 or bytes((code,)).isalnum() or code in b"_$" else 32 for code in range(256)
)
_GREP: Final = (*("grep", "--heading", "-z", "-n", "-I", "-w", "-E", "--no-color", "--full-name", "--no-textconv"),)


def searchable(words: Iterable[str], *, most: int = WORD_LIMIT) -> list[str]:
    """Keep the words that are identifiers, each once, at most `most`."""
    return [word for word in dict.fromkeys(words) if _WORD.match(word)][:most]


def search_tree(
    git_dir: Path,
    commit: str,
    words: Sequence[str],
    *,
    limit_per_word: int,
    uses_per_file: int = USES_PER_FILE,
    phrases: Mapping[str, Sequence[str]] = MappingProxyType({}),
    timeout: float = TIMEOUT,
    limits: LimitsReached | None = None,
) -> list[Match]:
    """Find whole words in every text file of a commit, in path order; output past OUTPUT_LIMIT bytes is cut off.

    Of the words that `phrases` names only the lines that fit one of its expressions are looked at. Raises GitFailed
    when git does, or takes longer than `timeout` seconds.
    """
    wanted, lone = searchable(words), searchable(phrases)
    if not wanted and not lone:
        return []
    fixed = (word.replace("$", r"\$") for word in sorted(wanted))
    pattern = "|".join([*fixed, *(phrase for word in lone for phrase in phrases[word])])
    collector = Collector(
        wanted,
        limit_per_word,
        uses_per_file=uses_per_file,
        skip=len(commit) + 1,
        phrases={word: phrases[word] for word in lone},
    )
    # Lines are judged while git still looks for more.
    run_git(
        [*_GREP, "-e", f"({pattern})", commit, "--", ":(top)", *EXCLUDED],
        git_dir=git_dir,
        allowed=(0, 1),
        limit=OUTPUT_LIMIT,
        cut=True,
        timeout=timeout,
        sink=collector.feed,
    )
    collector.end()
    if limits is not None and collector.size >= OUTPUT_LIMIT:
        limits.note(Limit.SEARCH_BYTES, OUTPUT_LIMIT, None)
    return collector.matches


class _Known:
    """How often a word was seen: uses and definitions, in all and in the file of that number."""

    __slots__ = ("defined", "defined_here", "file", "used", "used_here", "word")

    def __init__(self, word: str) -> None:
        self.word = word
        self.file = 0
        self.used = self.defined = self.used_here = self.defined_here = 0


class Collector:
    """Gathers matches: of a word at most `limit` lines that define something, and as many others, few of a file.

    It reads what `git grep --heading -z -n` writes, in pieces of any size: the path (after `skip` bytes) on a line
    of its own, then a line of number, NUL and text for each match. Or it is given whole files. A word's matches do
    not depend on the other words; of the words that `phrases` names only lines that fit a phrase count.
    """

    def __init__(
        self,
        words: Sequence[str],
        limit: int,
        *,
        uses_per_file: int = USES_PER_FILE,
        skip: int = 0,
        phrases: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self._words = {word.encode(): _Known(word) for word in (*words, *phrases)}
        self._wanted = frozenset(self._words)
        self._phrases = {
            word.encode(): re.compile(rf"(?<!\w)(?:{'|'.join(of_it)})(?!\w)".encode())
            for word, of_it in phrases.items()
        }
        self._lone: AbstractSet[bytes] = frozenset(self._phrases)
        self._openers = frozenset(
            opener[0]
            for of_it in phrases.values()
            for phrase in of_it
            if (opener := _WORDS_IN_LINE.match(phrase.encode()))
        )
        self._limit = limit
        self._uses_per_file = uses_per_file
        self._skip = skip
        # Words of which more uses are not wanted: for good, and in this file.
        self._known: set[bytes] = set()
        self._enough: set[bytes] = set()
        self._heading: list[bytes] = []
        self._path = ""
        self._file = 0
        self._rest = b""
        self.size = 0
        self.matches: list[Match] = []

    def feed(self, piece: bytes) -> None:
        """Take the next bytes of the output."""
        self.size += len(piece)
        piece = self._rest + piece
        records, spaced = piece.split(b"\n"), piece.translate(_SPACED).split(b"\n")
        self._rest = records.pop()
        wanted, heading = self._wanted, self._heading
        for record, words in zip(records, spaced, strict=False):
            number, nul, text = record.partition(b"\0")
            if not nul:
                # A path may hold line ends; it cannot hold NUL.
                heading.append(record)
                continue
            if heading:
                self._open(b"\n".join(heading))
            tokens = (words if len(words) < SCAN_LIMIT else words[: len(number) + SCAN_LIMIT]).split()
            held: AbstractSet[bytes] = wanted.intersection(tokens)
            if not self._lone.isdisjoint(held):
                held = self._fitting(held, tokens, text)
            could = defined_at_most(held, tokens, text)
            # Nearly every line of a large tree ends here: its words are known well enough, and it defines none.
            if could or not held <= self._enough:
                self._line(int(number), text, tokens, held, could)

    def end(self) -> None:
        """Take what is left: the output may end without a line end."""
        self.feed(b"\n")

    def file(self, path: str, data: bytes) -> None:
        """Take a whole file."""
        if data.find(b"\0", 0, BINARY_WITHIN) >= 0:
            return
        spaced = data.translate(_SPACED)
        held = self._wanted.intersection(spaced.split())
        if not held:
            return
        self._begin(path)
        for number, text, words in _lines(data, spaced, held):
            tokens = words[: SCAN_LIMIT - 1].split()
            here: AbstractSet[bytes] = held.intersection(tokens)
            if not self._lone.isdisjoint(here):
                here = self._fitting(here, tokens, text)
            if here:
                could = defined_at_most(here, tokens, text)
                if could or not here <= self._enough:
                    self._line(number, text, tokens, here, could)

    def forget(self, words: Iterable[str]) -> None:
        """Look no longer for some words; what was found of them stays."""
        for word in words:
            self._words.pop(word.encode(), None)
        self._wanted = frozenset(self._words)
        self._lone &= self._wanted

    def _fitting(self, held: AbstractSet[bytes], tokens: Sequence[bytes], text: bytes) -> AbstractSet[bytes]:
        """Return a line's words without those of which it fits no phrase."""
        if self._openers.isdisjoint(tokens):
            return held - self._lone
        return held - {word for word in self._lone & held if not self._phrases[word].search(text)}

    def _open(self, heading: bytes) -> None:
        self._begin(path_of(heading[self._skip :]))
        self._heading.clear()

    def _begin(self, path: str) -> None:
        self._path = path
        self._file += 1
        self._enough = set(self._known)

    def _line(
        self,
        number: int,
        text: bytes,
        tokens: Sequence[bytes],
        held: AbstractSet[bytes],
        could: AbstractSet[bytes],
    ) -> None:
        wanted = (held - self._enough) | could
        shown: str | None = None
        # Where the match of each word of this line is among all.
        taken: dict[bytes, int] = {}
        # Where a word stands matters only to a word that may be defined here.
        found: Iterable[tuple[bytes, re.Match[bytes] | None]] = (
            [(key, place) for place in _WORDS_IN_LINE.finditer(text, 0, SCAN_LIMIT) if (key := place[0]) in wanted]
            if could
            else [(key, None) for key in tokens if key in wanted]
        )
        for key, place in found:
            known = self._words[key]
            if known.file != self._file:
                known.file, known.used_here, known.defined_here = self._file, 0, 0
            # A definition must not be lost behind two hundred calls in earlier folders.
            defines = False
            if place is not None and key in could:
                if key in self._enough and self._has_definitions(known):
                    continue
                defines = looks_like_definition(text, place.start(), place.end())
            if not self._count(key, known, defines=defines):
                continue
            if shown is None:
                shown = text[:LINE_LIMIT].decode("utf-8", "replace").rstrip("\r")
            match = Match(self._path, number, shown, known.word, defines)
            if key not in taken:
                taken[key] = len(self.matches)
                self.matches.append(match)
            elif defines:
                self.matches[taken[key]] = match

    def _has_definitions(self, known: _Known) -> bool:
        return known.defined >= self._limit or known.defined_here >= DEFINITIONS_PER_FILE

    def _count(self, key: bytes, known: _Known, *, defines: bool) -> bool:
        """Count one more, unless there are enough of its kind."""
        if defines:
            if self._has_definitions(known):
                return False
            known.defined += 1
            known.defined_here += 1
            return True
        if known.used >= self._limit or known.used_here >= self._uses_per_file:
            return False
        known.used += 1
        known.used_here += 1
        if known.used >= self._limit:
            self._known.add(key)
            self._enough.add(key)
        elif known.used_here >= self._uses_per_file:
            self._enough.add(key)
        return True


def _lines(data: bytes, spaced: bytes, held: AbstractSet[bytes]) -> Iterable[tuple[int, bytes, bytes]]:
    """Return number, text and spaced text of a file's lines, in order: at least those that hold a word."""
    if len(held) > FEW:
        return zip(count(1), data.split(b"\n"), spaced.split(b"\n"), strict=False)
    starts: set[int] = set()
    for word in held:
        at = spaced.find(word)
        while at >= 0:
            starts.add(spaced.rfind(b"\n", 0, at) + 1)
            at = spaced.find(word, at + len(word))
    return _numbered(data, spaced, sorted(starts))


def _numbered(data: bytes, spaced: bytes, starts: Sequence[int]) -> Iterator[tuple[int, bytes, bytes]]:
    number, before = 1, 0
    for start in starts:
        number += spaced.count(b"\n", before, start)
        before = start
        end = spaced.find(b"\n", start)
        end = len(spaced) if end < 0 else end
        yield number, data[start:end], spaced[start:end]


_KEYWORD_BEFORE: Final = re.compile(
    rb"""(?: ^ | [\s(;{] ) (?: def | class | func | function\*? | fn | fun | interface | struct | trait | protocol
        | enum | union | type | typedef | module | namespace | record | object | const | let | var | val | static
        | final | readonly | macro_rules! | mod | alias | actor | extension | \#\s*define
        | @interface )
        \s+ (?: \( [^)]* \) \s* )? (?: [\w.:<>$]+ (?: \. | :: ) )? $""",
    re.VERBOSE,
)
# What may stand before the name of a C, Java, C# or TypeScript function: modifiers and a type, nothing else.
_TYPE_BEFORE: Final = re.compile(rb"^[\s\w*&<>,:\[\]?.@~$|]*(?:::|[\s*&>\]])?$")
_STATEMENT: Final = re.compile(
    rb"^\s*(?:return|throw|new|else|elif|await|yield|delete|case|goto|raise|in|not|and|or|if|for|while|with|switch"
    rb"|catch|until|unless|defer|go|assert|match)\b"
)
_GO_GROUPED: Final = re.compile(rb"\s+(?:struct|interface|func|map)\b")
# A word with a dot or a comma behind it and no space before it defines nothing: told without an expression.
_ENDS: Final = frozenset((b".", b",", b";", b")", b"]", b'"', b"'"))
_BLANKS: Final = frozenset((b" ", b"\t", b"*", b"&"))
_FUNCTION_VALUE: Final = re.compile(rb"\s*[:=]\s*(?:async\s*)?(?:function\b|\([^()]*\)\s*=>|\w+\s*=>)")
_ASSIGNED: Final = re.compile(rb"\s*(?::[^=()]+)?=(?![=>])")


_KEYWORDS: Final = frozenset(
    b"def class func function fn fun interface struct trait protocol enum union type typedef module "
    b"namespace record object const let var val static final readonly macro_rules mod alias actor extension define "
    b"map".split()
)
# A sign further behind its word than this is not looked for.
SIGN_WITHIN: Final = 120
_SIGNS: Final = (b"(", b"<", b":", b"=")


def defined_at_most(words: AbstractSet[bytes], tokens: Sequence[bytes], text: bytes) -> AbstractSet[bytes]:
    """Return those of a line's words that could be defined on it: what is left out certainly is not."""
    if not _KEYWORDS.isdisjoint(tokens) or text.lstrip()[:1] == b"}":
        return words
    return {word for word in words if _before_a_sign(word, text)}


def _before_a_sign(word: bytes, text: bytes) -> bool:
    at = text.find(word)
    while at >= 0:
        at += len(word)
        if text[at : at + SIGN_WITHIN].lstrip().startswith(_SIGNS):
            return True
        at = text.find(word, at)
    return False


def line_defines(text: str, word: str) -> bool:
    """Tell whether a line looks like it defines a word: by the place where the word stands first."""
    at = text.find(word)
    # Only ASCII matters to the test, so a length in characters stands in for one in bytes.
    return at >= 0 and looks_like_definition(text.encode("ascii", "replace"), at, at + len(word))


def defines_its_word(match: Match) -> bool:
    """Tell whether a match is its word's definition: as the search found, else as the line looks."""
    return match.defines if match.defines is not None else line_defines(match.text, match.word)


def looks_like_definition(text: bytes, start: int, end: int) -> bool:
    """Tell, roughly and quickly, whether the word at `start`..`end` of a line is being defined there."""
    if text[end : end + 1] in _ENDS and text[start - 1 : start] not in _BLANKS:
        return False
    before, after = text[:start], text[end : end + 120]
    if _KEYWORD_BEFORE.search(before[-160:]):
        return True
    opened = after.lstrip()[:1]
    if opened in (b"(", b"<"):
        if not _TYPE_BEFORE.match(before[-160:]) or _STATEMENT.match(before):
            return False
        typed = before.split()
        if len(typed) < 2 and before.endswith(b"."):
            # `store.method()`: a receiver, no type. With a type before it, C# says which interface it implements.
            return False
        ends = text.rstrip()[-1:]
        if not typed:
            # A shell function or a method; where the parenthesis stays open, a call that is given a function.
            return ends in (b"{", b":") and text.count(b"(", end) <= text.count(b")", end)
        return ends in (b"{", b":", b";", b",", b"(", b")")
    if _FUNCTION_VALUE.match(after):
        return True
    if _ASSIGNED.match(after):
        return not before.strip() or (before[:1] not in (b" ", b"\t") and _TYPE_BEFORE.match(before) is not None)
    return bool(_GO_GROUPED.match(after)) or before.strip() == b"}"
