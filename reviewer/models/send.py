"""One attempt: send a request, read the stream inside its limits, and give back what was heard."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from reviewer.models.clocking import PhaseClock, TimeLimits, clocked
from reviewer.models.faults import FaultKind, ProviderFault, fault_of_answer, one_line
from reviewer.models.model import Completion, FinishReason, Usage
from reviewer.models.prices import estimate_tokens
from reviewer.models.runaway import RunawayGuard
from reviewer.models.stream import EventDecoder
from reviewer.models.wire import Ask, Reader, WireProtocol

if TYPE_CHECKING:
    import httpx

MIB: Final = 1024 * 1024
ANSWER_LIMIT: Final = 10 * MIB
ERROR_LIMIT: Final = 64 * 1024
# Our id of a call, for whoever looks for it in a provider's books. OpenAI documents the header (ASCII, at most 512
# characters); nobody else forbids it, and a field that is not known is ignored (RFC 9110, 5.1).
# https://platform.openai.com/docs/api-reference/debugging-requests
OUR_ID: Final = "x-client-request-id"
# The provider's own id, in the headers of an answer or a refusal: OpenAI's word and Anthropic's.
THEIR_IDS: Final = ("x-request-id", "request-id")
ID_LIMIT: Final = 200


@dataclass(slots=True)
class Heard:
    """What is known of an attempt, whether it ended well or not. `request_id` is from the answer's headers."""

    text: str = ""
    reader: Reader | None = None
    cut: str = ""
    status: int = 0
    request_id: str = ""

    def their_id(self, ask: Ask) -> str:
        """Return the id under which the provider has the call in its books, "" where it named none.

        A gateway's books go by the id of the answer, everybody else's by that of the request.
        """
        answer = self.reader.answer_id if self.reader else ""
        ids = (answer, self.request_id) if ask.dialect.reports_cost else (self.request_id, answer)
        return one_line(next(filter(None, ids), ""), limit=ID_LIMIT)

    def usage(self, ask: Ask) -> tuple[Usage, bool]:
        """Return the provider's usage, or an estimate of it and True."""
        said = self.reader.usage if self.reader else None
        spoken = estimate_tokens(self.text)
        if said is not None and (said.output or not self.text):
            # A cut stream's last word on output may be from its first event.
            if not self.cut and (self.reader is None or self.reader.ended):
                return said, False
            return Usage(
                said.input, said.cache_read, said.cache_write, max(said.output, spoken), said.reasoning
            ), True
        if said is not None:
            return Usage(said.input, said.cache_read, said.cache_write, spoken, said.reasoning), True
        prompt = ask.prompt.text + (json.dumps(ask.prompt.schema) if ask.prompt.schema else "")
        return Usage(input=estimate_tokens(prompt), output=spoken), True


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends requests. `redact` takes every secret out of a text before anything else sees it."""

    offline: bool = False
    limits: TimeLimits = field(default_factory=TimeLimits)
    answer_limit: int = ANSWER_LIMIT
    redact: Callable[[str], str] = lambda text: text
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic

    def send(
        self,
        ask: Ask,
        protocol: WireProtocol,
        key: str,
        heard: Heard,
        *,
        our_id: str = "",
        stopped: Callable[[], bool] = lambda: False,
    ) -> Completion:
        """Make one attempt and return the answer; `heard` is filled as it streams. Raises ProviderFault.

        `our_id` is what the provider is asked to file the call under, "" for nothing.
        `stopped` is asked a few times a second, so that a process that goes down does not wait for its models.
        """
        # httpx costs 0.1 s of import, which a run answered from the cache never needs.
        import httpx  # noqa: PLC0415

        from reviewer.models.client import client_for  # noqa: PLC0415

        request = protocol.write(ask)
        headers = {**request.headers, "content-type": "application/json", "accept": "text/event-stream"}
        # A compressed answer could unfold to more than any limit before it is counted.
        headers["accept-encoding"] = "identity"
        if our_id:
            headers[OUR_ID] = our_id
        if key:
            headers[request.key_header] = f"Bearer {key}" if request.key_header == "authorization" else key
        timeout = httpx.Timeout(
            connect=self.limits.connect, write=self.limits.write, read=None, pool=self.limits.total
        )
        clock = PhaseClock(self.limits, self.monotonic, stopped)
        started = self.monotonic()
        heard.reader = protocol.reader()
        try:
            client = client_for(ask.candidate.base_url, offline=self.offline)
            with (
                clocked(clock),
                client.stream(
                    "POST",
                    ask.candidate.base_url.rstrip("/") + request.path,
                    content=request.encoded(),
                    headers=headers,
                    timeout=timeout,
                ) as response,
            ):
                heard.status = response.status_code
                heard.request_id = next(filter(None, (response.headers.get(name) for name in THEIR_IDS)), "")
                if response.status_code != 200:
                    raise self._refusal(response)
                self._read(response, ask, heard, heard.reader, clock)
        except httpx.ConnectTimeout:
            raise ProviderFault(
                FaultKind.TIMEOUT, f"no connection after {self.limits.connect:g} s", sent=False
            ) from None
        except httpx.ConnectError as error:
            raise ProviderFault(FaultKind.NETWORK, f"no connection: {self._said(error)}", sent=False) from None
        except httpx.TimeoutException:
            raise ProviderFault(FaultKind.TIMEOUT, clock.reason()) from None
        except (httpx.TransportError, httpx.StreamError, httpx.DecodingError) as error:
            kind = FaultKind.CUT if heard.status == 200 else FaultKind.NETWORK
            raise ProviderFault(kind, f"the connection broke: {self._said(error)}") from None
        return self._completion(ask, heard, heard.reader, started)

    def _said(self, error: Exception) -> str:
        return self.redact(str(error)) or type(error).__name__

    def _refusal(self, response: httpx.Response) -> ProviderFault:
        body = b""
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > ERROR_LIMIT:
                break
        detail = self.redact(error_text(body.decode("utf-8", "replace")))
        return fault_of_answer(response.status_code, response.headers, detail, self.now())

    def _read(self, response: httpx.Response, ask: Ask, heard: Heard, reader: Reader, clock: PhaseClock) -> None:
        guard = RunawayGuard(
            max_output_tokens=ask.max_output_tokens, keys=ask.prompt.schema.get("properties", {}).keys()
        )
        streamed = response.headers.get("content-type", "").startswith("text/event-stream")
        decoder = EventDecoder()
        size = 0
        whole = b""
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > self.answer_limit:
                raise ProviderFault(FaultKind.TOO_LARGE, f"answered more than {self.answer_limit} bytes")
            if clock.left() <= 0:
                raise ProviderFault(FaultKind.TIMEOUT, clock.reason())
            if not streamed:
                whole += chunk
                continue
            for event, data in decoder.feed(chunk):
                if self._take(event, data, heard, reader, clock, guard):
                    return
        if not streamed:
            heard.text = reader.whole(_object(whole.decode("utf-8", "replace")))
            return
        for event, data in decoder.finish():
            if self._take(event, data, heard, reader, clock, guard):
                return
        if not reader.ended:
            raise ProviderFault(FaultKind.CUT, "the answer stopped before its end")

    def _take(
        self, event: str, data: str, heard: Heard, reader: Reader, clock: PhaseClock, guard: RunawayGuard
    ) -> bool:
        """Take one event; True where nothing more is wanted."""
        if data.strip() == "[DONE]":
            return True
        body = _object(data)
        text = reader.feed(event, body)
        if text or _thinks(body):
            clock.token()
        if not text:
            return False
        heard.text += text
        heard.cut = guard.feed(text)
        return bool(heard.cut)

    def _completion(self, ask: Ask, heard: Heard, reader: Reader, started: float) -> Completion:
        usage, estimated = heard.usage(ask)
        if not heard.text.strip() and reader.finish_reason not in (FinishReason.REFUSAL, FinishReason.LENGTH):
            raise ProviderFault(FaultKind.EMPTY, "answered nothing")
        return Completion(
            text=heard.text,
            finish_reason=FinishReason.RUNAWAY if heard.cut else reader.finish_reason or FinishReason.STOP,
            usage=usage,
            model=reader.model or ask.candidate.model,
            reported_cost=reader.reported_cost,
            latency_ms=round((self.monotonic() - started) * 1000),
            estimated=estimated,
            cut=heard.cut,
        )


def _object(text: str) -> Mapping[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise ProviderFault(FaultKind.UNREADABLE, "answered something that is not JSON")
    return body


def _thinks(body: Mapping[str, Any]) -> bool:
    """Return True where an event carries reasoning that we do not keep: the model is at work all the same."""
    delta = body.get("delta")
    if isinstance(delta, dict):
        return str(delta.get("type", "")).startswith("thinking")
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    inner = first.get("delta")
    if isinstance(inner, dict):
        return bool(inner.get("reasoning") or inner.get("reasoning_content"))
    return bool(body.get("candidates"))


def error_text(body: str) -> str:
    """Return the message of an error body in any of the shapes that providers use, else the body itself."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return body
    if isinstance(data, list) and data:
        data = data[0]
    if not isinstance(data, dict):
        return body
    error = data.get("error", data)
    if isinstance(error, dict):
        words = (error.get("code"), error.get("type"), error.get("message") or error.get("detail"))
        return " ".join(str(word) for word in words if isinstance(word, str) and word) or body
    return str(error)
