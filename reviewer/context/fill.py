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


def fill(
    offers: Sequence[Offer], *, budget: int, count: Callable[[str], int], shown: Iterable[tuple[str, int, int]] = ()
) -> tuple[ContextItem, ...]:
    """Choose forms of offers so that their tokens stay within `budget`, the best value per token first.

    Every offer starts at its shortest form and is traded for a longer one as the budget lasts. An offer whose
    lines are already shown (`shown` is path, first line, last line) is passed over. The result is in the order
    of value, and the same for the same arguments.
    """
    taken: dict[int, tuple[int, int]] = {}
    lines: dict[str, set[int]] = {}
    for path, first, last in shown:
        lines.setdefault(path, set()).update(range(first, last + 1))
    costs: dict[tuple[int, int], int] = {}

    def cost(offer: int, form: int) -> int:
        if (offer, form) not in costs:
            costs[offer, form] = count(offers[offer].forms[form].text)
        return costs[offer, form]

    def density(offer: int, form: int) -> float:
        worth, price = offers[offer].forms[form].worth, cost(offer, form)
        if form:
            worth, price = worth - offers[offer].forms[form - 1].worth, price - cost(offer, form - 1)
        return offers[offer].value * worth / max(1, price)

    queue = [(-density(at, 0), at, 0) for at, offer in enumerate(offers) if offer.forms and offer.value > 0]
    heapq.heapify(queue)
    left = budget
    while queue and left > 0:
        _, at, form = heapq.heappop(queue)
        offer = offers[at]
        paid = taken[at][1] if at in taken else 0
        price = cost(at, form) - paid
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
            heapq.heappush(queue, (-density(at, form + 1), at, form + 1))
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
