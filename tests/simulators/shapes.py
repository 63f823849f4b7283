"""How each vendor writes an answer: events of a stream, a whole answer, an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

MODEL_ID = "chatcmpl-simulated"
CREATED = 1_763_000_000


@dataclass(frozen=True)
class Tokens:
    """What the provider counts for one answer; `input` is everything, cached included."""

    input: int
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0


class Shape(Protocol):
    """One vendor's way of writing. Events are (event name or "", JSON object or a literal string)."""

    def start(self, model: str, tokens: Tokens) -> list[tuple[str, Any]]: ...

    def piece(self, model: str, text: str) -> tuple[str, Any]: ...

    def end(
        self, model: str, finish: str, tokens: Tokens | None, cost: str | None, wanted: bool
    ) -> list[tuple[str, Any]]: ...

    def whole(self, model: str, text: str, finish: str, tokens: Tokens, cost: str | None) -> Any: ...

    def error(self, status: int, message: str) -> Any: ...

    def error_event(self, message: str) -> tuple[str, Any]: ...


class OpenAIShape:
    """Chat completions."""

    finishes: ClassVar = {"stop": "stop", "length": "length", "refusal": "content_filter"}

    def _usage(self, tokens: Tokens, cost: str | None) -> dict[str, Any]:
        usage: dict[str, Any] = {
            "prompt_tokens": tokens.input,
            "completion_tokens": tokens.output,
            "total_tokens": tokens.input + tokens.output,
            "prompt_tokens_details": {"cached_tokens": tokens.cache_read, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": tokens.reasoning},
        }
        if cost is not None:
            usage["cost"] = float(cost)
        return usage

    def _chunk(self, model: str, choices: list[Any], **more: Any) -> tuple[str, Any]:
        return "", {
            "id": MODEL_ID,
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": model,
            "choices": choices,
            **more,
        }

    def start(self, model: str, tokens: Tokens) -> list[tuple[str, Any]]:
        delta = {"role": "assistant", "content": ""}
        return [self._chunk(model, [{"index": 0, "delta": delta, "finish_reason": None}])]

    def piece(self, model: str, text: str) -> tuple[str, Any]:
        return self._chunk(model, [{"index": 0, "delta": {"content": text}, "finish_reason": None}])

    def end(
        self, model: str, finish: str, tokens: Tokens | None, cost: str | None, wanted: bool
    ) -> list[tuple[str, Any]]:
        last = {"index": 0, "delta": {}, "finish_reason": self.finishes[finish]}
        events = [self._chunk(model, [last])]
        # Only who asks for usage with stream_options gets it.
        if tokens is not None and wanted:
            events.append(self._chunk(model, [], usage=self._usage(tokens, cost)))
        return [*events, ("", "[DONE]")]

    def whole(self, model: str, text: str, finish: str, tokens: Tokens, cost: str | None) -> Any:
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": self.finishes[finish], "logprobs": None}
        return {
            "id": MODEL_ID,
            "object": "chat.completion",
            "created": CREATED,
            "model": model,
            "choices": [choice],
            "usage": self._usage(tokens, cost),
        }

    def error(self, status: int, message: str) -> Any:
        return {"error": {"message": message, "type": "simulated_error", "param": None, "code": None}}

    def error_event(self, message: str) -> tuple[str, Any]:
        return "", {"error": {"message": message, "code": 502}}


class AnthropicShape:
    """Messages."""

    finishes: ClassVar = {"stop": "end_turn", "length": "max_tokens", "refusal": "refusal"}
    errors: ClassVar = {
        429: "rate_limit_error",
        529: "overloaded_error",
        401: "authentication_error",
        400: "invalid_request_error",
    }

    def _usage(self, tokens: Tokens, output: int) -> dict[str, Any]:
        return {
            "input_tokens": tokens.input - tokens.cache_read - tokens.cache_write,
            "cache_creation_input_tokens": tokens.cache_write,
            "cache_read_input_tokens": tokens.cache_read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": tokens.cache_write,
                "ephemeral_1h_input_tokens": 0,
            },
            "output_tokens": output,
            "output_tokens_details": {"thinking_tokens": tokens.reasoning},
            "server_tool_use": None,
            "service_tier": "standard",
            "inference_geo": None,
        }

    def _message(self, model: str, **more: Any) -> dict[str, Any]:
        return {
            "id": "msg_simulated",
            "type": "message",
            "role": "assistant",
            "model": model,
            "container": None,
            "stop_details": None,
            "stop_sequence": None,
            **more,
        }

    def start(self, model: str, tokens: Tokens) -> list[tuple[str, Any]]:
        message = self._message(model, content=[], stop_reason=None, usage=self._usage(tokens, 1))
        block = {"type": "text", "text": "", "citations": None}
        return [
            ("message_start", {"type": "message_start", "message": message}),
            ("content_block_start", {"type": "content_block_start", "index": 0, "content_block": block}),
            ("ping", {"type": "ping"}),
        ]

    def piece(self, model: str, text: str) -> tuple[str, Any]:
        delta = {"type": "text_delta", "text": text}
        return "content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta}

    def end(
        self, model: str, finish: str, tokens: Tokens | None, cost: str | None, wanted: bool
    ) -> list[tuple[str, Any]]:
        delta = {"stop_reason": self.finishes[finish], "stop_sequence": None}
        last: dict[str, Any] = {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 0}}
        if tokens is not None:
            last["usage"] = {
                "output_tokens": tokens.output,
                "output_tokens_details": {"thinking_tokens": tokens.reasoning},
            }
        return [
            ("content_block_stop", {"type": "content_block_stop", "index": 0}),
            ("message_delta", last),
            ("message_stop", {"type": "message_stop"}),
        ]

    def whole(self, model: str, text: str, finish: str, tokens: Tokens, cost: str | None) -> Any:
        return self._message(
            model,
            content=[{"type": "text", "text": text, "citations": None}],
            stop_reason=self.finishes[finish],
            usage=self._usage(tokens, tokens.output),
        )

    def error(self, status: int, message: str) -> Any:
        kind = self.errors.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_simulated"}

    def error_event(self, message: str) -> tuple[str, Any]:
        return "error", {"type": "error", "error": {"type": "overloaded_error", "message": message}}


