"""The policy file as JSON Schema, for editors and CI: made from the keys, their readers and the defaults."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

from policies import narrowing
from policies.keys import KEYS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_ORGANISATION: Final = "Only the organisation's file may set it."


def policy_schema() -> dict[str, Any]:
    """Return the JSON Schema of both policy files, in the spelling of the documentation (`_` in keys)."""
    top: dict[str, Any] = {}
    text = resources.files("policies").joinpath("defaults/default.toml").read_text(encoding="utf-8")
    shipped = tomllib.loads(text)
    for name, key in KEYS.items():
        section, _, last = name.rpartition(".")
        table = top.setdefault(section, _table())["properties"] if section else top
        table[last] = {**key.read.schema, **_default(shipped, name)}
        if key.narrow is narrowing.forbidden:
            table[last]["description"] = _ORGANISATION
    return {"$schema": DIALECT, "title": "Policy of kilo-review", **_table(), "properties": top}


def _table() -> dict[str, Any]:
    return {"type": "object", "properties": {}, "additionalProperties": False}


def _default(shipped: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the default that the shipped file states, as JSON Schema's annotation; {} where it states none."""
    value: Any = shipped
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return {}
        value = value[part]
    return {"default": value}
