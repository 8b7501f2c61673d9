"""Cost of one run over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qnetsim.analysis.figures.policy_marks import policy_colour
from qnetsim.analysis.figures.pools import POINTS
from qnetsim.analysis.figures.style import SCREEN, Style, hide_frame, power_unit, styled
from qnetsim.trace import Trace
from qnetsim.vocabulary import BILL_COLUMNS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def run_figure(trace: Trace, *, style: Style = SCREEN) -> Figure:
    """Cost per slot over time, and its mean; many slots are averaged into steps."""
    costs = np.sum([trace.column(f"slots/{kind}") for kind in BILL_COLUMNS], axis=0)
    starts = np.unique(np.linspace(0, len(costs), POINTS + 1).astype(np.int64))[:-1]
    counts = np.diff(np.append(starts, len(costs)))
    unit = power_unit(float(costs.max(initial=0)))
    costs = costs / unit.factor
    figure = style.canvas(6.4, 3.2)
    axes = figure.subplots()
    if len(costs):
        axes.step(
            starts,
            np.add.reduceat(costs, starts) / counts,
            where="post",
            color=policy_colour(0),
            lw=1.2 * style.line,
            label=trace.policy,
        )
        axes.axhline(
            float(costs.mean()), color=policy_colour(1), ls="--", lw=1.2 * style.line, label="mean"
        )
        axes.legend(frameon=False, fontsize=style.small_pt)
    axes.set_xlabel("slot")
    axes.set_ylabel(f"cost per slot{unit.text}")
    hide_frame(axes)
    return figure
