"""Does a file still parse? The language's own parser answers where Python has one, tree-sitter for the others."""

from __future__ import annotations

import importlib
import json
import re
import tomllib
import warnings
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tree_sitter import Language

# Parsing costs about a millisecond per 20 KB; above this a file is data or generated.
MAX_BYTES: Final = 1_000_000
# The compiler of Python works recursively: what nests deeper than any real code is left to tree-sitter.
MAX_BRACKETS: Final = 60
MAX_OPERATORS: Final = 400

_GRAMMARS: Final = {
    **dict.fromkeys((".py", ".pyi"), ("tree_sitter_python", "language")),
    **dict.fromkeys((".js", ".jsx", ".mjs", ".cjs"), ("tree_sitter_javascript", "language")),
    **dict.fromkeys((".ts", ".mts", ".cts"), ("tree_sitter_typescript", "language_typescript")),
    ".tsx": ("tree_sitter_typescript", "language_tsx"),
    ".go": ("tree_sitter_go", "language"),
    ".java": ("tree_sitter_java", "language"),
    ".rb": ("tree_sitter_ruby", "language"),
    ".php": ("tree_sitter_php", "language_php"),
    ".rs": ("tree_sitter_rust", "language"),
    ".c": ("tree_sitter_c", "language"),
    **dict.fromkeys((".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp"), ("tree_sitter_cpp", "language")),
    ".cs": ("tree_sitter_c_sharp", "language"),
    **dict.fromkeys((".kt", ".kts"), ("tree_sitter_kotlin", "language")),
    **dict.fromkeys((".sh", ".bash"), ("tree_sitter_bash", "language")),
    **dict.fromkeys((".html", ".htm"), ("tree_sitter_html", "language")),
    ".css": ("tree_sitter_css", "language"),
    **dict.fromkeys((".json", ".jsonc", ".json5"), ("tree_sitter_json", "language")),
    ".lua": ("tree_sitter_lua", "language"),
    **dict.fromkeys((".mk", ".mak"), ("tree_sitter_make", "language")),
}
_MAKEFILES: Final = frozenset({"makefile", "gnumakefile"})
_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$", re.MULTILINE)
_BRACKETS: Final = "()[]{}"
# Formats of words, in which any text is right; and such files without an ending.
_PROSE: Final = frozenset({".md", ".markdown", ".rst", ".txt", ".adoc", ".asciidoc"})
_PROSE_NAMES: Final = frozenset(
    {
        "readme",
        "license",
        "licence",
        "copying",
        "notice",
        "authors",
        "contributors",
        "changelog",
        "changes",
        "news",
        "todo",
    }
)


def still_parses(path: str, before: bytes, after: bytes) -> bool:
    """Return False where `after` has errors that `before` did not have.

    Of a language that nothing here parses, brackets must balance as they did; prose is not judged.
    """
    if max(len(before), len(after)) > MAX_BYTES:
        return True
    own = _own_parser(path)
    if own is not None and own(before) and not own(after):
        return False
    suffix = _suffix(path)
    if suffix in (".md", ".markdown"):
        return _fences(after) or not _fences(before)
    grammar = _GRAMMARS.get(suffix)
    language = _language(*grammar) if grammar else None
    if language is not None:
        return _errors(language, after) <= _errors(language, before)
    return own is not None or is_prose(path) or _balance(after) == _balance(before)


def is_prose(path: str) -> bool:
    """Tell whether files of this name hold words, not code."""
    return _suffix(path) in _PROSE or PurePosixPath(path).name.lower() in _PROSE_NAMES


def is_judged(path: str) -> bool:
    """Tell whether a parser judges files of this name."""
    grammar = _GRAMMARS.get(_suffix(path))
    return _own_parser(path) is not None or (grammar is not None and _language(*grammar) is not None)


def _suffix(path: str) -> str:
    name = PurePosixPath(path).name.lower()
    return ".mk" if name in _MAKEFILES else PurePosixPath(name).suffix


