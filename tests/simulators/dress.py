"""The forms other than a plain string in which servers of OpenAI's protocol carry an answer."""

from __future__ import annotations

from typing import Any

from tests.simulators.behaviour import Say

OTHER = '{"findings": "the second choice"}'


def dressed(data: Any, say: Say) -> Any:
    """Return an event or a whole answer in the dress of a Say; other protocols' come back as they are."""
    if not isinstance(data, dict) or "choices" not in data:
        return data
    choices = [_choice(choice, say) for choice in data["choices"]]
    if say.dress == "two" and choices:
        part = "message" if "message" in choices[0] else "delta"
        choices.insert(
            0 if choices[0].get("finish_reason") else 1, {**choices[0], "index": 1, part: {"content": OTHER}}
        )
    changed = {**data, "choices": choices}
    if data.get("usage"):
        changed["usage"] = {**data["usage"], **say.usage_fields}
    return changed


def _choice(choice: dict[str, Any], say: Say) -> dict[str, Any]:
    part = "message" if "message" in choice else "delta"
    message = choice[part]
    text = message.get("content")
    if text is not None and say.dress == "chunks":
        thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Let me look. "}]}
        message = {**message, "content": [thinking, {"type": "text", "text": text}]}
    elif text is not None and say.dress == "reasoning":
        message = {**message, "content": "", "reasoning_content": text}
    elif text and say.dress == "tool":
        function = {"name": "review", "arguments": text}
        message = {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}
    rest = {key: value for key, value in choice.items() if key != part}
    return {**rest, "message" if say.dress == "message" else part: message}
