"""ModelClient: put a question to a tier and return one answer; reserve, retry, fail over and settle on the way."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from policies.words import Payment, Tier
from reviewer.errors import BudgetRefused, ConfigurationError, KiloReviewError, ModelUnavailable, PolicyRefused
from reviewer.models.breaker import Breaker, LocalBreaker
from reviewer.models.catalogue import Usable
from reviewer.models.faults import UNHEALTHY, FaultKind, ProviderFault, one_line
from reviewer.models.heard import Heard
from reviewer.models.learned import Learned
from reviewer.models.manner import Manner
from reviewer.models.meter import CallIntent, Meter
from reviewer.models.model import Call, Candidate, Completion, Prompt, Stage
from reviewer.models.outcome import error_of
from reviewer.models.price_book import price_of
from reviewer.models.prices import Price, estimate_tokens, most_tokens
from reviewer.models.protocols import protocol_of
from reviewer.models.record import AttemptRecord
from reviewer.models.redact import redactor
from reviewer.models.retry import MAX_ATTEMPTS, Next, next_step, pause
from reviewer.models.send import Outgoing, Sender
from reviewer.models.slots import slots_of
from reviewer.models.wire import Ask
from reviewer.settings import Secret


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a question: a completion or an error, never both, and every attempt that it took."""

    completion: Completion | None
    calls: tuple[Call, ...] = ()
    error: KiloReviewError | None = None
    candidate: Candidate | None = None
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Question:
    """One `ask` while it runs."""

    prompt: Prompt
    tier: Tier
    unit: str
    stage: Stage
    attempt: int
    calls: list[Call] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    faults: list[tuple[Candidate, ProviderFault]] = field(default_factory=list)
    refusal: BudgetRefused | None = None
    waits: list[float] = field(default_factory=list)


