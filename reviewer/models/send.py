"""One attempt: send a request, read the answer inside its limits, and give back what was heard."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from reviewer.egress import EgressRefused
from reviewer.models.clocking import PhaseClock, TimeLimits, clocked
from reviewer.models.error_body import ErrorBody, parse_error
from reviewer.models.faults import FaultKind, ProviderFault, error_event, fault_of_answer
from reviewer.models.heard import Heard
from reviewer.models.listen import Listener
from reviewer.models.model import Completion, FinishReason
from reviewer.models.reasoning import without_reasoning
from reviewer.models.whole import begins_whole, unwrapped, whole_answer
from reviewer.models.window import prompt_cut
from reviewer.models.wire import Ask, Reader, WireProtocol, WireRequest

if TYPE_CHECKING:
    import httpx

MIB: Final = 1024 * 1024
ANSWER_LIMIT: Final = 10 * MIB
ERROR_LIMIT: Final = 64 * 1024
# Our id of a call, to look it up in a provider's records. OpenAI documents the header (ASCII, at most 512
# characters); no other provider forbids it, and a field that is not known is ignored (RFC 9110, 5.1).
# https://platform.openai.com/docs/api-reference/debugging-requests
OUR_ID: Final = "x-client-request-id"
# The provider's own id, in the headers of an answer or a refusal: OpenAI's word and Anthropic's.
THEIR_IDS: Final = ("x-request-id", "request-id")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One call that is about to be sent. `our_id` is the id that the provider is asked to file it under, or ""."""

    ask: Ask
    protocol: WireProtocol
    key: str = field(repr=False, default="")
    our_id: str = ""

    def headers(self, request: WireRequest) -> dict[str, str]:
        """Return the headers, the key among them. Raises ProviderFault for a key that no header can carry."""
        headers = {**request.headers, "content-type": "application/json", "accept": "text/event-stream"}
        # A compressed answer could unfold to more than any limit before it is counted.
        headers["accept-encoding"] = "identity"
        if self.our_id:
            headers[OUR_ID] = self.our_id
        if not all("!" <= char <= "~" for char in self.key):
            # httpx would put the key into its error.
            text = "cannot be asked: its key holds a line end, a blank or a letter that no HTTP header can carry"
            raise ProviderFault(FaultKind.KEY_REFUSED, text, sent=False)
        if self.key:
            bearer = request.key_header == "authorization"
            headers[request.key_header] = f"Bearer {self.key}" if bearer else self.key
        return headers


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends requests. `redact` takes every secret out of a text before anything else sees it."""

    offline: bool = False
    limits: TimeLimits = field(default_factory=TimeLimits)
    answer_limit: int = ANSWER_LIMIT
    redact: Callable[[str], str] = lambda text: text
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic

    def send(self, outgoing: Outgoing, heard: Heard, stopped: Callable[[], bool] = lambda: False) -> Completion:
        """Make one attempt and return the answer; `heard` is filled as it arrives. Raises ProviderFault.

        `stopped` is asked a few times a second, so that a process that goes down does not wait for its models.
        """
        ask = outgoing.ask
        request = outgoing.protocol.write(ask)
        limits = self.limits
        if not ask.streams:
            # Nothing is said before everything is.
            limits = replace(limits, first_token=limits.total)
        clock = PhaseClock(limits, self.monotonic, stopped)
        started = self.monotonic()
        heard.reader = outgoing.protocol.reader()
        try:
            self._exchange(outgoing, request, heard, clock)
        except ProviderFault as fault:
            if not self._finished(ask, heard, heard.reader, fault):
                raise self._sorted(fault, request.body) from None
        return self._completion(ask, heard, heard.reader, started)

    def _exchange(self, outgoing: Outgoing, request: WireRequest, heard: Heard, clock: PhaseClock) -> None:
        """Send the request and read the answer to its end."""
        # httpx costs 0.1 s of import, which a run answered from the cache never needs.
        import httpx  # noqa: PLC0415

        from reviewer.models.client import client_for  # noqa: PLC0415

        ask = outgoing.ask
        timeout = httpx.Timeout(
            connect=self.limits.connect, write=self.limits.write, read=None, pool=self.limits.total
        )
        headers = outgoing.headers(request)
        url = ask.candidate.base_url.rstrip("/") + request.path
        try:
            client = client_for(ask.candidate.base_url, offline=self.offline)
            with (
                clocked(clock),
                client.stream("POST", url, content=request.encoded(), headers=headers, timeout=timeout) as response,
            ):
                heard.status = response.status_code
                heard.request_id = next(filter(None, (response.headers.get(name) for name in THEIR_IDS)), "")
                if response.status_code != 200:
                    self._refused(response, ask, request, heard)
                else:
                    self._read(response, ask, heard, clock)
        except EgressRefused as error:
            raise ProviderFault(FaultKind.ADDRESS_REFUSED, str(error), sent=False) from None
        except httpx.ConnectTimeout:
            raise ProviderFault(
                FaultKind.TIMEOUT, f"no connection after {self.limits.connect:g} s", sent=False
            ) from None
        except httpx.ConnectError as error:
            raise ProviderFault(FaultKind.NETWORK, f"no connection: {self._said(error)}", sent=False) from None
        except (httpx.WriteError, httpx.WriteTimeout) as error:
            text = f"the connection broke before the request was sent: {self._said(error)}"
            raise ProviderFault(FaultKind.NETWORK, text, sent=False) from None
        except httpx.TimeoutException:
            raise ProviderFault(FaultKind.TIMEOUT, clock.reason()) from None
        except (httpx.TransportError, httpx.StreamError, httpx.DecodingError) as error:
            kind = FaultKind.CUT if heard.status == 200 else FaultKind.NETWORK
            raise ProviderFault(kind, f"the connection broke: {self._said(error)}") from None

    def _read(self, response: httpx.Response, ask: Ask, heard: Heard, clock: PhaseClock) -> None:
        listener = Listener(ask, heard, clock, limit=self.answer_limit)
        for chunk in response.iter_bytes():
            if listener.take(chunk):
                return
        listener.close()

    def _said(self, error: Exception) -> str:
        return self.redact(str(error)) or type(error).__name__

    def _refused(self, response: httpx.Response, ask: Ask, request: WireRequest, heard: Heard) -> None:
        """Raise the fault of an answer that is not 200, unless the error holds the answer itself."""
        body = b""
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > ERROR_LIMIT:
                break
        error = parse_error(body.decode("utf-8", "replace"))
        if not _take_generation(error, ask, heard):
            error = replace(error, text=self.redact(error.text))
            raise fault_of_answer(response.status_code, response.headers, error, self.now(), request.body)

    def _finished(self, ask: Ask, heard: Heard, reader: Reader, fault: ProviderFault) -> bool:
        """Tell whether the answer was complete before a fault came: an end without its last word is an end."""
        if fault.error is not None and _take_generation(fault.error, ask, heard):
            return True
        if fault.kind not in (FaultKind.CUT, FaultKind.TIMEOUT) or fault.error is not None or not fault.sent:
            return False
        if reader.ended:
            return True
        return bool(ask.prompt.schema) and bool(whole_answer(heard.text, ask.prompt.schema))

    def _sorted(self, fault: ProviderFault, body: Mapping[str, Any]) -> ProviderFault:
        """Sort an error inside an answer by the request that it is about, and take secrets out of it."""
        if fault.error is None:
            return fault
        where = "in the middle of an answer"
        return error_event(replace(fault.error, text=self.redact(fault.error.text)), where=where, body=body)

    def _completion(self, ask: Ask, heard: Heard, reader: Reader, started: float) -> Completion:
        usage, estimated = heard.usage(ask)
        if reader.usage is not None and (cut := prompt_cut(ask, reader.usage.input)):
            raise ProviderFault(FaultKind.PROMPT_CUT, cut)
        text, reason = _answer(ask, heard, reader)
        if not text.strip() and reason not in (FinishReason.REFUSAL, FinishReason.LENGTH):
            raise ProviderFault(FaultKind.EMPTY, "answered nothing")
        return Completion(
            text=text,
            finish_reason=reason,
            usage=usage,
            model=reader.model or ask.candidate.model,
            reported_cost=reader.reported_cost,
            latency_ms=round((self.monotonic() - started) * 1000),
            estimated=estimated,
            cut=heard.cut,
        )


def _take_generation(error: ErrorBody, ask: Ask, heard: Heard) -> bool:
    """Take the answer that a provider's own check refused (Groq), where it is whole all the same."""
    answer = whole_answer(error.generation, ask.prompt.schema) if error.generation and ask.prompt.schema else ""
    if answer:
        heard.text = answer
    return bool(answer)


def _answer(ask: Ask, heard: Heard, reader: Reader) -> tuple[str, FinishReason]:
    """Return the answer without reasoning, and why it ended."""
    if heard.cut:
        # What a model says after its answer is stopped and takes nothing from the answer.
        whole = begins_whole(heard.text, ask.prompt.schema) if heard.after_end else ""
        return (whole, FinishReason.STOP) if whole else (heard.text, FinishReason.RUNAWAY)
    text = without_reasoning(heard.text)
    if not text.strip() and ask.prompt.schema:
        # Some servers file the whole answer under reasoning (LM Studio, vLLM).
        text = whole_answer(reader.reasoning, ask.prompt.schema)
    return unwrapped(text, ask.prompt.schema), reader.finish_reason or FinishReason.STOP
