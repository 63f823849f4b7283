"""OpenAI chat completions, which most servers speak (https://platform.openai.com/docs/api-reference/chat)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from policies.words import Payment
from reviewer.models.faults import FaultKind, ProviderFault
from reviewer.models.model import FinishReason, Usage
from reviewer.models.schemas import for_openai, strict_ready
from reviewer.models.wire import (
    Ask,
    Reader,
    WireProtocol,
    WireRequest,
    count,
    error_event,
    money,
    section,
    with_schema,
)

FINISH: Final = {
    "stop": FinishReason.STOP,
    "tool_calls": FinishReason.STOP,
    "function_call": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "content_filter": FinishReason.REFUSAL,
}
# Small local models wander at their default temperature; paid ones refuse the parameter or tune it themselves.
LOCAL_TEMPERATURE: Final = 0.2


def write(ask: Ask) -> WireRequest:
    """Write a streaming request that asks for usage."""
    body: dict[str, Any] = {
        "model": ask.candidate.model,
        "messages": _messages(ask),
        ask.dialect.output_limit: ask.max_output_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if ask.candidate.payment is Payment.LOCAL:
        body["temperature"] = LOCAL_TEMPERATURE
    if ask.dialect.reports_cost:
        body["usage"] = {"include": True}
    if ask.dialect.routes_by_training and ask.forbid_training:
        body["provider"] = {"data_collection": "deny"}
    body.update(_structured(ask))
    return WireRequest("/chat/completions", {}, body, ask.dialect.key_header)


def _messages(ask: Ask) -> list[dict[str, Any]]:
    system = with_schema(ask.prompt.system, ask)
    messages: list[dict[str, Any]] = []
    # Gateways hand cache breakpoints on to Anthropic; everybody else caches prefixes by themselves.
    # https://openrouter.ai/docs/features/prompt-caching
    if ask.dialect.reports_cost and ask.candidate.model.startswith("anthropic/"):
        if system:
            messages.append({"role": "system", "content": [_cached(system)]})
        parts = [_cached(ask.prompt.shared)] if ask.prompt.shared else []
        messages.append({"role": "user", "content": [*parts, {"type": "text", "text": ask.prompt.unit}]})
        return messages
    if system:
        messages.append({"role": "system", "content": system})
    text = "\n\n".join(part for part in (ask.prompt.shared, ask.prompt.unit) if part)
    messages.append({"role": "user", "content": text})
    return messages


def _cached(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}


def _structured(ask: Ask) -> dict[str, Any]:
    schema = ask.prompt.schema
    if not schema or ask.mode == "prompt":
        return {}
    if ask.mode == "json":
        return {"response_format": {"type": "json_object"}}
    name = re.sub(r"[^A-Za-z0-9_-]", "_", ask.prompt.schema_name)[:64] or "answer"
    strict = strict_ready(schema)
    if strict and ask.candidate.payment is not Payment.LOCAL:
        schema = for_openai(schema)
    if ask.mode == "tool":
        function = {"name": name, "parameters": schema, "strict": strict}
        return {
            "tools": [{"type": "function", "function": function}],
            "tool_choice": {"type": "function", "function": {"name": name}},
        }
    described = {"name": name, "schema": schema, "strict": strict}
    return {"response_format": {"type": "json_schema", "json_schema": described}}


class ChatReader(Reader):
    """Reads `chat.completion.chunk` events, or one `chat.completion`."""

    def feed(self, event: str, data: Mapping[str, Any]) -> str:
        """Take one chunk."""
        del event
        if data.get("error"):
            raise error_event(data["error"], where="in the middle of an answer")
        self._common(data)
        text = ""
        for choice in _choices(data):
            text += self._delta(section(choice.get("delta")))
            self._finish(choice)
        return text

    def whole(self, body: Mapping[str, Any]) -> str:
        """Take a whole completion."""
        if body.get("error"):
            raise error_event(body["error"], where="instead of an answer")
        self._common(body)
        choices = _choices(body)
        if not choices:
            raise ProviderFault(FaultKind.UNREADABLE, "answered without a choice")
        text = self._delta(section(choices[0].get("message")))
        self._finish(choices[0])
        self.ended = True
        return text

    def _common(self, data: Mapping[str, Any]) -> None:
        self.model = str(data.get("model") or self.model)
        self.answer_id = str(data.get("id") or self.answer_id)
        usage = section(data.get("usage"))
        if usage:
            self.usage = read_usage(usage)
            self.reported_cost = money(usage.get("cost"))

    def _delta(self, delta: Mapping[str, Any]) -> str:
        text = delta.get("content") or ""
        if delta.get("refusal"):
            self.finish_reason = FinishReason.REFUSAL
        for call in delta.get("tool_calls") or ():
            text += section(section(call).get("function")).get("arguments") or ""
        return text if isinstance(text, str) else ""

    def _finish(self, choice: Mapping[str, Any]) -> None:
        reason = choice.get("finish_reason")
        if not reason:
            return
        if reason == "error":
            raise error_event(choice.get("error") or "no explanation", where="in the middle of an answer")
        if self.finish_reason is not FinishReason.REFUSAL:
            self.finish_reason = FINISH.get(str(reason), FinishReason.STOP)
        self.ended = True


def _choices(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    choices = data.get("choices")
    return [section(choice) for choice in choices] if isinstance(choices, list) else []


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """Read `usage`; totals include cached and reasoning tokens even where a server counts reasoning beside them."""
    prompt = count(usage.get("prompt_tokens"))
    details = section(usage.get("prompt_tokens_details"))
    spoken = section(usage.get("completion_tokens_details"))
    cache_read = count(details.get("cached_tokens")) or count(usage.get("prompt_cache_hit_tokens"))
    return Usage(
        input=prompt,
        cache_read=min(cache_read, prompt),
        cache_write=min(count(details.get("cache_write_tokens")), prompt - min(cache_read, prompt)),
        # xAI counts reasoning beside completion_tokens and inside total_tokens; OpenAI inside both.
        output=max(count(usage.get("completion_tokens")), count(usage.get("total_tokens")) - prompt),
        reasoning=count(spoken.get("reasoning_tokens")),
    )


OPENAI_CHAT: Final = WireProtocol("openai", write, ChatReader, ("schema", "tool", "json", "prompt"))
