"""The OpenAPI 3.1 document of the read API, made from the records that the API answers with."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, MutableMapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from webhooks.api.endpoints import ENDPOINTS, PARAMETERS, PREFIX, Endpoint

_PLAIN: Final[Mapping[Any, Mapping[str, object]]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    Decimal: {"type": "string", "description": "US dollars, exact"},
    datetime: {"type": "string", "format": "date-time"},
}


def document() -> dict[str, object]:
    """Return the OpenAPI document."""
    schemas: dict[str, object] = {}
    paths = {f"{PREFIX}{each.path}": {"get": _operation(each, schemas)} for each in ENDPOINTS}
    return {
        "openapi": "3.1.0",
        "info": {"title": "kilo-review", "version": "1"},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(endpoint: Endpoint, schemas: MutableMapping[str, object]) -> dict[str, object]:
    schema = _schema(endpoint.answer, schemas)
    if endpoint.many:
        schema = {"type": "array", "items": schema}
    parameters: list[dict[str, object]] = [
        {"name": name, "in": "query", "schema": PARAMETERS[name][0], "description": PARAMETERS[name][1]}
        for name in endpoint.parameters
    ]
    if "{id}" in endpoint.path:
        parameters.append({"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}})
    content: dict[str, object] = {"application/json": {"schema": schema}}
    if endpoint.rows is not None:
        content["text/csv"] = {"schema": {"type": "string"}}
    return {
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": "found", "content": content},
            "400": {"description": "a value that cannot be used"},
            "401": {"description": "nobody who may see anything"},
            "404": {"description": "nothing of that name that the asker may see"},
        },
    }


def _schema(kind: Any, schemas: MutableMapping[str, object]) -> dict[str, object]:
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        parts = [_schema(part, schemas) for part in typing.get_args(kind) if part is not type(None)]
        return {"anyOf": [*parts, {"type": "null"}]}
    if origin is tuple:
        return {"type": "array", "items": _schema(typing.get_args(kind)[0], schemas)}
    if is_dataclass(kind) and isinstance(kind, type):
        if kind.__name__ not in schemas:
            schemas[kind.__name__] = {}
            schemas[kind.__name__] = _record(kind, schemas)
        return {"$ref": f"#/components/schemas/{kind.__name__}"}
    return dict(_PLAIN[kind])


def _record(kind: type, schemas: MutableMapping[str, object]) -> dict[str, object]:
    hints = typing.get_type_hints(kind)
    of = {each.name: hints[each.name] for each in fields(kind)}
    for name, found in vars(kind).items():
        if isinstance(found, property) and found.fget is not None:
            of[name] = typing.get_type_hints(found.fget)["return"]
    properties = {name: _schema(each, schemas) for name, each in of.items()}
    return {"type": "object", "properties": properties, "required": list(properties)}
