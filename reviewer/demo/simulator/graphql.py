"""A small GraphQL executor: parses a document and answers exactly the fields that it asks for.

It knows fields, aliases, arguments, variables and inline fragments: what the App's queries use. Whether those
are valid under GitHub's published schema is checked by the contract tests, which have that schema.
Grammar: https://spec.graphql.org/October2021/#sec-Appendix-Grammar-Summary
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

TOKEN: Final = re.compile(
    r'(?P<string>"(?:[^"\\\n]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[_A-Za-z]\w*)'
    r"|(?P<punctuation>\.\.\.|[{}()\[\]:=!$@|])|(?P<skip>[\s,﻿]+|#[^\n]*)"
)


class GraphQLError(Exception):
    """A document that cannot be read, or a field that is not there; `kind` is GitHub's error type."""

    def __init__(self, message: str, kind: str = "undefinedField") -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(slots=True)
class Field:
    """One selected field."""

    name: str
    alias: str
    arguments: dict[str, Any]
    selections: list[Field] = field(default_factory=list)
    only_on: str = ""


@dataclass(frozen=True, slots=True)
class Variable:
    """A `$name` that is filled in from the request."""

    name: str


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        position = 0
        while position < len(text):
            match = TOKEN.match(text, position)
            if match is None:
                raise GraphQLError(f"Parse error on {text[position]!r}", "PARSE_ERROR")
            if match.lastgroup != "skip":
                self.tokens.append(match.group())
            position = match.end()
        self.index = 0

    def peek(self) -> str:
        return self.tokens[self.index] if self.index < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.peek()
        if not token or (expected and token != expected):
            raise GraphQLError(f"Parse error on {token!r}, expected {expected or 'more'}", "PARSE_ERROR")
        self.index += 1
        return token

    def document(self) -> tuple[str, list[Field]]:
        operation = "query"
        if self.peek() != "{":
            operation = self.take()
            if operation not in ("query", "mutation"):
                raise GraphQLError(f"Parse error on {operation!r}", "PARSE_ERROR")
            if self.peek() not in ("{", "("):
                self.take()
            if self.peek() == "(":
                while self.take() != ")":
                    pass
        selections = self.selections()
        if self.peek():
            raise GraphQLError(f"Parse error on {self.peek()!r}: one operation is supported", "PARSE_ERROR")
        return operation, selections

    def selections(self, only_on: str = "") -> list[Field]:
        self.take("{")
        found: list[Field] = []
        while self.peek() != "}":
            if self.peek() == "...":
                self.take()
                self.take("on")
                found += self.selections(self.take())
            else:
                found.append(self.field(only_on))
        self.take("}")
        return found

    def field(self, only_on: str) -> Field:
        alias = name = self.take()
        if self.peek() == ":":
            self.take()
            name = self.take()
        arguments: dict[str, Any] = {}
        if self.peek() == "(":
            self.take()
            while self.peek() != ")":
                key = self.take()
                self.take(":")
                arguments[key] = self.value()
            self.take(")")
        selections = self.selections() if self.peek() == "{" else []
        return Field(name, alias, arguments, selections, only_on)

    def value(self) -> Any:
        token = self.take()
        if token == "$":
            return Variable(self.take())
        if token == "[":
            rows = []
            while self.peek() != "]":
                rows.append(self.value())
            self.take("]")
            return rows
        if token == "{":
            row = {}
            while self.peek() != "}":
                key = self.take()
                self.take(":")
                row[key] = self.value()
            self.take("}")
            return row
        if token[0] == '"' or token[0].isdigit() or token[0] == "-":
            return json.loads(token)
        return {"true": True, "false": False, "null": None}.get(token, token)


def _filled(value: Any, variables: Mapping[str, Any]) -> Any:
    if isinstance(value, Variable):
        return variables.get(value.name)
    if isinstance(value, list):
        return [_filled(item, variables) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, variables) for key, item in value.items()}
    return value


def _select(value: Any, selections: Sequence[Field], variables: Mapping[str, Any], kind: str) -> Any:
    if isinstance(value, list):
        return [_select(item, selections, variables, kind) for item in value]
    if value is None or not selections:
        return value
    kind = str(value.get("__typename", kind))
    answer: dict[str, Any] = {}
    for wanted in selections:
        if wanted.only_on and wanted.only_on != kind:
            continue
        if wanted.name == "__typename":
            answer[wanted.alias] = kind
            continue
        if wanted.name not in value:
            raise GraphQLError(f"Field '{wanted.name}' doesn't exist on type '{kind}'")
        found = value[wanted.name]
        if callable(found):
            found = found(**{key: _filled(item, variables) for key, item in wanted.arguments.items()})
        answer[wanted.alias] = _select(found, wanted.selections, variables, wanted.name)
    return answer


def execute(
    text: str, variables: Mapping[str, Any], roots: Mapping[str, Mapping[str, Callable[..., Any]]]
) -> dict[str, Any]:
    """Answer a document; `roots` maps query and mutation to their top fields. Raises GraphQLError."""
    operation, selections = _Parser(text).document()
    top = {"__typename": operation.title(), **roots[operation]}
    answer = _select(top, selections, variables, operation.title())
    return dict(answer)
