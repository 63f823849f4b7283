"""Which hunks belong together, read from the hunks alone: same symbol, code and its test, caller and callee."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from reviewer.change.model import Hunk, LineKind

# A name defined or used in more hunks than this relates everything to everything, so it relates nothing.
MAX_DEFINED = 3
MAX_USED = 8

_WORD = re.compile(r"[A-Za-z_]\w{3,}")
_DEFINITION = re.compile(
    r"\b(?:def|class|func|fn|function|struct|interface|trait|enum|type|module|record|protocol|macro_rules!|#define)\s+"
    r"(?:\([^)]*\)\s*)?([A-Za-z_]\w{3,})"
    r"|^\s*(?:(?:public|private|protected|internal|static|final|async|export|override|virtual|inline|const)\s+)+"
    r"[\w<>\[\],.?*& ]*?\b([A-Za-z_]\w{3,})\s*\("
    r"|^\s*(?:export\s+)?(?:const|let|var)\s+([A-Za-z_]\w{3,})\s*=\s*(?:async\s*)?(?:\(|function\b|\w+\s*=>)"
)
_CODE_NAME = re.compile(r"[A-Z_0-9]")
_CODE_AFTER = ("(", ":", "{", "<", "[", "=")
_KEYWORDS = frozenset(
    {
        *("def", "class", "func", "fn", "function", "struct", "interface", "trait", "enum", "type", "module"),
        *("record", "protocol", "macro_rules!", "#define", "public", "private", "protected", "internal"),
        *("static", "final", "async", "export", "override", "virtual", "inline", "const", "let", "var"),
    }
)
_TEST_FOLDERS = frozenset({"test", "tests", "spec", "specs", "__tests__", "testing", "testdata"})
_TEST_NAME = re.compile(r"^(?:test_|tests_)|(?:_test|_tests|_spec|\.test|\.spec|-test|-spec|Test|Tests|Spec)$")


@dataclass(frozen=True, slots=True)
class Bond:
    """Two hunks, by position, that belong together. A strong bond holds across the line of risk."""

    first: int
    second: int
    reason: str
    strong: bool


def bonds_of(hunks: Sequence[Hunk], relate: Mapping[tuple[str, str], Iterable[str]]) -> list[Bond]:
    """Return the bonds between hunks, strongest kind first, in a stable order."""
    bonds = _same_symbol(hunks)
    bonds += _by_name(hunks, relate)
    bonds += _code_and_test(hunks)
    bonds += _same_file(hunks)
    return bonds


def subject_of(path: str) -> tuple[str, bool]:
    """Return the name that a test file is about and True, or a file's own stem and False; lower case, no suffix."""
    file = PurePosixPath(path)
    stem = file.name.split(".", 1)[0] if file.name.count(".") < 2 else file.stem
    subject = _TEST_NAME.sub("", stem)
    is_test = subject != stem or any(part.lower() in _TEST_FOLDERS for part in file.parts[:-1])
    return re.sub(r"[._-]", "", subject).lower(), is_test


def _same_symbol(hunks: Sequence[Hunk]) -> list[Bond]:
    last: dict[tuple[str, str], int] = {}
    bonds = []
    for index, hunk in enumerate(hunks):
        if not hunk.section:
            continue
        key = (hunk.path, hunk.section)
        if key in last:
            bonds.append(Bond(last[key], index, f"same symbol in {hunk.path}", strong=True))
        last[key] = index
    return bonds


def _by_name(hunks: Sequence[Hunk], relate: Mapping[tuple[str, str], Iterable[str]]) -> list[Bond]:
    """Bond a hunk that defines a name with those that use it, and hunks to which `relate` gives one symbol."""
    texts = ["\n".join(line.text for line in hunk.lines if line.kind is not LineKind.CONTEXT) for hunk in hunks]
    defined: dict[str, list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        for name in sorted(_definitions(text)):
            defined[name].append(index)
    used: dict[str, list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        for name in sorted({word for word in _WORD.findall(text) if word in defined}):
            used[name].append(index)
    bonds = []
    for name, owners in defined.items():
        users = [index for index in used[name] if index not in owners]
        if len(owners) <= MAX_DEFINED and len(users) <= MAX_USED:
            bonds += [Bond(owners[0], user, f"{name}: defined and used", strong=True) for user in users]
    shared: dict[str, list[int]] = defaultdict(list)
    if relate:
        for index, hunk in enumerate(hunks):
            for symbol in sorted(set(relate.get((hunk.path, hunk.header), ()))):
                shared[symbol].append(index)
    for symbol, members in shared.items():
        if len(members) <= MAX_USED:
            bonds += [Bond(members[0], other, f"share {symbol}", strong=True) for other in members[1:]]
    return bonds


def _definitions(text: str) -> set[str]:
    names = set()
    for line in text.split("\n"):
        # Most lines define nothing: a set of words is cheaper to ask than the expression.
        if len(line) < 400 and not _KEYWORDS.isdisjoint(line.split()) and (match := _DEFINITION.search(line)):
            name = match[1] or match[2] or match[3]
            # "class with a lock" in a comment defines nothing: a plain word counts only where code goes on.
            if _CODE_NAME.search(name) or line[match.end() :].lstrip()[:1] in _CODE_AFTER or match[1] is None:
                names.add(name)
    return names


def _code_and_test(hunks: Sequence[Hunk]) -> list[Bond]:
    code: dict[str, list[int]] = defaultdict(list)
    tests: dict[str, list[int]] = defaultdict(list)
    seen: dict[str, tuple[str, bool]] = {}
    for index, hunk in enumerate(hunks):
        subject, is_test = seen.get(hunk.path) or seen.setdefault(hunk.path, subject_of(hunk.path))
        (tests if is_test else code)[subject].append(index)
    bonds = []
    for subject, members in tests.items():
        owners = code.get(subject, [])
        if subject and owners and len({hunks[index].path for index in owners}) <= MAX_DEFINED:
            bonds += [Bond(owners[0], member, f"{subject} and its test", strong=False) for member in members]
    return bonds


def _same_file(hunks: Sequence[Hunk]) -> list[Bond]:
    return [
        Bond(index, index + 1, f"same file {hunks[index].path}", strong=False)
        for index in range(len(hunks) - 1)
        if hunks[index].path == hunks[index + 1].path
    ]
