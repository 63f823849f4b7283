"""OpenAI chat completions, which most servers offer (https://platform.openai.com/docs/api-reference/chat)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from policies.words import Payment
from reviewer.models.faults import FaultKind, ProviderFault, error_event
from reviewer.models.manner import SYSTEM
from reviewer.models.model import FinishReason, Usage
from reviewer.models.schemas import for_openai, strict_ready
from reviewer.models.wire import (
    Ask,
    Reader,
    WireProtocol,
    WireRequest,
    count,
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
    body = ask.allowed(body)
    # Policy asked for it: never among the fields that are left out.
    if ask.dialect.routes_by_training and ask.forbid_training:
        body["provider"] = {"data_collection": "deny"}
    body.update(_structured(ask))
    return WireRequest("/chat/completions", {}, body, ask.dialect.key_header)


def _messages(ask: Ask) -> list[dict[str, Any]]:
    system = with_schema(ask.prompt.system, ask)
    messages: list[dict[str, Any]] = []
    # Gateways hand cache breakpoints on to Anthropic; everybody else caches prefixes by themselves.
    # https://openrouter.ai/docs/features/prompt-caching
    gateway = ask.dialect.reports_cost and ask.candidate.model.startswith("anthropic/")
    if gateway and "cache_control" not in ask.without:
        if system:
            messages.append({"role": "system", "content": [ask.cached(system)]})
        messages.append({"role": "user", "content": ask.user_blocks()})
        return messages
    parted = SYSTEM not in ask.without
    if system and parted:
        messages.append({"role": "system", "content": system})
    texts = ask.user_texts() if parted or not system else [system, *ask.user_texts()]
    messages.append({"role": "user", "content": "\n\n".join(texts)})
    return messages


def _structured(ask: Ask) -> dict[str, Any]:
    schema = ask.prompt.schema
    if not schema or ask.mode == "prompt":
        return {}
    if ask.mode == "json":
        return {"response_format": {"type": "json_object"}}
    name = re.sub(r"[^A-Za-z0-9_-]", "_", ask.prompt.schema_name)[:64] or "answer"
    strict = strict_ready(schema) and "strict" not in ask.without
    if strict and ask.candidate.payment is not Payment.LOCAL:
        schema = for_openai(schema)
    if ask.mode == "tool":
        function = {"name": name, "parameters": schema, **_strict(ask, strict=strict)}
        return {
            "tools": [{"type": "function", "function": function}],
            "tool_choice": {"type": "function", "function": {"name": name}},
        }
    described = {"name": name, "schema": schema, **_strict(ask, strict=strict)}
    return {"response_format": {"type": "json_schema", "json_schema": described}}


def _strict(ask: Ask, *, strict: bool) -> dict[str, bool]:
    return {} if "strict" in ask.without else {"strict": strict}


class ChatReader(Reader):
    """Reads `chat.completion.chunk` events, or one `chat.completion`.

    Of several choices the first is read, and of several tool calls the first.
    """

    def __init__(self) -> None:
        super().__init__()
        self._choice: object = None
        self._call: object = None
        self._spoke = False

    def feed(self, event: str, data: Mapping[str, Any]) -> str:
        """Take one chunk."""
        del event
        self._refuse_error(data, "in the middle of an answer")
        self._common(data)
        text = ""
        for choice in _choices(data):
            number = choice.get("index", 0)
            if self._choice is None:
                self._choice = number
            if number != self._choice:
                continue
            # Some servers send `message` for `delta`, others add the whole message to their last chunk.
            delta = section(choice.get("delta"))
            said = self._delta(delta or ({} if self._spoke else section(choice.get("message"))))
            self._spoke = self._spoke or bool(delta and said)
            text += said
            self._finish(choice)
        return text

    def whole(self, body: Mapping[str, Any]) -> str:
        """Take a whole completion."""
        self._refuse_error(body, "instead of an answer")
        self._common(body)
        choices = _choices(body)
        if not choices:
            if body.get("message") or body.get("detail"):
                raise error_event(body, where="instead of an answer")
            raise ProviderFault(FaultKind.UNREADABLE, "answered without a choice")
        text = self._delta(section(choices[0].get("message")) or section(choices[0].get("delta")))
        self._finish(choices[0])
        self.ended = True
        return text

    def _refuse_error(self, data: Mapping[str, Any], where: str) -> None:
        if data.get("error"):
            raise error_event(data["error"], where=where)
        if data.get("object") == "error":
            raise error_event(data, where=where)

    def _common(self, data: Mapping[str, Any]) -> None:
        self.model = str(data.get("model") or self.model)
        self.answer_id = str(data.get("id") or self.answer_id)
        usage = section(data.get("usage"))
        if usage:
            self.usage = read_usage(usage)
            self.reported_cost = reported_cost(usage)

    def _delta(self, delta: Mapping[str, Any]) -> str:
        text, thought = _content(delta.get("content"))
        spoken = delta.get("reasoning_content") or delta.get("reasoning") or ""
        self.reasoning += thought + (spoken if isinstance(spoken, str) else "")
        if delta.get("refusal"):
            self.finish_reason = FinishReason.REFUSAL
        calls = delta.get("tool_calls")
        for call in [section(found) for found in calls] if isinstance(calls, list) else ():
            number = call.get("index", call.get("id"))
            if self._call is None:
                self._call = number
            if number == self._call:
                text += _arguments(call.get("function"))
        return text + _arguments(delta.get("function_call"))

    def _finish(self, choice: Mapping[str, Any]) -> None:
        reason = choice.get("finish_reason")
        if not reason:
            return
        if reason == "error":
            raise error_event(choice.get("error") or "no explanation", where="in the middle of an answer")
        if self.finish_reason is not FinishReason.REFUSAL:
            self.finish_reason = FINISH.get(str(reason), FinishReason.STOP)
        self.ended = True


def _content(content: object) -> tuple[str, str]:
    """Return the text and the reasoning of a message's content: a string, or a list of chunks (Mistral)."""
    if isinstance(content, str):
        return content, ""
    text = thought = ""
    for item in content if isinstance(content, list) else [content]:
        chunk = section(item)
        if isinstance(item, str):
            text += item
        elif isinstance(chunk.get("text"), str):
            text += chunk["text"]
        elif chunk.get("thinking"):
            thought += _content(chunk["thinking"])[0]
    return text, thought


def _arguments(function: object) -> str:
    """Return the arguments of a function call, which some servers send as an object."""
    arguments = section(function).get("arguments")
    if isinstance(arguments, Mapping):
        return json.dumps(arguments, ensure_ascii=False)
    return arguments if isinstance(arguments, str) else ""


def reported_cost(usage: Mapping[str, Any]) -> Decimal | None:
    """Return what a gateway says that a call cost in US dollars, None where it does not say all of it.

    With a key of the user's own behind the gateway, `cost` is the gateway's fee alone and the vendor's bill is in
    `cost_details` (https://openrouter.ai/docs/use-cases/byok); both are paid.
    """
    own = money(usage.get("cost"))
    upstream = money(section(usage.get("cost_details")).get("upstream_inference_cost"))
    byok = usage.get("is_byok")
    if byok is True:
        return None if upstream is None else (own or Decimal(0)) + upstream
    if own is None or byok is False:
        return own
    # Older answers lack `is_byok`: a vendor's bill above the gateway's is not part of it.
    if upstream is not None and upstream > own:
        return own + upstream
    # A zero that does not say whose key paid is no bill.
    return own or None


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
