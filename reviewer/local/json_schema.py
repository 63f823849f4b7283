"""JSON Schema from the records that programs read. Pure."""

from __future__ import annotations

import types
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints, is_typeddict

from reviewer.local.documents import Note, ReviewDocument, Words

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_PLAIN: Final[dict[object, str]] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}


def schema_of(record: object) -> dict[str, Any]:
    """Return the JSON Schema of a TypedDict, with the records inside it under `$defs`.

    Every key of a record is required. Keys that a later version adds do not break a reader, so others are allowed.
    """
    known: dict[str, dict[str, Any]] = {}
    top = _record(record, known)
    return {**top, "$defs": dict(sorted(known.items()))} if known else top


def review_schema() -> dict[str, Any]:
    """Return the JSON Schema of what `--format json` writes."""
    return {"$schema": DIALECT, "title": "A review by kilo-review (--format json)", **schema_of(ReviewDocument)}


def _record(record: Any, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    # Of a TypedDict that is written as a call, `__doc__` is that of dict.
    text = "" if record.__doc__ == dict.__doc__ else " ".join((record.__doc__ or "").split())
    hints = get_type_hints(record, include_extras=True)
    return {
        "type": "object",
        **({"description": text} if text else {}),
        "properties": {name: _value(kind, known) for name, kind in hints.items()},
        "required": sorted(record.__required_keys__),
    }


def _value(kind: Any, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if kind in _PLAIN:
        return {"type": _PLAIN[kind]}
    if is_typeddict(kind):
        name = kind.__name__
        if name not in known:
            known[name] = {}
            known[name] = _record(kind, known)
        return {"$ref": f"#/$defs/{name}"}
    if kind is Any:
        return {}
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _annotated(_value(inner[0], known), inner[1:])
    if origin is list:
        return {"type": "array", "items": _value(inner[0], known)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _value(inner[1], known)}
    if origin in (types.UnionType, Union):
        parts = [_value(part, known) for part in inner]
        if all(set(part) == {"type"} for part in parts):
            return {"type": [part["type"] for part in parts]}
        return {"anyOf": parts}
    raise TypeError(f"no JSON Schema for {kind!r}")


def _annotated(schema: dict[str, Any], notes: tuple[object, ...]) -> dict[str, Any]:
    for note in notes:
        if isinstance(note, Words):
            null = [None] if "null" in schema.get("type", ()) else []
            schema = {**schema, "enum": [*note.allowed, *null]}
        elif isinstance(note, Note):
            schema = {**schema, "description": note.text}
    return schema
