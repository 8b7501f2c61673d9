"""Keys over time: what pools hold, and what is taken from reserved channels and on demand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.figures.style import hide_frame, policy_colour, styled
from qnetsim.arrays import FloatArray
from qnetsim.trace import Trace
from qnetsim.vocabulary import POOLS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Most points of a line; more slots are averaged.
POINTS = 160


def mean_path(trace: Trace, *columns: str) -> tuple[FloatArray, FloatArray]:
    """Mean over the fibres of a sum of columns, averaged into at most ``POINTS`` steps.

    Returns
    -------
    start_s, bits : ndarray of float64
        Start of each step in simulated seconds, and its mean.
    """
    parts = [
        sum(block.mean(axis=1) for block in blocks)
        for blocks in zip(*(trace.blocks(column) for column in columns), strict=True)
    ]
    values = np.concatenate(parts)
    starts = np.unique(np.linspace(0, len(values), POINTS + 1).astype(np.int64))[:-1]
    counts = np.diff(np.append(starts, len(values)))
    slot_s = float(trace.attribute("slot_s") or 1.0)
    return np.asarray(starts * slot_s, dtype=np.float64), np.add.reduceat(values, starts) / counts


@styled
def pools_figure(comparison: Comparison, first: Mapping[str, Trace]) -> Figure:
    """Pool level and keys taken against time, in the first world, mean over the fibres.

    Parameters
    ----------
    comparison : Comparison
    first : mapping from policy to Trace
        Its open trace of the first world.
    """
    from matplotlib.figure import Figure

    panels = {
        "left in pools (bit)": [f"slots/{pool}_stored_bits" for pool in POOLS],
        "reserved keys\ntaken (bit)": ["slots/reservation_consumed_bits"],
        "on-demand keys\ntaken (bit)": ["slots/on_demand_consumed_bits"],
    }
    if not any(policy.keys.pool_bits for policy in comparison.policies):
        del panels["left in pools (bit)"]
    figure = Figure(figsize=(9.6, 0.9 + 1.6 * len(panels)), layout="constrained")
    rows = figure.subplots(len(panels), 1, sharex=True)
    for number, policy in enumerate(comparison.policies):
        for axes, columns in zip(rows, panels.values(), strict=True):
            times, bits = mean_path(first[policy.name], *columns)
            axes.plot(
                times,
                bits,
                color=policy_colour(number),
                lw=1,
                alpha=0.85,
                drawstyle="steps-post",
                label=policy.name if axes is rows[0] else None,
            )
    for axes, title in zip(rows, panels, strict=True):
        axes.set_ylabel(title, fontsize=9)
        axes.set_ylim(bottom=0)
        axes.ticklabel_format(axis="y", style="plain")
        hide_frame(axes)
    rows[-1].set_xlabel("simulated time (s)")
    figure.legend(loc="outside lower center", ncols=7, fontsize=8, frameon=False)
    return figure
