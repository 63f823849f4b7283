"""Fill: choose snippets by value per token until a budget is used, never the same lines twice."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from reviewer.context.model import ContextItem, ContextKind
from reviewer.context.snippets import Snippet


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that could be shown: its forms, shortest first, and `value`, what the whole of it is worth."""

    path: str
    kind: ContextKind
    reason: str
    value: float
    forms: tuple[Snippet, ...]
    symbol: str = ""


class _Prices:
    """What each form of each offer costs, counted once."""

    def __init__(self, offers: Sequence[Offer], count: Callable[[str], int], frame: int | None) -> None:
        self._offers = offers
        self._count = count
        self._frame = frame
        self._known: dict[tuple[int, int], int] = {}

    def price(self, offer: int, form: int) -> int:
        if (offer, form) not in self._known:
            chosen = self._offers[offer]
            heading = 0
            if self._frame is not None:
                heading = self._frame + self._count(f"{chosen.path}:1000-1000 {chosen.reason}")
            self._known[offer, form] = self._count(chosen.forms[form].text) + heading
        return self._known[offer, form]

    def density(self, offer: int, form: int) -> float:
        """Value per token of a form over the one before it."""
        forms = self._offers[offer].forms
        worth, price = forms[form].worth, self.price(offer, form)
        if form:
            worth, price = worth - forms[form - 1].worth, price - self.price(offer, form - 1)
        return self._offers[offer].value * worth / max(1, price)


def fill(
    offers: Sequence[Offer],
    *,
    budget: int,
    count: Callable[[str], int],
    shown: Iterable[tuple[str, int, int]] = (),
    frame: int | None = None,
) -> tuple[ContextItem, ...]:
    """Choose forms of offers so that their tokens stay within `budget`, the best value per token first.

    What an item costs is its text and, unless `frame` is None, its heading (path, lines, reason) with `frame`
    tokens for the marks around it: a line of code under a longer heading is dear. Every offer starts at its
    shortest form and is traded for a longer one as the budget lasts. An offer whose lines are already shown
    (`shown` is path, first line, last line) is passed over. The result is in the order of value, and the same for
    the same arguments.
    """
    taken: dict[int, tuple[int, int]] = {}
    lines: dict[str, set[int]] = {}
    for path, first, last in shown:
        lines.setdefault(path, set()).update(range(first, last + 1))
    prices = _Prices(offers, count, frame)
    queue = [(-prices.density(at, 0), at, 0) for at, offer in enumerate(offers) if offer.forms and offer.value > 0]
    heapq.heapify(queue)
    left = budget
    while queue and left > 0:
        _, at, form = heapq.heappop(queue)
        offer = offers[at]
        paid = taken[at][1] if at in taken else 0
        price = prices.price(at, form) - paid
        seen = lines.setdefault(offer.path, set())
        span = offer.forms[form].lines
        known = at not in taken and len(span & seen) * 2 > len(span)
        if not known and price <= left:
            taken[at] = (form, paid + price)
            left -= price
            seen |= span
        elif not known and form == 0:
            continue
        if form + 1 < len(offer.forms):
            heapq.heappush(queue, (-prices.density(at, form + 1), at, form + 1))
    chosen = sorted(taken, key=lambda at: (-offers[at].value, at))
    return tuple(_item(offers[at], taken[at]) for at in chosen)


def _item(offer: Offer, taken: tuple[int, int]) -> ContextItem:
    form = offer.forms[taken[0]]
    return ContextItem(
        path=offer.path,
        start_line=form.start,
        end_line=form.end,
        text=form.text,
        kind=offer.kind,
        reason=offer.reason,
        tokens=taken[1],
        symbol=offer.symbol,
    )
