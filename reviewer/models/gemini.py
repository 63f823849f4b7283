"""Google Gemini generateContent; the key travels in a header (https://ai.google.dev/api/generate-content)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from reviewer.models.faults import error_event
from reviewer.models.manner import SYSTEM
from reviewer.models.model import FinishReason, Usage
from reviewer.models.schemas import for_gemini
from reviewer.models.wire import (
    Ask,
    Reader,
    WireProtocol,
    WireRequest,
    count,
    section,
    with_schema,
)

_REFUSALS: Final = frozenset(
    {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "IMAGE_SAFETY"}
)


def write(ask: Ask) -> WireRequest:
    """Write a streaming request; Gemini caches common prefixes by itself."""
    system = with_schema(ask.prompt.system, ask)
    parted = SYSTEM not in ask.without
    texts = ask.user_texts() if parted or not system else [system, *ask.user_texts()]
    parts = [{"text": text} for text in texts]
    config: dict[str, Any] = {"maxOutputTokens": ask.max_output_tokens}
    if ask.prompt.schema and ask.mode in ("schema", "json"):
        config["responseMimeType"] = "application/json"
        if ask.mode == "schema":
            config["responseJsonSchema"] = for_gemini(ask.prompt.schema)
    body: dict[str, Any] = {}
    if system and parted:
        body["systemInstruction"] = {"parts": [{"text": system}]}
    body["contents"] = [{"role": "user", "parts": parts}]
    body["generationConfig"] = config
    model = quote(ask.candidate.model.removeprefix("models/"), safe="")
    action = "streamGenerateContent?alt=sse" if ask.streams else "generateContent"
    return WireRequest(f"/models/{model}:{action}", {}, body, "x-goog-api-key")


class GeminiReader(Reader):
    """Reads `GenerateContentResponse` objects, streamed or whole."""

    def feed(self, event: str, data: Mapping[str, Any]) -> str:
        """Take one piece of an answer."""
        del event
        if data.get("error"):
            raise error_event(data["error"], where="in the middle of an answer")
        self.model = str(data.get("modelVersion") or self.model)
        self.answer_id = str(data.get("responseId") or self.answer_id)
        usage = section(data.get("usageMetadata"))
        if usage:
            self.usage = _read_usage(usage)
        if section(data.get("promptFeedback")).get("blockReason"):
            self.finish_reason = FinishReason.REFUSAL
            self.ended = True
        text = ""
        candidates = data.get("candidates")
        for candidate in candidates if isinstance(candidates, list) else ():
            if section(candidate).get("index", 0) == 0:
                text += self._text(section(candidate))
                self._finish(section(candidate).get("finishReason"))
        return text

    def whole(self, body: Mapping[str, Any]) -> str:
        """Take a whole answer."""
        text = self.feed("", body)
        self.ended = True
        return text

    def _text(self, candidate: Mapping[str, Any]) -> str:
        parts = section(candidate.get("content")).get("parts")
        text = ""
        for part in (section(item) for item in parts) if isinstance(parts, list) else ():
            if part.get("thought"):
                self.reasoning += str(part.get("text") or "")
            else:
                text += str(part.get("text") or "")
        return text

    def _finish(self, reason: object) -> None:
        if not reason:
            return
        if reason in _REFUSALS:
            self.finish_reason = FinishReason.REFUSAL
        else:
            self.finish_reason = FinishReason.LENGTH if reason == "MAX_TOKENS" else FinishReason.STOP
        self.ended = True


def _read_usage(usage: Mapping[str, Any]) -> Usage:
    thoughts = count(usage.get("thoughtsTokenCount"))
    prompt = count(usage.get("promptTokenCount"))
    return Usage(
        input=prompt,
        cache_read=min(count(usage.get("cachedContentTokenCount")), prompt),
        output=count(usage.get("candidatesTokenCount")) + thoughts,
        reasoning=thoughts,
    )


GEMINI: Final = WireProtocol("gemini", write, GeminiReader, ("schema", "json", "prompt"))
