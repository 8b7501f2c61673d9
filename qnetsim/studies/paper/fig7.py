"""Fig. 7: deployment cost over the number of scenarios, whose mean level is ⌊|Ω|/3⌋."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qnetsim.scenario.lines import Key
from qnetsim.studies.paper.cost_figure import CostFigure, Point

LEVELS = (5, 10, 15, 20, 25)
MEAN: Key = ("demand", "mean")


@dataclass(frozen=True)
class ScenariosFigure(CostFigure):
    """A figure over |Ω|; the mean of the demand follows it."""

    def point(self, topology: str, value: float) -> Point:
        """Levels, and the mean that the paper gives them."""
        found = super().point(topology, value)
        if not found.changes:
            return found
        return Point(topology, (*found.changes, (MEAN, int(value) // 3)))

    @property
    def own_keys(self) -> tuple[Key, ...]:
        """Levels and their mean."""
        return (self.key, MEAN)


def _on_both(values: Sequence[float]) -> dict[str, Sequence[float]]:
    return {"nsfnet": values, "usnet": values}


FIGURE = ScenariosFigure(
    name="fig7",
    title="Cost over the number of scenarios",
    factor="levels",
    axis="scenarios |Ω|",
    values=_on_both(LEVELS),
    key=("demand", "levels"),
    defaults={"nsfnet": 10, "usnet": 10},
    unfit="the shipped weights were trained for |Ω| = 10 and a mean of 3",
)