def _own_parser(path: str) -> Callable[[bytes], bool] | None:
    return {
        ".py": _is_python,
        ".pyi": _is_python,
        ".json": _is_json,
        ".toml": _is_toml,
        ".yml": _is_yaml,
        ".yaml": _is_yaml,
    }.get(_suffix(path))


def _is_python(source: bytes) -> bool:
    """Tell whether the source compiles; nothing of it is run. True for what nests too deeply to be tried."""
    if not _is_shallow(source):
        return True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "<suggestion>", "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return False
    return True


def _is_shallow(source: bytes) -> bool:
    depth = deepest = 0
    for byte in source:
        if byte in b"([{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b")]}":
            depth = max(0, depth - 1)
    operators = max(
        (len(re.findall(rb"[-+~*/.]|\bnot\b|\blambda\b", line)) for line in source.split(b"\n")), default=0
    )
    return deepest <= MAX_BRACKETS and operators <= MAX_OPERATORS


def _is_json(source: bytes) -> bool:
    try:
        json.loads(source, object_pairs_hook=_members)
    except (ValueError, RecursionError):
        return False
    return True


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return dict(pairs)


def _is_toml(source: bytes) -> bool:
    try:
        tomllib.loads(source.decode("utf-8"))
    except (ValueError, RecursionError):
        return False
    return True


def _is_yaml(source: bytes) -> bool:
    """Tell whether the source is YAML and no mapping has a key twice. Nothing is constructed, no alias followed."""
    import yaml  # noqa: PLC0415 - a review without YAML need not load it

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    depth = keys = 0
    seen: list[tuple[bool, int, set[str]]] = []
    try:
        for event in yaml.parse(source, Loader=loader):
            if isinstance(
                event, yaml.ScalarEvent | yaml.AliasEvent | yaml.MappingStartEvent | yaml.SequenceStartEvent
            ):
                if seen and seen[-1][0]:
                    mapping, keys, names = seen[-1]
                    name = event.value if isinstance(event, yaml.ScalarEvent) else None
                    if keys % 2 == 0 and name is not None and name != "<<":
                        if name in names:
                            return False
                        names.add(name)
                    seen[-1] = (mapping, keys + 1, names)
                if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                    seen.append((isinstance(event, yaml.MappingStartEvent), 0, set()))
                    depth = max(depth, len(seen))
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                seen.pop()
    except (yaml.YAMLError, ValueError, RecursionError):
        return False
    return True


def _fences(source: bytes) -> bool:
    """Tell whether every fence of a Markdown text is closed."""
    fence = ""
    for match in _FENCE.finditer(source.decode("utf-8", "replace")):
        marks, rest = match[1], match[2].strip()
        if not fence:
            fence = marks
        elif marks[0] == fence[0] and len(marks) >= len(fence) and not rest:
            fence = ""
    return not fence


def _balance(source: bytes) -> Counter[str]:
    """Return how many brackets of each kind are open at the end."""
    text = source.decode("utf-8", "replace")
    return Counter(
        {opening: text.count(opening) - text.count(closing) for opening, closing in zip(*_PAIRS, strict=True)}
    )


_PAIRS: Final = (_BRACKETS[::2], _BRACKETS[1::2])


@cache
def _language(module: str, function: str) -> Language | None:
    # Imported here: each grammar is a shared library of up to 3 MB, and a review needs one or two of them.
    try:
        import tree_sitter  # noqa: PLC0415 - see above

        return tree_sitter.Language(getattr(importlib.import_module(module), function)())
    except ImportError:
        return None


def _errors(language: Language, source: bytes) -> int:
    import tree_sitter  # noqa: PLC0415 - see _language

    found = 0
    stack: list[Any] = [tree_sitter.Parser(language).parse(source).root_node]
    while stack:
        node = stack.pop()
        if node.is_error or node.is_missing or node.type == "erroneous_end_tag":
            found += 1
        stack += node.children
    return found
