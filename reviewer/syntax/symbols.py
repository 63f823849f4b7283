"""Symbols: the definitions of a file, and the names that given lines of it use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from reviewer.syntax.languages import Language, definition_query, is_installed, language_of, name_query, parser_of
from reviewer.syntax.uses import Use, role_of, uses_in_lines, uses_in_strings

if TYPE_CHECKING:
    from tree_sitter import Node

PARSE_LIMIT: Final = 1024 * 1024
DOC_LINES: Final = 10
_NO_BODY_LINES: Final = 12
_BODY_FIELDS: Final = ("body", "value", "right", "type", "block", "consequence")
_WRAPPERS: Final = (
    *("decorated_definition", "export_statement", "template_declaration", "lexical_declaration"),
    *("variable_declaration", "type_declaration", "const_declaration", "var_declaration"),
    "expression_statement",
)
_LOCAL_OK: Final = ("arrow_function", "function_expression", "generator_function", "class", "lambda")
_TOP: Final = (
    *("program", "module", "source_file", "translation_unit", "export_statement", "declaration_list"),
    *("class_body", "statement_block_top", "preproc_ifdef", "preproc_if", "preproc_else", "linkage_specification"),
    *("body_statement", "field_declaration_list", "namespace_definition"),
)
# Lines below a definition that are looked at for its end.
LONGEST_DEFINITION: Final = 400
_FALLBACK: Final = re.compile(
    r"""^(?P<indent>[ \t]*+) (?: (?: export | pub | public | private | protected | static | async | local
          | abstract | final | override | open | internal | default | inline | data | sealed ) [ \t]+ )*
        (?P<kind> def | class | function | func | fn | fun | sub | interface | struct | trait | protocol | enum
          | type | module | macro | defmodule | defp | object | record | actor | extension )
        [ \t]+ (?: \( [^)\n]{0,200} \) [ \t]* )? (?P<name> [A-Za-z_][\w!?]* )""",
    re.VERBOSE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Definition:
    """Where a file defines a name; lines are 1-based and inclusive.

    `start` includes the comment and decorators above, `line` is the name's own, `signature_end` ends the
    signature (with the docstring where the language puts it inside). `members` are the lines at which a
    class's own definitions start.
    """

    name: str
    kind: str
    start: int
    line: int
    signature_end: int
    end: int
    container: str = ""
    members: tuple[tuple[int, int], ...] = ()


class Source:
    """A file's content, parsed at most once; not for sharing between threads while it is new."""

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self.data = data
        language = language_of(path) if len(data) <= PARSE_LIMIT else None
        # Without its grammar a file is read by its lines.
        self.language = language if language is not None and is_installed(language) else None

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their ends."""
        return [line.rstrip("\r") for line in self.data.decode("utf-8", "replace").split("\n")]

    @cached_property
    def _root(self) -> Node | None:
        return parser_of(self.language).parse(self.data).root_node if self.language is not None else None

    @cached_property
    def definitions(self) -> tuple[Definition, ...]:
        """Every definition that another file, or another function, could use; in order of lines."""
        if self.language is None or self._root is None:
            return tuple(_fallback(self.lines))
        from tree_sitter import QueryCursor  # noqa: PLC0415 - start-up time

        nodes = QueryCursor(definition_query(self.language)).captures(self._root).get("d", [])
        found = [made for node in nodes if (made := _definition(node, self.language)) is not None]
        if self._root.has_error:
            # Flow types, macros, a newer syntax: what the grammar lost is found by its keyword.
            known = {item.line for item in found}
            found += [item for item in _fallback(self.lines) if item.line not in known]
        found.sort(key=lambda item: (item.line, -item.end))
        return tuple(_with_containers(found, self.language))

    @cached_property
    def by_name(self) -> dict[str, list[Definition]]:
        """The definitions of each name."""
        named: dict[str, list[Definition]] = {}
        for item in self.definitions:
            named.setdefault(item.name, []).append(item)
        return named

    def enclosing(self, first: int, last: int) -> list[Definition]:
        """Return the functions and classes that enclose a range of lines, innermost first."""
        around = [
            item for item in self.definitions if item.start <= first and last <= item.end and item.end > item.line
        ]
        return sorted(around, key=lambda item: item.end - item.start)

    def uses(self, spans: Sequence[tuple[int, int]]) -> list[Use]:
        """Return the names on the given ranges of lines, comments left out; of strings what looks like code."""
        rows = [
            (number, self.lines[number - 1])
            for first, last in spans
            for number in range(max(1, first), min(last, len(self.lines)) + 1)
        ]
        if self.language is None or self._root is None:
            return uses_in_lines(rows)
        from tree_sitter import QueryCursor  # noqa: PLC0415 - start-up time

        found = uses_in_strings(rows)
        cursor = QueryCursor(name_query(self.language))
        for first, last in spans:
            cursor.set_point_range((first - 1, 0), (last, 0))
            nodes = cursor.captures(self._root).get("n", [])
            for node in sorted(nodes, key=lambda node: node.start_byte):
                line = node.start_point[0] + 1
                if first <= line <= last and node.text is not None:
                    name = node.text.decode("utf-8", "replace")
                    found.append(Use(name, line, role_of(node, self.language, name)))
        return found


def _definition(node: Node, language: Language) -> Definition | None:
    name = _name_of(node)
    if name is None or name.text is None or not _is_shared(node, language):
        return None
    outer = node
    while outer.parent is not None and outer.parent.type in _WRAPPERS and _alone(outer):
        outer = outer.parent
    text = name.text.decode("utf-8", "replace")
    body = _body_of(node)
    end = _last_line(outer)
    line = name.start_point[0] + 1
    value = node.child_by_field_name("value") if node.type == "variable_declarator" else None
    return Definition(
        name=text,
        kind="function" if value is not None and value.type in _LOCAL_OK else language.kind_of(node.type),
        start=_start_with_comments(outer, language, line),
        line=line,
        signature_end=min(end, _signature_end(body, language, line) if body is not None else line + _NO_BODY_LINES),
        end=end,
    )


def _name_of(node: Node) -> Node | None:
    if node.type in ("assignment",):
        left = node.child_by_field_name("left")
        return left if left is not None and left.type in ("identifier", "constant") else None
    if node.type in ("assignment_expression", "pair"):
        left = node.child_by_field_name("left") or node.child_by_field_name("key")
        left = left.child_by_field_name("property") or left if left is not None else None
        return left if left is not None and left.type == "property_identifier" else None
    name = node.child_by_field_name("name")
    if name is None and node.type == "type_alias":
        name = node.child_by_field_name("type")
    if name is None:
        name = _declared(node)
    while name is not None and (inner := name.child_by_field_name("name")) is not None:
        name = inner
    return name


def _declared(node: Node) -> Node | None:
    """Follow a C declarator, a Java or C# declarator or a Kotlin variable down to its name."""
    if node.type in ("const_element",):
        return node.named_children[0] if node.named_children else None
    at: Node | None = node
    while at is not None:
        inner = at.child_by_field_name("declarator")
        if inner is None and at.type in ("field_declaration", "variable_declaration", "property_declaration"):
            inner = next(
                (
                    child
                    for child in at.named_children
                    if child.type in ("variable_declaration", "variable_declarator", "identifier")
                ),
                None,
            )
        if inner is None and at.type in (
            "reference_declarator",
            "parenthesized_declarator",
            "attributed_declarator",
        ):
            inner = at.named_children[-1] if at.named_children else None
        if inner is None:
            return at if at is not node else None
        if inner.type in ("identifier", "field_identifier", "type_identifier"):
            return inner
        at = inner
    return None


