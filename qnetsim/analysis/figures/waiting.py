"""How long served requests waited: cumulative distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.figures.policy_marks import policy_lines
from qnetsim.analysis.figures.style import SCREEN, Style, hide_frame, styled
from qnetsim.analysis.waits import Waits

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def waiting_figure(comparison: Comparison, *, style: Style = SCREEN) -> Figure:
    """Share of the served requests that had their first keys within a time, all worlds."""
    figure = style.canvas(6.4, 3.6)
    axes = figure.subplots()
    waits = [Waits.merged([run.waits for run in policy.runs]) for policy in comparison.policies]
    shares = [np.cumsum(w.counts) / max(int(w.counts.sum()), 1) for w in waits]
    least = min(float(share[0]) for share in shares)
    looks = policy_lines(shares, style, 1.6)
    for policy, mine, share, look in zip(comparison.policies, waits, shares, looks, strict=True):
        axes.step(mine.upto_s, share, where="post", label=policy.name, **look)
    axes.set_xlabel("waiting time until the first keys (s)")
    axes.set_ylabel("share of served requests")
    axes.set_ylim(max(0.0, least - 0.1 * (1 - least) - 0.01), 1.005)
    axes.set_xlim(left=0)
    axes.legend(loc="lower right", handlelength=2.8 if style.placed else 2.0)
    hide_frame(axes)
    return figure
