"""How a model is asked, and how it is asked next after it refused a field or a way of structured output.

Each provider refuses something of its own; one rule takes the place of a table of them. A refusal that names a
field removes that field; one that names the way of structured output moves on to the next way; the last attempt of
a question asks in the plainest way there is. What was learned is kept for the model, so that the same request is
not refused twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from reviewer.models.error_body import ErrorBody

# The two names of the output limit in OpenAI's protocol.
OUTPUT_LIMITS: Final = ("max_completion_tokens", "max_tokens")
# Names of the output limit in every protocol: never left out, since the reservation rests on it.
_LIMITS: Final = (*OUTPUT_LIMITS, "maxOutputTokens")
# Words that name a way of structured output, by the way that they rule out.
_MODE_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "schema": frozenset(
        {"response_format", "json_schema", "output_config", "output_format", "responsejsonschema", "responseschema"}
        | {"grammar", "structured_outputs", "structured", "json_validate_failed", "response_mime_type"}
        | {"responsemimetype", "response_json_schema", "response_schema", "guided_json"}
    ),
    "tool": frozenset({"tools", "tool_choice", "tool", "function", "functions", "tool_use_failed"}),
    "json": frozenset(
        {"response_format", "json_object", "responsemimetype", "response_mime_type", "json_validate_failed"}
    ),
    "prompt": frozenset(),
}
# Fields of ours that a model may do without, in any protocol.
OPTIONAL: Final = frozenset({"temperature", "stream", "stream_options", "usage", "strict", "cache_control"})
# A virtual field: the system text moves into the user's message.
SYSTEM: Final = "system"
_SYSTEM_REFUSED: Final = re.compile(
    r"(system|developer) (role|message|prompt|instruction)s?\b.{0,40}\bnot\b|'system'.{0,60}\bnot support"
    r"|not support.{0,40}(system|developer) (role|message|prompt|instruction)|messages\[0\]\.role",
    re.IGNORECASE,
)
_OTHER_NAME: Final = re.compile(
    r"un(supported|known|recogni[sz]ed|expected)|not (supported|permitted|allowed)|extra|invalid parameter",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LEAST_OUTPUT: Final = 256
# Error texts are read so far for the names of fields.
_READ: Final = 4000


@dataclass(frozen=True, slots=True)
class Manner:
    """How one model is asked.

    `mode` is the way of structured output. `output_limit` is the name of the output limit, "" for the provider's
    own. `most_output` is the largest limit that the model takes, 0 where it refused none. `without` are the fields
    that are left out.
    """

    mode: str
    output_limit: str = ""
    most_output: int = 0
    without: frozenset[str] = frozenset()


def named_fields(error: ErrorBody, body: Mapping[str, Any]) -> frozenset[str]:
    """Return what of a request an error names: fields, ways of structured output, `name=4096` for a lower limit."""
    text = f"{error.field} {error.text}"[:_READ]
    words = {word.lower() for word in _WORD.findall(text)}
    named = {name for name in OPTIONAL if name in words and _holds(body, name)}
    if _uses_modes(body):
        named |= words & frozenset[str]().union(*_MODE_WORDS.values())
    if _SYSTEM_REFUSED.search(text) and _has_system(body):
        named.add(SYSTEM)
    limit = next((name for name in _LIMITS if name.lower() in words and _limit_of(body, name)), "")
    if limit:
        other = next((name for name in OUTPUT_LIMITS if name in words and name != limit), "")
        fits = [number for number in _numbers(text) if LEAST_OUTPUT <= number < _limit_of(body, limit)]
        if other or (limit in OUTPUT_LIMITS and _OTHER_NAME.search(text)):
            named.add(other or next(name for name in OUTPUT_LIMITS if name != limit))
        elif fits:
            named.add(f"{limit}={max(fits)}")
    return frozenset(named)


def next_manner(manner: Manner, named: frozenset[str], modes: Sequence[str], *, last: bool) -> Manner | None:
    """Return how to ask after a refusal that named something; None where nothing is left to change.

    `modes` are the ways of structured output that the protocol has, best first. `last` says that one attempt is
    left: it then asks in the plainest way.
    """
    changed = manner
    for name in named:
        word, _, number = name.partition("=")
        if number:
            changed = replace(changed, most_output=int(number))
        elif word in OUTPUT_LIMITS:
            changed = replace(changed, output_limit=word)
        elif word in OPTIONAL or word == SYSTEM:
            changed = replace(changed, without=changed.without | {word})
    refused = _MODE_WORDS[manner.mode] & named
    if refused and manner.mode != modes[-1]:
        later = modes[modes.index(manner.mode) + 1 :]
        changed = replace(changed, mode=next(mode for mode in later if not _MODE_WORDS[mode] & named))
    if last and changed != manner:
        plain = OPTIONAL - {"stream"}
        changed = replace(changed, mode=modes[-1], without=changed.without | plain)
    return changed if changed != manner else None


def _holds(value: object, name: str, depth: int = 6) -> bool:
    """Tell whether a request holds a key anywhere near its top, where fields such as `strict` lie."""
    if depth == 0:
        return False
    if isinstance(value, Mapping):
        return name in value or any(_holds(child, name, depth - 1) for child in value.values())
    return isinstance(value, list) and any(_holds(child, name, depth - 1) for child in value[:4])


def _uses_modes(body: Mapping[str, Any]) -> bool:
    config = body.get("generationConfig")
    return bool({"response_format", "tools", "output_config"} & body.keys()) or (
        isinstance(config, Mapping) and "responseMimeType" in config
    )


def _has_system(body: Mapping[str, Any]) -> bool:
    messages = body.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else {}
    return "systemInstruction" in body or (isinstance(first, Mapping) and first.get("role") == "system")


def _limit_of(body: Mapping[str, Any], name: str) -> int:
    config = body.get("generationConfig")
    value = (config if name == "maxOutputTokens" and isinstance(config, Mapping) else body).get(name)
    return value if isinstance(value, int) else 0


def _numbers(text: str) -> list[int]:
    return [int(digits.replace(",", "")) for digits in re.findall(r"\d{1,3}(?:,\d{3}){1,3}|\d{1,9}", text)]
