"""Does a file still parse? tree-sitter answers for the languages it is installed for; others are not judged."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tree_sitter import Language

# Parsing costs about a millisecond per 20 KB; above this a file is data or generated.
MAX_BYTES: Final = 1_000_000

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
}


def still_parses(path: str, before: bytes, after: bytes) -> bool:
    """Return False where `after` has syntax errors that `before` did not have; True for a language not judged."""
    suffix = PurePosixPath(path).suffix.lower()
    if suffix not in _GRAMMARS or max(len(before), len(after)) > MAX_BYTES:
        return True
    language = _language(*_GRAMMARS[suffix])
    if language is None:
        return True
    return _errors(language, after) <= _errors(language, before)


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

    root = tree_sitter.Parser(language).parse(source).root_node
    if not root.has_error:
        return 0
    found = 0
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        if node.is_error or node.is_missing:
            found += 1
        stack += [child for child in node.children if child.has_error or child.is_missing]
    return found
