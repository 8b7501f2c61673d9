"""Figures of the paper as matplotlib figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from qnetsim.analysis.figures.style import SCREEN, Style
from qnetsim.studies.paper import fig4, fig5, fig9
from qnetsim.studies.paper.compute import COST_FIGURES, Computed
from qnetsim.studies.paper.cost_drawing import Lines, Mark, cost_panels
from qnetsim.studies.paper.cost_figure import FEDSAC, SCHEMES, TRAININGS, CostFigure, Scheme
from qnetsim.studies.paper.cost_rows import CostRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def drawings(computed: Computed, style: Style = SCREEN) -> Iterator[tuple[str, Figure]]:
    """Draw what was computed, by the names of the figures."""
    results = computed.results
    if results.losses:
        yield "fig4", fig4.figure(results.losses, style=style)
    for name, rows in results.costs.items():
        draw = fig5.draw(rows, style=style) if name == "fig5" else None
        yield name, draw or scheme_figure(COST_FIGURES[name], rows, style=style)
    if computed.curves:
        yield "fig9", fig9.figure(list(computed.curves), style=style)


def _label(scheme: Scheme) -> str:
    return f"{scheme.label} ({TRAININGS})" if scheme is FEDSAC else scheme.label


def scheme_figure(figure: CostFigure, rows: Sequence[CostRow], *, style: Style = SCREEN) -> Figure:
    """Cost of the schemes over the factor."""
    panels: dict[str, Lines] = {}
    for topology in dict.fromkeys(row.topology for row in rows):
        mine = [row for row in rows if row.topology == topology]
        panels[topology] = {
            _label(scheme): [
                Mark(row.value, row.analytic.total, row.total)
                for row in mine
                if row.scheme == scheme.name
            ]
            for scheme in SCHEMES
            if any(row.scheme == scheme.name for row in mine)
        }
    return cost_panels(panels, figure.axis, style=style)
