"""Languages: which grammar reads a file, and which of its nodes define a name. Grammars load when first needed."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tree_sitter import Language as Grammar
    from tree_sitter import Parser, Query


@dataclass(frozen=True, slots=True)
class Language:
    """How a language is read.

    `module` and `entry` name the grammar. `definitions` maps node types to a kind; `containers` are those of
    them whose members are worth listing. `identifiers` are the node types of names, `calls` the node types
    whose callee is a use to follow. `comments` are node types.
    """

    name: str
    module: str
    entry: str
    definitions: tuple[tuple[str, str], ...]
    containers: tuple[str, ...]
    identifiers: tuple[str, ...]
    calls: tuple[str, ...]
    comments: tuple[str, ...] = ("comment",)

    def kind_of(self, node_type: str) -> str:
        """Return the kind of a definition node, "" for any other."""
        return _kinds(self).get(node_type, "")


_ECMA: Final = (
    ("function_declaration", "function"),
    ("generator_function_declaration", "function"),
    ("class_declaration", "class"),
    ("method_definition", "method"),
    ("variable_declarator", "variable"),
    ("assignment_expression", "function"),
    ("pair", "method"),
)
_TYPED: Final = (
    *_ECMA,
    ("abstract_class_declaration", "class"),
    ("interface_declaration", "interface"),
    ("type_alias_declaration", "type"),
    ("enum_declaration", "enum"),
    ("function_signature", "function"),
    ("method_signature", "method"),
    ("abstract_method_signature", "method"),
    ("public_field_definition", "field"),
    ("internal_module", "module"),
)
_ECMA_NAMES: Final = (
    *("identifier", "property_identifier", "shorthand_property_identifier", "private_property_identifier"),
    "shorthand_property_identifier_pattern",
)
_ECMA_CALLS: Final = ("call_expression", "new_expression")
_C: Final = (
    ("function_definition", "function"),
    ("struct_specifier", "struct"),
    ("union_specifier", "struct"),
    ("enum_specifier", "enum"),
    ("enumerator", "constant"),
    ("type_definition", "type"),
    ("declaration", "declaration"),
    ("preproc_def", "macro"),
    ("preproc_function_def", "macro"),
)

PYTHON: Final = Language(
    "python",
    "tree_sitter_python",
    "language",
    (("function_definition", "function"), ("class_definition", "class"), ("assignment", "variable")),
    ("class_definition",),
    ("identifier",),
    ("call", "decorator"),
)
JAVASCRIPT: Final = Language(
    "javascript",
    "tree_sitter_javascript",
    "language",
    (*_ECMA, ("field_definition", "field")),
    ("class_declaration",),
    _ECMA_NAMES,
    (*_ECMA_CALLS, "jsx_opening_element", "jsx_self_closing_element"),
)
TYPESCRIPT: Final = Language(
    "typescript",
    "tree_sitter_typescript",
    "language_typescript",
    _TYPED,
    ("class_declaration", "abstract_class_declaration", "interface_declaration"),
    (*_ECMA_NAMES, "type_identifier"),
    _ECMA_CALLS,
)
TSX: Final = Language(
    "tsx",
    "tree_sitter_typescript",
    "language_tsx",
    _TYPED,
    TYPESCRIPT.containers,
    TYPESCRIPT.identifiers,
    (*_ECMA_CALLS, "jsx_opening_element", "jsx_self_closing_element"),
)
GO: Final = Language(
    "go",
    "tree_sitter_go",
    "language",
    (
        ("function_declaration", "function"),
        ("method_declaration", "method"),
        ("type_spec", "type"),
        ("type_alias", "type"),
        ("method_elem", "method"),
        ("const_spec", "constant"),
        ("var_spec", "variable"),
    ),
    ("type_spec",),
    ("identifier", "type_identifier", "field_identifier", "package_identifier"),
    ("call_expression", "composite_literal"),
)
JAVA: Final = Language(
    "java",
    "tree_sitter_java",
    "language",
    (
        ("class_declaration", "class"),
        ("interface_declaration", "interface"),
        ("enum_declaration", "enum"),
        ("record_declaration", "class"),
        ("annotation_type_declaration", "interface"),
        ("method_declaration", "method"),
        ("constructor_declaration", "constructor"),
        ("field_declaration", "field"),
        ("constant_declaration", "field"),
        ("enum_constant", "constant"),
    ),
    ("class_declaration", "interface_declaration", "enum_declaration", "record_declaration"),
    ("identifier", "type_identifier"),
    ("method_invocation", "object_creation_expression", "marker_annotation", "annotation"),
    ("line_comment", "block_comment"),
)
RUBY: Final = Language(
    "ruby",
    "tree_sitter_ruby",
    "language",
    (
        ("method", "method"),
        ("singleton_method", "method"),
        ("class", "class"),
        ("module", "module"),
        ("assignment", "variable"),
    ),
    ("class", "module"),
    ("identifier", "constant"),
    ("call",),
)
PHP: Final = Language(
    "php",
    "tree_sitter_php",
    "language_php",
    (
        ("function_definition", "function"),
        ("method_declaration", "method"),
        ("class_declaration", "class"),
        ("interface_declaration", "interface"),
        ("trait_declaration", "class"),
        ("enum_declaration", "enum"),
        ("const_element", "constant"),
    ),
    ("class_declaration", "interface_declaration", "trait_declaration", "enum_declaration"),
    ("name",),
    (
        *("function_call_expression", "member_call_expression", "nullsafe_member_call_expression"),
        *("scoped_call_expression", "object_creation_expression"),
    ),
)
RUST: Final = Language(
    "rust",
    "tree_sitter_rust",
    "language",
    (
        ("function_item", "function"),
        ("function_signature_item", "function"),
        ("struct_item", "struct"),
        ("enum_item", "enum"),
        ("union_item", "struct"),
        ("trait_item", "interface"),
        ("type_item", "type"),
        ("const_item", "constant"),
        ("static_item", "constant"),
        ("macro_definition", "macro"),
        ("enum_variant", "constant"),
    ),
    ("trait_item", "struct_item", "enum_item"),
    ("identifier", "type_identifier", "field_identifier"),
    ("call_expression", "macro_invocation", "struct_expression"),
    ("line_comment", "block_comment"),
)
C: Final = Language(
    "c",
    "tree_sitter_c",
    "language",
    _C,
    (),
    ("identifier", "type_identifier", "field_identifier"),
    ("call_expression",),
)
CPP: Final = Language(
    "cpp",
    "tree_sitter_cpp",
    "language",
    (
        *_C,
        ("class_specifier", "class"),
        ("alias_declaration", "type"),
        ("field_declaration", "declaration"),
        ("concept_definition", "type"),
    ),
    ("class_specifier", "struct_specifier"),
    ("identifier", "type_identifier", "field_identifier", "namespace_identifier"),
    ("call_expression", "new_expression"),
)
C_SHARP: Final = Language(
    "c_sharp",
    "tree_sitter_c_sharp",
    "language",
    (
        ("class_declaration", "class"),
        ("interface_declaration", "interface"),
        ("struct_declaration", "struct"),
        ("enum_declaration", "enum"),
        ("record_declaration", "class"),
        ("delegate_declaration", "type"),
        ("method_declaration", "method"),
        ("constructor_declaration", "constructor"),
        ("property_declaration", "field"),
        ("field_declaration", "field"),
        ("enum_member_declaration", "constant"),
    ),
    ("class_declaration", "interface_declaration", "struct_declaration", "record_declaration"),
    ("identifier",),
    ("invocation_expression", "object_creation_expression", "attribute"),
)
KOTLIN: Final = Language(
    "kotlin",
    "tree_sitter_kotlin",
    "language",
    (
        ("class_declaration", "class"),
        ("object_declaration", "class"),
        ("function_declaration", "function"),
        ("property_declaration", "variable"),
        ("type_alias", "type"),
        ("enum_entry", "constant"),
    ),
    ("class_declaration", "object_declaration"),
    ("identifier",),
    ("call_expression", "constructor_invocation"),
    ("line_comment", "block_comment"),
)

_BY_SUFFIX: Final = {
    **dict.fromkeys((".py", ".pyi", ".pyw"), PYTHON),
    **dict.fromkeys((".js", ".mjs", ".cjs", ".jsx"), JAVASCRIPT),
    **dict.fromkeys((".ts", ".mts", ".cts"), TYPESCRIPT),
    ".tsx": TSX,
    ".go": GO,
    ".java": JAVA,
    **dict.fromkeys((".rb", ".rake", ".gemspec"), RUBY),
    **dict.fromkeys((".php", ".phtml"), PHP),
    ".rs": RUST,
    ".c": C,
    **dict.fromkeys((".cc", ".cpp", ".cxx", ".c++", ".h", ".hh", ".hpp", ".hxx", ".inl", ".mm", ".ino"), CPP),
    ".cs": C_SHARP,
    **dict.fromkeys((".kt", ".kts"), KOTLIN),
}
# Names that can call each other: a definition in another family is a coincidence of words.
_FAMILIES: Final = {
    **dict.fromkeys(("javascript", "typescript", "tsx"), "ecmascript"),
    **dict.fromkeys(("c", "cpp"), "c"),
    **dict.fromkeys(("java", "kotlin"), "jvm"),
}


def language_of(path: str) -> Language | None:
    """Return the language of a path by its suffix, None where no grammar reads it."""
    return _BY_SUFFIX.get(_suffix(path))


@lru_cache(maxsize=65536)
def family_of(path: str) -> str:
    """Return a word that is equal for languages whose code calls each other; the suffix where unknown."""
    suffix = _suffix(path)
    language = _BY_SUFFIX.get(suffix)
    return suffix if language is None else _FAMILIES.get(language.name, language.name)


def _suffix(path: str) -> str:
    # Asked of every match of a search, where pathlib takes ten times as long.
    name = path[path.rfind("/") + 1 :]
    at = name.rfind(".")
    return name[at:].lower() if at > 0 else ""


@cache
def is_installed(language: Language) -> bool:
    """Tell whether the grammar of a language is here: a base installation has those of five languages."""
    return importlib.util.find_spec(language.module) is not None


def without_grammar(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the languages of these files whose grammar is not installed."""
    found = {language for path in paths if (language := language_of(path)) is not None}
    return tuple(sorted(language.name for language in found if not is_installed(language)))


@cache
def grammar_of(language: Language) -> Grammar:
    """Load a grammar; takes a few milliseconds, once."""
    from tree_sitter import Language as Grammar  # noqa: PLC0415 - start-up time

    return Grammar(getattr(importlib.import_module(language.module), language.entry)())


def parser_of(language: Language) -> Parser:
    """Return a new parser (they are not for sharing between threads)."""
    from tree_sitter import Parser  # noqa: PLC0415 - start-up time

    return Parser(grammar_of(language))


@cache
def definition_query(language: Language) -> Query:
    """Return the query that captures every definition node as `d`."""
    from tree_sitter import Query  # noqa: PLC0415 - start-up time

    pattern = "[" + " ".join(f"({node})" for node, _ in language.definitions) + "] @d"
    return Query(grammar_of(language), pattern)


@cache
def name_query(language: Language) -> Query:
    """Return the query that captures every name as `n`."""
    from tree_sitter import Query  # noqa: PLC0415 - start-up time

    pattern = "[" + " ".join(f"({node})" for node in language.identifiers) + "] @n"
    return Query(grammar_of(language), pattern)


@cache
def _kinds(language: Language) -> dict[str, str]:
    return dict(language.definitions)
