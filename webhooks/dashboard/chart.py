"""Bar charts as SVG: pure functions of numbers. The same numbers stand in a table below each chart."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from markupsafe import Markup

WIDTH: Final = 720
HEIGHT: Final = 160
GAP: Final = 2


def bars(title: str, values: Sequence[tuple[str, Decimal]]) -> Markup:
    """Return one bar a value, the highest as high as the chart; a chart of zeros is a line."""
    most = max((value for _, value in values), default=Decimal(0))
    step = Decimal(WIDTH) / max(1, len(values))
    marks = Markup("").join(
        Markup(
            '<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}"><title>{name}</title></rect>'
        ).format(
            x=step * place,
            y=HEIGHT - _height(value, most),
            w=max(Decimal(1), step - GAP),
            h=_height(value, most),
            name=f"{name}: {value:.4f} USD",
        )
        for place, (name, value) in enumerate(values)
    )
    return Markup(
        '<svg class="chart" role="img" aria-label="{title}" viewBox="0 0 {w} {h}">'
        '{marks}<line x1="0" y1="{h}" x2="{w}" y2="{h}"/></svg>'
    ).format(title=f"{title}; highest {most:.4f} USD", w=WIDTH, h=HEIGHT, marks=marks)


def _height(value: Decimal, most: Decimal) -> Decimal:
    return max(Decimal(0), value) / most * HEIGHT if most > 0 else Decimal(0)
