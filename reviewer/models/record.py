"""The row of one attempt: what was used, what it cost, and whether the provider said so itself."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from policies.words import Payment, Tier
from reviewer.models.faults import ProviderFault, one_line
from reviewer.models.model import Call, Candidate, Completion, Stage, Usage
from reviewer.models.prices import Price
from reviewer.models.send import Heard
from reviewer.models.wire import Ask


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is known of an attempt before it is made; `started_ms` counts from the start of the review."""

    unit: str
    stage: Stage
    candidate: Candidate
    price: Price | None
    number: int
    started_ms: int

    def answered(self, completion: Completion, heard: Heard, ask: Ask) -> Call:
        """Return the row of an attempt that brought an answer."""
        return self._call(
            completion.usage,
            completion.reported_cost,
            latency_ms=completion.latency_ms,
            ok=True,
            error=f"cut: {completion.cut}" if completion.cut else "",
            estimated=completion.estimated,
            request_id=heard.their_id(ask),
        )

    def failed(self, fault: ProviderFault, heard: Heard, ask: Ask, latency_ms: int) -> Call:
        """Return the row of an attempt that failed; what the provider may bill for is counted, or estimated."""
        spoke = bool(heard.text) or (heard.reader is not None and heard.reader.usage is not None)
        billed = fault.may_be_billed or spoke
        usage, estimated = heard.usage(ask) if billed else (Usage(), False)
        reported = heard.reader.reported_cost if heard.reader else None
        return self._call(
            usage,
            reported if billed else Decimal(0),
            latency_ms=latency_ms,
            ok=False,
            error=one_line(f"{fault.kind}: {fault}"),
            estimated=estimated,
            request_id=heard.their_id(ask),
        )

    def _call(
        self,
        usage: Usage,
        reported: Decimal | None,
        *,
        latency_ms: int,
        ok: bool,
        error: str,
        estimated: bool,
        request_id: str,
    ) -> Call:
        computed = None if self.price is None else self.price.cost(usage)
        local = self.candidate.payment is Payment.LOCAL
        return Call(
            unit=self.unit,
            stage=self.stage,
            tier=Tier(self.candidate.tier),
            provider=self.candidate.provider,
            model=self.candidate.model,
            payment=self.candidate.payment,
            usage=usage,
            cost=Decimal(0) if local else computed if reported is None else reported,
            latency_ms=latency_ms,
            attempt=self.number,
            ok=ok,
            error=error,
            started_ms=self.started_ms,
            estimated=estimated,
            computed_cost=computed,
            request_id=request_id,
        )
