"""Whether a text is a whole answer: one JSON object that fits its schema's form, with nothing missing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from reviewer.models.reasoning import without_reasoning

_TOOL_CALL: Final = re.compile(r"^<(?:tool_call|function_call)>|</(?:tool_call|function_call)>$")
# How deep an answer may lie inside what is put around it.
WRAPPERS: Final = 3


def whole_answer(text: str, schema: Mapping[str, Any]) -> str:
    """Return the answer where a text is exactly one whole JSON object with every property that its schema needs.

    A code fence around it and reasoning in front of it are taken off. "" for anything else, so that what was cut
    off, or is a draft among prose, never passes for an answer.
    """
    answer = _without_fence(without_reasoning(text).strip())
    if not answer.startswith("{"):
        return ""
    try:
        value = json.loads(answer, strict=False)
    except (ValueError, RecursionError):
        return ""
    required = schema.get("required") or schema.get("properties") or ()
    return answer if all(name in value for name in required) else ""


def begins_whole(text: str, schema: Mapping[str, Any]) -> str:
    """Return the whole answer that a text begins with, whatever follows it; "" where it begins with none."""
    answer = without_reasoning(text).lstrip()
    fence = answer.startswith("```")
    if fence:
        answer = answer.partition("\n")[2].lstrip()
    if not answer.startswith("{"):
        return ""
    try:
        _, end = json.JSONDecoder(strict=False).raw_decode(answer)
    except (ValueError, RecursionError):
        return ""
    return whole_answer(answer[:end], schema)


def _without_fence(text: str) -> str:
    if not text.startswith("```"):
        return text
    return text.partition("\n")[2].rstrip().removesuffix("```").strip()


def unwrapped(text: str, schema: Mapping[str, Any]) -> str:
    """Return the answer without what some models put around it; any other text as it is.

    Taken off are the form of a tool call (`{"name": …, "arguments": {…}}`, also as a string or between
    `<tool_call>` tags), an object with the answer as its one fitting member, and a second encoding of a list or
    object as a string. Nothing is guessed: the parts are whole JSON, and one alone has what the schema requires.
    """
    required = tuple(schema.get("required") or ())
    if not required:
        return text
    inner = _TOOL_CALL.sub("", _without_fence(text.strip())).strip()
    value = _loads(inner)
    found = [item for item in _objects(value) if all(name in item for name in required)]
    if len(found) != 1:
        return text
    answer = {name: _decoded(item, schema["properties"].get(name)) for name, item in found[0].items()}
    return text if answer == value else json.dumps(answer, ensure_ascii=False)


def _objects(value: object, depth: int = WRAPPERS) -> Iterator[Mapping[str, Any]]:
    """Yield an object, else those inside it: an answer inside an answer is a part of it and no other."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = _loads(value)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, Mapping):
        yield value
        if depth:
            for child in value.values():
                yield from _objects(child, depth - 1)


def _decoded(value: object, schema: object) -> object:
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    if isinstance(value, str) and kind in ("array", "object"):
        inner = _loads(value)
        if isinstance(inner, list if kind == "array" else dict):
            return inner
    return value


def _loads(text: str) -> object:
    try:
        value: object = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    return value
