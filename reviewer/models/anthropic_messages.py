"""Anthropic Messages, with cache breakpoints (https://platform.claude.com/docs/en/api/messages)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from reviewer.models.faults import error_event
from reviewer.models.model import FinishReason, Usage
from reviewer.models.schemas import for_anthropic
from reviewer.models.wire import Ask, Reader, WireProtocol, WireRequest, count, section, with_schema

VERSION: Final = "2023-06-01"
FINISH: Final = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "tool_use": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "refusal": FinishReason.REFUSAL,
}


def write(ask: Ask) -> WireRequest:
    """Write a streaming request; system text, shared part and a reusable question end at cache breakpoints."""
    system = with_schema(ask.prompt.system, ask)
    body: dict[str, Any] = {"model": ask.candidate.model, "max_tokens": ask.max_output_tokens}
    if system:
        body["system"] = [ask.cached(system)]
    body["messages"] = [{"role": "user", "content": ask.user_blocks()}]
    body["stream"] = True
    body = ask.allowed(body)
    body.update(_structured(ask))
    return WireRequest("/v1/messages", {"anthropic-version": VERSION}, body, "x-api-key")


def _structured(ask: Ask) -> dict[str, Any]:
    schema = ask.prompt.schema
    if not schema or ask.mode not in ("schema", "tool"):
        return {}
    if ask.mode == "schema":
        return {"output_config": {"format": {"type": "json_schema", "schema": for_anthropic(schema)}}}
    name = re.sub(r"[^A-Za-z0-9_-]", "_", ask.prompt.schema_name)[:128] or "answer"
    tool = {"name": name, "description": "Give the answer.", "input_schema": for_anthropic(schema)}
    return {"tools": [tool], "tool_choice": {"type": "tool", "name": name}}


class MessagesReader(Reader):
    """Reads `message_start` … `message_stop`, or one message."""

    def feed(self, event: str, data: Mapping[str, Any]) -> str:
        """Take one event."""
        kind = str(data.get("type") or event)
        if kind == "error":
            raise error_event(data.get("error"), where="in the middle of an answer")
        if kind == "message_start":
            message = section(data.get("message"))
            self.model = str(message.get("model") or "")
            self.answer_id = str(message.get("id") or "")
            self._usage(section(message.get("usage")))
        elif kind == "content_block_delta":
            delta = section(data.get("delta"))
            self.reasoning += str(delta.get("thinking") or "")
            text = delta.get("text") if delta.get("type") == "text_delta" else delta.get("partial_json")
            return text if isinstance(text, str) else ""
        elif kind == "message_delta":
            self._usage(section(data.get("usage")))
            self._finish(section(data.get("delta")).get("stop_reason"))
        elif kind == "message_stop":
            self.ended = True
        return ""

    def whole(self, body: Mapping[str, Any]) -> str:
        """Take a whole message."""
        if body.get("type") == "error":
            raise error_event(body.get("error"), where="instead of an answer")
        self.model = str(body.get("model") or "")
        self.answer_id = str(body.get("id") or "")
        self._usage(section(body.get("usage")))
        self._finish(body.get("stop_reason"))
        self.ended = True
        text = ""
        for block in body.get("content") or ():
            part = section(block)
            if part.get("type") == "text":
                text += str(part.get("text") or "")
            elif part.get("type") == "tool_use":
                text += json.dumps(part.get("input"), ensure_ascii=False)
        return text

    def _finish(self, reason: object) -> None:
        if reason:
            # `message_stop` follows, unless a proxy drops it.
            self.ended = True
            self.finish_reason = FINISH.get(str(reason), FinishReason.STOP)

    def _usage(self, usage: Mapping[str, Any]) -> None:
        """Merge what is said at the start and, cumulatively, at the end; a field left out keeps what was said."""
        if not usage:
            return
        before = self.usage or Usage()
        read = _or(usage, "cache_read_input_tokens", before.cache_read)
        written = _or(usage, "cache_creation_input_tokens", before.cache_write)
        plain = _or(usage, "input_tokens", before.input - before.cache_read - before.cache_write)
        thinking = section(usage.get("output_tokens_details")).get("thinking_tokens")
        self.usage = Usage(
            input=plain + read + written,
            cache_read=read,
            cache_write=written,
            output=_or(usage, "output_tokens", before.output),
            reasoning=count(thinking) or before.reasoning,
        )


def _or(usage: Mapping[str, Any], name: str, before: int) -> int:
    value = usage.get(name)
    return before if value is None else count(value)


ANTHROPIC_MESSAGES: Final = WireProtocol("anthropic", write, MessagesReader, ("schema", "tool", "prompt"))
