"""Cumulative cost of the policies above the reference, and where their decisions diverge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.divergence import cost_path
from qnetsim.analysis.figures.style import TEXT_COLOUR, hide_frame, policy_colour, styled
from qnetsim.trace import Trace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Points of each line.
POINTS = 400


@styled
def divergence_figure(
    comparison: Comparison, slots: Mapping[str, int | None], first: Mapping[str, Trace]
) -> Figure:
    """Cumulative cost above the reference against time, in the first world.

    Parameters
    ----------
    comparison : Comparison
    slots : mapping from policy to int or None
        First slot in which it reserves something else than the reference; None where there is none.
    first : mapping from policy to Trace
        Its open trace of the first world.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 3.4), layout="constrained")
    axes = figure.subplots()
    paths = {}
    slot_s = 1.0
    for name, trace in first.items():
        paths[name] = cost_path(trace, POINTS)
        slot_s = float(trace.attribute("slot_s") or 1.0)
    base = paths[comparison.reference][1]
    for number, policy in enumerate(comparison.policies):
        if policy.name == comparison.reference:
            continue
        ended, cost = paths[policy.name]
        axes.plot(
            np.append(0, ended) * slot_s,
            np.append(0, cost - base) / 1e6,
            color=policy_colour(number),
            lw=1.4,
            label=policy.name,
        )
        slot = slots.get(policy.name)
        if slot is not None:
            axes.plot(slot * slot_s, 0, marker="|", ms=10, color=policy_colour(number), zorder=3)
    axes.axhline(0, color=TEXT_COLOUR, lw=0.8)
    axes.set_xlabel("simulated time (s)")
    axes.set_ylabel(f"cost above {comparison.reference} so far (10⁶)", parse_math=False)
    axes.legend(frameon=False, fontsize=8, ncols=3)
    hide_frame(axes)
    return figure