def _is_shared(node: Node, language: Language) -> bool:
    """Tell a definition that others can use from a local variable or a mere mention."""
    kind = language.kind_of(node.type)
    if kind == "struct" or node.type in ("enum_specifier", "class_specifier"):
        # In C a mention (`struct x *p`) has no body; in Rust and C# the node is always a definition.
        return not node.type.endswith("_specifier") or node.child_by_field_name("body") is not None
    if kind == "declaration":
        return _is_prototype(node) or node.type == "field_declaration" or _at_top(node)
    if node.type in ("assignment_expression", "pair"):
        # `Job.prototype.start = function () {…}`, `exports.run = …` and `{ run: function () {…} }` define.
        value = node.child_by_field_name("right") or node.child_by_field_name("value")
        while value is not None and value.type == "assignment_expression":
            value = value.child_by_field_name("right")
        left = node.child_by_field_name("left")
        owner = left.child_by_field_name("object") if left is not None else None
        public = owner is not None and (owner.text or b"").endswith((b".prototype", b"exports"))
        made = value is not None and value.type in _LOCAL_OK
        return made or public or (owner is not None and _at_top(node))
    if node.type == "variable_declarator":
        value = node.child_by_field_name("value")
        return _at_top(node) or (value is not None and value.type in _LOCAL_OK)
    if node.type in ("assignment", "var_spec", "const_spec", "property_declaration"):
        return _at_top(node)
    return True


