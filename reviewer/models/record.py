"""The row of one attempt: what was used, what it cost, and whether the provider said so itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from policies.words import Payment, Tier
from reviewer.models.faults import ProviderFault, one_line
from reviewer.models.heard import Heard
from reviewer.models.model import Call, Candidate, Completion, Stage, Usage
from reviewer.models.prices import Price
from reviewer.models.wire import Ask


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """What is known of an attempt before it is made; `started_ms` counts from the start of the review."""

    unit: str
    stage: Stage
    candidate: Candidate
    price: Price | None
    number: int
    started_ms: int

    def answered(self, completion: Completion, heard: Heard, ask: Ask) -> Call:
        """Return the row of an attempt that brought an answer.

        Where the provider sent no usage, the bill is an estimate and the row is marked so.
        """
        computed = None if self.price is None else self.price.cost(completion.usage)
        return replace(
            self._call(heard, ask),
            ok=True,
            usage=completion.usage,
            cost=self._bill(completion.reported_cost, computed, ask),
            computed_cost=computed,
            latency_ms=completion.latency_ms,
            error=f"cut: {completion.cut}" if completion.cut else "",
            estimated=completion.estimated,
        )

    def failed(self, fault: ProviderFault, heard: Heard, ask: Ask, latency_ms: int) -> Call:
        """Return the row of an attempt that failed.

        What the provider may bill without having said how much has no cost: the ledger keeps its worst case as
        unconfirmed. `computed_cost` is then an estimate of it. Where the provider itself ended the answer with an
        error, what was heard until then is the most that it can bill, and the estimate is the cost.
        """
        spoke = bool(heard.text) or (heard.reader is not None and heard.reader.usage is not None)
        billed = fault.may_be_billed or spoke
        usage, estimated = heard.usage(ask) if billed else (Usage(), False)
        computed = None if self.price is None else self.price.cost(usage)
        cost: Decimal | None = Decimal(0)
        if billed:
            reported = heard.reader.reported_cost if heard.reader else None
            bounded = heard.billed_in_full or self._free or fault.error is not None
            cost = self._bill(reported, computed, ask) if bounded else None
        return replace(
            self._call(heard, ask),
            usage=usage,
            cost=cost,
            computed_cost=computed,
            latency_ms=latency_ms,
            error=one_line(f"{fault.kind}: {fault}"),
            estimated=estimated,
        )

    @property
    def _free(self) -> bool:
        return self.candidate.payment is Payment.LOCAL or (
            self.price is not None and self.price.worst_case(1, 1) == 0
        )

    def _bill(self, reported: Decimal | None, computed: Decimal | None, ask: Ask) -> Decimal | None:
        """Return what a call cost.

        The figure of a gateway that bills by it comes first. What any other server reports stands only where no
        price is known, and then a zero says nothing.
        """
        if self.candidate.payment is Payment.LOCAL:
            return Decimal(0)
        if reported is not None and ask.dialect.reports_cost:
            return reported
        return computed if computed is not None else reported or None

    def _call(self, heard: Heard, ask: Ask) -> Call:
        """Return the row without its outcome."""
        return Call(
            unit=self.unit,
            stage=self.stage,
            tier=Tier(self.candidate.tier),
            provider=self.candidate.provider,
            model=self.candidate.model,
            payment=self.candidate.payment,
            usage=Usage(),
            cost=None,
            latency_ms=0,
            attempt=self.number,
            ok=False,
            started_ms=self.started_ms,
            request_id=heard.their_id(ask),
        )