class GeminiShape:
    """generateContent. No official client of Google's holds this one honest; it follows the REST reference."""

    finishes: ClassVar = {"stop": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}

    def _usage(self, tokens: Tokens) -> dict[str, Any]:
        spoken = tokens.output - tokens.reasoning
        usage = {
            "promptTokenCount": tokens.input,
            "candidatesTokenCount": spoken,
            "totalTokenCount": tokens.input + tokens.output,
        }
        if tokens.reasoning:
            usage["thoughtsTokenCount"] = tokens.reasoning
        if tokens.cache_read:
            usage["cachedContentTokenCount"] = tokens.cache_read
        return usage

    def start(self, model: str, tokens: Tokens) -> list[tuple[str, Any]]:
        return []

    def piece(self, model: str, text: str) -> tuple[str, Any]:
        content = {"role": "model", "parts": [{"text": text}]}
        return "", {"candidates": [{"content": content, "index": 0}], "modelVersion": model}

    def end(
        self, model: str, finish: str, tokens: Tokens | None, cost: str | None, wanted: bool
    ) -> list[tuple[str, Any]]:
        last: dict[str, Any] = {
            "candidates": [
                {"content": {"role": "model", "parts": []}, "finishReason": self.finishes[finish], "index": 0}
            ],
            "modelVersion": model,
        }
        if tokens is not None:
            last["usageMetadata"] = self._usage(tokens)
        return [("", last)]

    def whole(self, model: str, text: str, finish: str, tokens: Tokens, cost: str | None) -> Any:
        content = {"role": "model", "parts": [{"text": text}]}
        candidate = {"content": content, "finishReason": self.finishes[finish], "index": 0}
        return {"candidates": [candidate], "usageMetadata": self._usage(tokens), "modelVersion": model}

    def error(self, status: int, message: str) -> Any:
        return {"error": {"code": status, "message": message, "status": "SIMULATED"}}

    def error_event(self, message: str) -> tuple[str, Any]:
        return "", {"error": {"code": 503, "message": message, "status": "UNAVAILABLE"}}


SHAPES: dict[str, Shape] = {"openai": OpenAIShape(), "anthropic": AnthropicShape(), "gemini": GeminiShape()}
