"""Answer schemas in the dialects that providers accept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

# Keywords that OpenAI's strict mode refuses; with one of them in it a schema is sent without `strict`.
# https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
_NOT_STRICT: Final = frozenset(
    {"allOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "patternProperties"}
)
_NOT_STRICT_LENGTHS: Final = frozenset({"minLength", "maxLength"})
# Anthropic's structured outputs refuse these with a 400, so they are said in words instead.
# https://platform.claude.com/docs/en/build-with-claude/structured-outputs
_NOT_ANTHROPIC: Final = frozenset(
    {
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "minItems", "maxItems", "uniqueItems"),
    }
)
# What Gemini's `responseJsonSchema` knows; anything else is left out.
# https://ai.google.dev/api/generate-content#FIELDS.response_json_schema
_GEMINI: Final = frozenset(
    {
        *(
            "$id",
            "$defs",
            "$ref",
            "$anchor",
            "type",
            "format",
            "title",
            "description",
            "enum",
            "items",
            "prefixItems",
        ),
        *("minItems", "maxItems", "minimum", "maximum", "anyOf", "oneOf", "properties", "additionalProperties"),
        *("required", "propertyOrdering"),
    }
)
_NAMES: Final = frozenset({"properties", "$defs"})  # their keys are names, not keywords


def strict_ready(schema: Mapping[str, Any]) -> bool:
    """Return True where OpenAI's strict mode takes the schema: closed objects that require every property."""
    if _NOT_STRICT & schema.keys():
        return False
    if schema.get("type") == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(properties):
            return False
    return all(strict_ready(child) for child in _children(schema))


def for_openai(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a strict-ready schema with the lengths of strings, which strict mode refuses, said in words."""
    return _in_words(schema, _NOT_STRICT_LENGTHS, for_openai)


def for_anthropic(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema with closed objects, and its sizes and ranges moved into the descriptions."""
    result = _in_words(schema, _NOT_ANTHROPIC, for_anthropic)
    if result.get("type") == "object" or "properties" in result:
        result["additionalProperties"] = False
    return result


def _in_words(
    schema: Mapping[str, Any], refused: frozenset[str], change: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    limits = []
    for key, value in schema.items():
        if key in refused:
            limits.append(f"{key} {value}")
        else:
            result[key] = _map(key, value, change)
    if limits:
        words = ", ".join(limits)
        result["description"] = f"{result['description']} ({words})" if result.get("description") else f"({words})"
    values = result.get("enum")
    if "type" not in result and isinstance(values, list) and all(isinstance(value, str) for value in values):
        result["type"] = "string"
    return result


def for_gemini(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema with only the keywords that Gemini knows; `const` becomes an `enum` of one."""
    result = {key: _map(key, value, for_gemini) for key, value in schema.items() if key in _GEMINI}
    if "const" in schema:
        result["enum"] = [schema["const"]]
    return result


def _map(key: str, value: Any, change: Any) -> Any:
    if key in _NAMES and isinstance(value, Mapping):
        return {name: change(child) for name, child in value.items()}
    if key in ("enum", "required", "const", "default", "examples"):
        return value
    if isinstance(value, Mapping):
        return change(value)
    if isinstance(value, list):
        return [change(child) if isinstance(child, Mapping) else child for child in value]
    return value


def _children(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for key, value in schema.items():
        if key in ("enum", "required", "const", "default", "examples"):
            continue
        if key in _NAMES and isinstance(value, Mapping):
            found.extend(child for child in value.values() if isinstance(child, Mapping))
        elif isinstance(value, Mapping):
            found.append(value)
        elif isinstance(value, list):
            found.extend(child for child in value if isinstance(child, Mapping))
    return found
