"""How long served requests waited: cumulative distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.figures.style import hide_frame, policy_colour, styled
from qnetsim.analysis.waits import Waits

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def waiting_figure(comparison: Comparison) -> Figure:
    """Share of the served requests that had their first keys within a time, all worlds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    least = 1.0
    for number, policy in enumerate(comparison.policies):
        waits = Waits.merged([run.waits for run in policy.runs])
        served = max(int(waits.counts.sum()), 1)
        share = np.cumsum(waits.counts) / served
        least = min(least, float(share[0]))
        axes.step(
            waits.upto_s,
            share,
            where="post",
            color=policy_colour(number),
            lw=1.6,
            label=policy.name,
        )
    axes.set_xlabel("waiting time until the first keys (s)")
    axes.set_ylabel("share of served requests")
    axes.set_ylim(max(0.0, least - 0.1 * (1 - least) - 0.01), 1.005)
    axes.set_xlim(left=0)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    hide_frame(axes)
    return figure
