"""Fig. 5: what SIP's cost is made of when the same level is reserved for each request on each link.

First stage, second stage and both together over the reserved level, on both topologies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qnetsim.analysis.figures.style import SCREEN, Style
from qnetsim.studies.paper.cost_drawing import Lines, Mark, cost_panels
from qnetsim.studies.paper.cost_figure import CostFigure, FigureValue, Point, Scheme
from qnetsim.studies.paper.cost_rows import CostRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Reserved levels, from nothing to |Ω|.
LEVELS = range(11)


@dataclass(frozen=True)
class LevelFigure(CostFigure):
    """A figure whose factor is what is reserved, in one scenario for each topology."""

    def cells(self, topologies: Sequence[str], anew: bool = False) -> Iterator[FigureValue]:
        """A scheme for each level; none learns."""
        for topology in topologies:
            for level in self.values[topology]:
                name = f"level-{level:g}"
                scheme = Scheme(name, f"level {level:g}", f"level:level={level:g},label={name}")
                yield FigureValue(Point(topology), level, scheme)


FIGURE = LevelFigure(
    name="fig5",
    title="Cost structure over the reserved level",
    factor="level",
    axis="reserved level (channels per request and link)",
    values={"nsfnet": tuple(LEVELS), "usnet": tuple(LEVELS)},
)
#: Lines of the figure: the part of a row that each shows, and its label.
STAGES = {"first": "first stage", "second": "second stage", "total": "total"}


def draw(rows: Sequence[CostRow], *, style: Style = SCREEN) -> Figure:
    """First stage, second stage and total over the reserved level."""
    panels: dict[str, Lines] = {}
    for topology in dict.fromkeys(row.topology for row in rows):
        mine = [row for row in rows if row.topology == topology]
        panels[topology] = {
            label: [Mark(r.value, getattr(r.analytic, part), getattr(r, part)) for r in mine]
            for part, label in STAGES.items()
        }
    return cost_panels(panels, FIGURE.axis, style=style)
