"""Fill: choose snippets by value per token until a budget is used, never the same lines twice."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from reviewer.context.model import ContextItem, ContextKind
from reviewer.context.snippets import Snippet

# How many of what did not fit a Choice names.
NEXT_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that could be shown: its forms, shortest first, and `value`, what the whole of it is worth."""

    path: str
    kind: ContextKind
    reason: str
    value: float
    forms: tuple[Snippet, ...]
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was not chosen: the budget in tokens, how many offers did not fit, and the most valuable of those."""

    budget: int
    left_out: int
    next: tuple[ContextItem, ...]


class Tariff(Protocol):
    """What items cost where they are shown, in the unit of the budget."""

    @property
    def frame(self) -> int:
        """What showing any item at all costs, at most."""
        ...

    @property
    def heading(self) -> int:
        """About what stands over each item, in characters: what makes a line of code dear."""
        ...

    @property
    def least(self) -> float:
        """The least worth of a form that is shown: one that says less than its heading is not."""
        ...

    def one(self, item: ContextItem) -> int:
        """Return about what an item adds."""
        ...

    def all(self, items: Sequence[ContextItem]) -> int:
        """Return exactly what these items cost together."""
        ...


@dataclass(frozen=True, slots=True)
class TextAlone:
    """The Tariff of bare snippets: no heading, no marks."""

    count: Callable[[str], int]
    frame: int = 0
    heading: int = 0
    least: float = 0.0

    def one(self, item: ContextItem) -> int:
        """Return the cost of the text."""
        return self.count(item.text)

    def all(self, items: Sequence[ContextItem]) -> int:
        """Return the cost of the texts."""
        return sum(map(self.one, items))


class _Prices:
    """What each form of each offer costs, asked once."""

    def __init__(self, offers: Sequence[Offer], tariff: Tariff) -> None:
        self._offers = offers
        self._tariff = tariff
        self._known: dict[tuple[int, int], int] = {}

    def price(self, offer: int, form: int) -> int:
        if (offer, form) not in self._known:
            self._known[offer, form] = self._tariff.one(_item(self._offers[offer], form, 0))
        return self._known[offer, form]

    def density(self, offer: int, form: int, taken: int | None = None) -> float:
        """Value per token of a form, over the form that is `taken` already."""
        forms = self._offers[offer].forms
        worth, price = forms[form].worth, self.price(offer, form)
        if taken is not None:
            worth, price = worth - forms[taken].worth, price - self.price(offer, taken)
        return self._offers[offer].value * worth / max(1, price)

    def densest(self, offer: int, forms: Sequence[int], taken: int | None = None) -> int | None:
        """Return the form with the most value for its length, None where there is none.

        By characters: most offers are never shown, and counting tokens of every form would cost more than the rest.
        """
        if len(forms) < 2:
            return forms[0] if forms else None
        known = self._offers[offer].forms
        worth, length = (
            (known[taken].worth, len(known[taken].text)) if taken is not None else (0.0, -self._tariff.heading)
        )
        return max(forms, key=lambda form: (known[form].worth - worth) / max(1, len(known[form].text) - length))


def fill(
    offers: Sequence[Offer], *, budget: int, tariff: Tariff, shown: Iterable[tuple[str, int, int]] = ()
) -> tuple[ContextItem, ...]:
    """Choose forms of offers that together cost at most `budget` by `tariff`, the best value per token first.

    Every offer starts at the form with the most value per token, or at a shorter one where that does not fit, and
    is traded for a longer one as the budget lasts: a line of code under a longer heading is dear. An offer whose
    lines are already shown (`shown` is path, first line, last line) is passed over. The result is in the order of
    value, and the same for the same arguments.
    """
    taken: dict[int, int] = {}
    lines: dict[str, set[int]] = {}
    for path, first, last in shown:
        lines.setdefault(path, set()).update(range(first, last + 1))
    prices = _Prices(offers, tariff)
    queue: list[tuple[float, int, int]] = []
    tried: set[tuple[int, int]] = set()

    def want(at: int, forms: Iterable[int]) -> None:
        form = prices.densest(at, [form for form in forms if (at, form) not in tried], taken.get(at))
        if form is not None:
            tried.add((at, form))
            heapq.heappush(queue, (-prices.density(at, form, taken.get(at)), at, form))

    for at, offer in enumerate(offers):
        if offer.value > 0:
            tried.update((at, form) for form in range(len(offer.forms)) if offer.forms[form].worth < tariff.least)
            want(at, range(len(offer.forms)))
    left = budget - tariff.frame
    while queue and left > 0:
        _, at, form = heapq.heappop(queue)
        offer, before = offers[at], taken.get(at)
        price = prices.price(at, form) - (prices.price(at, before) if before is not None else 0)
        seen = lines.setdefault(offer.path, set())
        span = offer.forms[form].lines
        known = before is None and len(span & seen) * 2 > len(span)
        if known:
            want(at, range(form + 1, len(offer.forms)))
        elif price <= left:
            taken[at] = form
            left -= price
            seen |= span
            want(at, range(form + 1, len(offer.forms)))
        else:
            want(at, range(0 if before is None else before + 1, form))
    return _held(offers, taken, prices, budget, tariff)


def _held(
    offers: Sequence[Offer], taken: dict[int, int], prices: _Prices, budget: int, tariff: Tariff
) -> tuple[ContextItem, ...]:
    """Return the items in the order of value; while they cost too much together, the least worth its price goes."""
    while True:
        chosen = sorted(taken, key=lambda at: (-offers[at].value, at))
        items = tuple(_item(offers[at], taken[at], prices.price(at, taken[at])) for at in chosen)
        if not items or tariff.all(items) <= budget:
            return items
        least = min(
            chosen, key=lambda at: (prices.density(at, taken[at], taken[at] - 1 if taken[at] else None), at)
        )
        if taken[least] and offers[least].forms[taken[least] - 1].worth >= tariff.least:
            taken[least] -= 1
        else:
            del taken[least]


def choice_of(
    offers: Sequence[Offer],
    items: Sequence[ContextItem],
    *,
    budget: int,
    tariff: Tariff,
    shown: Iterable[tuple[str, int, int]] = (),
) -> Choice:
    """Return what `fill` chose `items` from: an offer that is one of them, or is shown anyway, is not left out."""
    chosen = {(item.kind, item.path, item.reason) for item in items}
    lines: dict[str, set[int]] = {}
    for path, first, last in (*shown, *((item.path, item.start_line, item.end_line) for item in items)):
        lines.setdefault(path, set()).update(range(first, last + 1))
    left = [
        offer
        for offer in offers
        if offer.forms
        and offer.value > 0
        and (offer.kind, offer.path, offer.reason) not in chosen
        and not offer.forms[0].lines <= lines.get(offer.path, set())
    ]
    left.sort(key=lambda offer: -offer.value)
    nearest = (_item(offer, _shortest(offer, tariff), 0) for offer in left[:NEXT_SHOWN])
    return Choice(budget, len(left), tuple(replace(item, tokens=tariff.one(item)) for item in nearest))


def _shortest(offer: Offer, tariff: Tariff) -> int:
    """Return the number of the shortest form that would be shown, of the longest where none would."""
    shown = (number for number, form in enumerate(offer.forms) if form.worth >= tariff.least)
    return next(shown, len(offer.forms) - 1)


def _item(offer: Offer, number: int, tokens: int) -> ContextItem:
    form = offer.forms[number]
    return ContextItem(
        path=offer.path,
        start_line=form.start,
        end_line=form.end,
        text=form.text,
        kind=offer.kind,
        reason=offer.reason,
        tokens=tokens,
        symbol=offer.symbol,
    )