def _is_prototype(node: Node) -> bool:
    at = node.child_by_field_name("declarator")
    while at is not None:
        if at.type == "function_declarator":
            return True
        at = at.child_by_field_name("declarator")
    return False


def _at_top(node: Node) -> bool:
    parent = node.parent
    while parent is not None and parent.type in (
        *_WRAPPERS,
        "expression_statement",
        "var_spec_list",
        "declaration",
    ):
        parent = parent.parent
    if parent is None or parent.type in _TOP:
        return True
    # A Python class body is a plain block.
    return parent.type == "block" and parent.parent is not None and parent.parent.type == "class_definition"


def _alone(node: Node) -> bool:
    """Tell whether a wrapper wraps just this: `type ( A … B … )` in Go declares many."""
    parent = node.parent
    if parent is None or parent.type in ("decorated_definition", "export_statement", "template_declaration"):
        return True
    return sum(1 for child in parent.named_children if child.type == node.type) == 1


def _body_of(node: Node) -> Node | None:
    for field in _BODY_FIELDS:
        body = node.child_by_field_name(field)
        if body is not None:
            if body.type in _LOCAL_OK:
                return body.child_by_field_name("body") or body
            return body
    return next((child for child in node.named_children if child.type.endswith(("_body", "_list", "block"))), None)


def _signature_end(body: Node, language: Language, line: int) -> int:
    row = body.start_point[0] + 1
    if language.name == "python":
        first = body.named_children[0] if body.named_children else None
        if first is not None and first.type == "expression_statement" and first.named_children:
            first = first.named_children[0]
        if first is not None and first.type == "string":
            return min(first.end_point[0] + 1, row + DOC_LINES)
        return max(line, row - 1)
    if language.name == "ruby":
        return max(line, row - 1)
    opened = body.text[:1] if body.text else b""
    return row if opened in (b"{", b"(") or row == line else max(line, row - 1)


def _start_with_comments(node: Node, language: Language, line: int) -> int:
    start = node.start_point[0] + 1
    above = node.prev_sibling
    if above is None and node.parent is not None and node.parent.type == "body_statement":
        # Ruby hangs the comment above a body's first statement beside the body.
        above = node.parent.prev_sibling
    while above is not None and above.type in (*language.comments, "attribute_item"):
        # A comment that shares its line with code before it belongs to that code.
        before = above.prev_sibling
        shares = (
            before is not None
            and before.end_point[0] == above.start_point[0]
            and before.type
            not in (
                *language.comments,
                "attribute_item",
            )
        )
        if _last_line(above) < start - 1 or shares:
            break
        start = min(start, above.start_point[0] + 1)
        above = before
    return max(start, min(line, node.start_point[0] + 1) - DOC_LINES)


def _last_line(node: Node) -> int:
    row, column = node.end_point
    # A node that ends with its line's end (a Rust doc comment, a macro) has column 0 of the next line.
    return row if column == 0 and row > node.start_point[0] else row + 1


def _with_containers(found: Sequence[Definition], language: Language) -> Iterable[Definition]:
    kinds = {language.kind_of(node) for node in language.containers}
    stack: list[Definition] = []
    owners: dict[int, Definition] = {}
    members: dict[int, list[tuple[int, int]]] = {}
    for item in found:
        while stack and item.line > stack[-1].end:
            stack.pop()
        if stack:
            owners[id(item)] = stack[-1]
            members.setdefault(id(stack[-1]), []).append((item.line, item.signature_end))
        if item.end > item.line:
            stack.append(item)
    for item in found:
        owner = owners.get(id(item))
        if owner is not None and owner.kind in ("function", "method") and item.kind in ("variable", "declaration"):
            continue
        yield Definition(
            item.name,
            item.kind,
            item.start,
            item.line,
            item.signature_end,
            item.end,
            owner.name if owner is not None else "",
            tuple(members.get(id(item), ())) if item.kind in kinds else (),
        )


def _fallback(lines: Sequence[str]) -> Iterable[Definition]:
    """Find definitions by their keyword and the indentation below, for languages without a grammar here."""
    bare = [line.lstrip() for line in lines]
    depths = [len(line) - len(text) for line, text in zip(lines, bare, strict=True)]
    for line, row in enumerate(lines, start=1):
        found = _FALLBACK.match(row)
        if found is None:
            continue
        indent = len(found["indent"])
        end = line
        for number in range(line + 1, min(len(lines), line + LONGEST_DEFINITION) + 1):
            if not bare[number - 1]:
                continue
            if depths[number - 1] <= indent:
                end = number if bare[number - 1].rstrip() in ("end", "}", "};", ")") else end
                break
            end = number
        yield Definition(found["name"], found["kind"], line, line, line, end)
