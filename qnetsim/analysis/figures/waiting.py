"""How long served requests waited: cumulative distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.figures.policy_marks import policy_line
from qnetsim.analysis.figures.style import SCREEN, Style, hide_frame, styled
from qnetsim.analysis.waits import Waits

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def waiting_figure(comparison: Comparison, *, style: Style = SCREEN) -> Figure:
    """Share of the served requests that had their first keys within a time, all worlds."""
    figure = style.canvas(6.4, 3.6)
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
            label=policy.name,
            **policy_line(number, style, 1.6),
        )
    axes.set_xlabel("waiting time until the first keys (s)")
    axes.set_ylabel("share of served requests")
    axes.set_ylim(max(0.0, least - 0.1 * (1 - least) - 0.01), 1.005)
    axes.set_xlim(left=0)
    axes.legend(loc="lower right", handlelength=2.8 if style.placed else 2.0)
    hide_frame(axes)
    return figure
