"""Fig. 6: deployment cost over the number of requests."""

from __future__ import annotations

from qnetsim.studies.paper.cost_figure import CostFigure

FIGURE = CostFigure(
    name="fig6",
    title="Cost over the number of requests",
    factor="requests",
    axis="model transmission requests |R|",
    values={"nsfnet": (20, 40, 60, 80, 100, 120), "usnet": (40, 80, 120, 160, 200, 240)},
    key=("demand", "requests"),
    defaults={"nsfnet": 100, "usnet": 200},
)