class ModelClient:
    """Asks models. Safe to share between threads; units of a review are asked at the same time.

    `candidates_by_tier` holds usable models only, in order of preference; `refused` what policy or set-up rules
    out, for the error that says so. `keys` is by provider id. `concurrency` are its own calls in flight to each
    provider, 0 for the slots that all reviews of the process share. `clock` is in monotonic seconds.
    """

    def __init__(
        self,
        *,
        candidates_by_tier: Mapping[Tier, Sequence[Candidate]],
        keys: Mapping[str, Secret],
        meter: Meter,
        refused: Sequence[Usable] = (),
        prices: Callable[[Candidate], Price | None] = price_of,
        sender: Sender | None = None,
        breaker: Breaker | None = None,
        forbid_training: bool = False,
        concurrency: int = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._candidates = {tier: tuple(found) for tier, found in candidates_by_tier.items() if found}
        self._keys = dict(keys)
        self._meter = meter
        self._refused = tuple(refused)
        self._prices = prices
        self._sender = sender or Sender(redact=redactor(key.reveal() for key in keys.values()))
        self._breaker = breaker or LocalBreaker()
        self._forbid_training = forbid_training
        self._clock = clock
        self._started = clock()
        self._stopped = threading.Event()
        self._sleep = sleep or self._stopped.wait
        self._rng = rng or random.Random()  # noqa: S311 - jitter, no secret
        self._learned = Learned()
        self._slots = {
            candidate.provider: threading.BoundedSemaphore(concurrency)
            if concurrency
            else slots_of(candidate.provider, local=candidate.payment is Payment.LOCAL)
            for found in self._candidates.values()
            for candidate in found
        }

    @property
    def highest(self) -> Tier:
        """The highest tier with a usable candidate, FREE where there is none at all."""
        return max(self._candidates, default=Tier.FREE)

    @property
    def usable(self) -> bool:
        """True where any model can be asked."""
        return bool(self._candidates)

    def serving_tier(self, tier: Tier) -> Tier | None:
        """Return the tier that serves a request for `tier`: itself, else the next cheaper, else the next dearer."""
        cheaper = [found for found in self._candidates if found < tier]
        dearer = [found for found in self._candidates if found > tier]
        if tier in self._candidates:
            return tier
        return max(cheaper) if cheaper else min(dearer, default=None)

    def candidate(self, tier: Tier) -> Candidate | None:
        """Return the model that would be asked first for a tier, None where none is usable."""
        serving = self.serving_tier(tier)
        return None if serving is None else self._candidates[serving][0]

    def price(self, candidate: Candidate) -> Price | None:
        """Return the price that calls to a candidate are counted at."""
        return self._prices(candidate)

    def stop(self) -> None:
        """End what is being asked within half a second, and refuse what comes: the process is going down.

        What a provider may bill for an answer that was cut off so is settled, as for any cut.
        """
        self._stopped.set()

    def ask(self, prompt: Prompt, *, tier: Tier, unit: str, stage: Stage, attempt: int = 1) -> Answer:
        """Ask a tier and return what became of it; refusals and failures are in the answer, not raised.

        Only what makes further work pointless is raised: LedgerUnavailable and LeaseLost from the meter.
        """
        question = _Question(prompt, tier, unit, stage, attempt)
        serving = self.serving_tier(tier)
        if serving is None:
            return Answer(None, error=self._nothing_usable())
        candidates = self._candidates[serving]
        if serving is not tier:
            question.notes.append(
                f"no {tier.label} model is usable; {candidates[0].name} ({serving.label}) was asked instead"
            )
        for index, candidate in enumerate(candidates):
            answer = self._ask_candidate(question, candidate, others=index + 1 < len(candidates))
            if answer is not None:
                return answer
            if len(question.calls) >= MAX_ATTEMPTS or self._stopped.is_set():
                break
        return self._failed(question)

    def _ask_candidate(self, question: _Question, candidate: Candidate, *, others: bool) -> Answer | None:
        """Ask one model as often as its faults allow; None where the next one should be asked."""
        tries = 0
        while len(question.calls) < MAX_ATTEMPTS and not self._stopped.is_set():
            if why := self._unfit(question, candidate):
                question.notes.append(f"{candidate.name} was passed over: {why}")
                return None
            manner = self._learned.manner(candidate)
            try:
                completion, fault = self._attempt(question, candidate, manner)
            except BudgetRefused as refusal:
                question.refusal = refusal
                if refusal.rule == "unknown-price":
                    question.notes.append(f"{candidate.name} was passed over: its price is unknown")
                    return None
                return self._answer(question, None, refusal, candidate)
            if completion is not None:
                return self._answer(question, completion, None, candidate)
            assert fault is not None  # noqa: S101 - an attempt has one or the other
            tries += 1
            question.faults.append((candidate, fault))
            question.notes.append(f"{candidate.name} {one_line(str(fault))}")
            last = len(question.calls) + 1 >= MAX_ATTEMPTS
            simpler = fault.kind is FaultKind.UNSUPPORTED and self._learned.refused(
                candidate, manner, fault.named, last=last
            )
            step = next_step(fault, tries=tries, others=others, simpler=simpler)
            if step is Next.OTHER:
                return None
            if step is Next.SAME and len(question.calls) < MAX_ATTEMPTS:
                self._sleep(pause(fault, tries=tries, rng=self._rng))
        return None

    def _unfit(self, question: _Question, candidate: Candidate) -> str:
        wanted = estimate_tokens(question.prompt.text)
        window = self._learned.window(candidate)
        if wanted > window:
            return f"about {wanted} tokens do not fit its window of {window}"
        wait = self._breaker.wait(candidate.name)
        if wait:
            question.waits.append(wait)
            return f"it failed repeatedly and is left alone for another {wait:.0f} s"
        return ""

    def _attempt(
        self, question: _Question, candidate: Candidate, manner: Manner
    ) -> tuple[Completion | None, ProviderFault | None]:
        """Reserve, send, settle: exactly one HTTP request and exactly one row."""
        ask = Ask(
            question.prompt,
            candidate,
            self._learned.dialect(candidate, manner),
            manner.mode,
            self._forbid_training,
            manner.without,
            manner.most_output,
        )
        protocol = protocol_of(candidate)
        price = self._prices(candidate)
        number = question.attempt + len(question.calls)
        with self._slots[candidate.provider]:
            # What is sent bounds what is billed, so the bound is taken from the very bytes.
            bound = most_tokens(protocol.write(ask).encoded())
            worst = None if price is None else price.worst_case(bound, ask.max_output_tokens)
            reservation = self._meter.reserve(
                amount=None if worst is None else worst * self._learned.dearer(candidate),
                call=CallIntent(question.unit, question.stage, candidate.tier, candidate, number),
            )
            heard = Heard()
            started = self._clock()
            made = AttemptRecord(
                question.unit, question.stage, candidate, price, number, _ms(started - self._started)
            )
            try:
                outgoing = Outgoing(ask, protocol, self._key(candidate), our_id=reservation)
                completion = self._sender.send(outgoing, heard, self._stopped.is_set)
            except BaseException as error:
                fault = error if isinstance(error, ProviderFault) else _interrupted(error)
                call = made.failed(fault, heard, ask, _ms(self._clock() - started))
                self._settle(reservation, question, call)
                if fault is not error:
                    raise
                if fault.kind in UNHEALTHY and not self._stopped.is_set():
                    self._breaker.failed(candidate.name)
                if fault.kind is FaultKind.PROMPT_CUT:
                    self._learned.cut(candidate, call.usage.input)
                return None, fault
            call = made.answered(completion, heard, ask)
            self._settle(reservation, question, call)
            self._learned.billed(candidate, call.cost, call.computed_cost)
            self._breaker.succeeded(candidate.name)
            return completion, None

    def _settle(self, reservation: str, question: _Question, call: Call) -> None:
        question.calls.append(call)
        self._meter.settle(reservation, call)

    def _key(self, candidate: Candidate) -> str:
        key = self._keys.get(candidate.provider)
        return key.reveal() if key else ""

    def _answer(
        self,
        question: _Question,
        completion: Completion | None,
        error: KiloReviewError | None,
        candidate: Candidate | None,
    ) -> Answer:
        return Answer(completion, tuple(question.calls), error, candidate, tuple(question.notes))

    def _failed(self, question: _Question) -> Answer:
        if self._stopped.is_set():
            return self._answer(question, None, ModelUnavailable("stopped before a model answered"), None)
        if not question.faults and question.refusal is not None:
            return self._answer(question, None, question.refusal, None)
        error = error_of(question.faults, waits=question.waits, notes=question.notes)
        candidate = question.faults[-1][0] if question.faults else None
        return self._answer(question, None, error, candidate)

    def _nothing_usable(self) -> KiloReviewError:
        by_rule = [usable for usable in self._refused if usable.rule]
        if by_rule:
            first = by_rule[0]
            return PolicyRefused(
                f"provider policy permits no model that is set up; {first.candidate.name}: {first.reason}",
                rule=first.rule,
            )
        return ConfigurationError(
            "no model is usable",
            remedy="Set KILO_API_KEY or a provider's key, or start a local server; see `kilo-review models`.",
        )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _interrupted(error: BaseException) -> ProviderFault:
    return ProviderFault(FaultKind.CUT, f"interrupted by {type(error).__name__}")
