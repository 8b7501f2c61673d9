"""Fig. 8: deployment cost over the on-demand prices, as multiples of those of Table II."""

from __future__ import annotations

from qnetsim.studies.paper.cost_figure import CostFigure

MULTIPLIERS = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)

FIGURE = CostFigure(
    name="fig8",
    title="Cost over the on-demand prices",
    factor="on_demand_multiplier",
    axis="on-demand prices (multiples of Table II)",
    values={"nsfnet": MULTIPLIERS, "usnet": MULTIPLIERS},
    key=("cost", "on_demand_multiplier"),
    defaults={"nsfnet": 1.0, "usnet": 1.0},
    unfit="the shipped weights were trained for the prices of Table II",
)
