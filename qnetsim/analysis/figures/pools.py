"""Keys over time: what pools hold, and what is taken from reserved channels and on demand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.figures.policy_marks import legend_below, policy_legend, policy_lines
from qnetsim.analysis.figures.style import SCREEN, Style, bit_unit, hide_frame, styled
from qnetsim.arrays import FloatArray
from qnetsim.trace import Trace
from qnetsim.vocabulary import POOLS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Most steps of a line on the screen and in each inch of a document; more slots are averaged.
POINTS = 160
POINTS_PER_INCH = 7


def mean_path(trace: Trace, *columns: str, points: int) -> tuple[FloatArray, FloatArray]:
    """Mean over the fibres of a sum of columns, averaged into at most so many steps.

    Returns
    -------
    at_s, bits : ndarray of float64
        Start of each step in simulated seconds, and its mean; last the end, with the last mean.
    """
    parts = [
        sum(block.mean(axis=1) for block in blocks)
        for blocks in zip(*(trace.blocks(column) for column in columns), strict=True)
    ]
    values = np.concatenate(parts)
    starts = np.unique(np.linspace(0, len(values), points + 1).astype(np.int64))[:-1]
    counts = np.diff(np.append(starts, len(values)))
    means = np.add.reduceat(values, starts) / counts
    at_s = np.append(starts, len(values)) * trace.slot_s
    return np.asarray(at_s, dtype=np.float64), np.append(means, means[-1])


@styled
def pools_figure(
    comparison: Comparison, first: Mapping[str, Trace], *, style: Style = SCREEN
) -> Figure:
    """Pool level and keys taken against time, in the first world, mean over the fibres.

    Parameters
    ----------
    comparison : Comparison
    first : mapping from policy to Trace
        Its open trace of the first world.
    style : Style
    """
    panels = {
        "left in pools": [f"slots/{pool}_stored_bits" for pool in POOLS],
        "reserved keys\ntaken": ["slots/reservation_consumed_bits"],
        "on-demand keys\ntaken": ["slots/on_demand_consumed_bits"],
    }
    if not any(policy.keys.pool_bits for policy in comparison.policies):
        del panels["left in pools"]
    figure = style.canvas(9.6, 0.9 + (1.9 if style.narrow else 1.6) * len(panels))
    rows = figure.subplots(len(panels), 1, sharex=True)
    points = POINTS if style.width_in is None else int(POINTS_PER_INCH * style.width_in)
    for axes, (title, columns) in zip(rows, panels.items(), strict=True):
        paths = [
            mean_path(first[policy.name], *columns, points=points) for policy in comparison.policies
        ]
        unit = bit_unit(max(float(bits.max()) for _, bits in paths))
        looks = policy_lines([bits for _, bits in paths], style, 1.0)
        for (times, bits), look in zip(paths, looks, strict=True):
            axes.plot(times, bits / unit.factor, alpha=0.85, drawstyle="steps-post", **look)
        axes.set_ylabel(f"{title} ({unit.text})", fontsize=style.small_pt if style.placed else 9)
        axes.set_ylim(bottom=0)
        hide_frame(axes)
    rows[-1].set_xlabel("simulated time (s)")
    names = [policy.name for policy in comparison.policies]
    policy_legend(figure, names, style, legend_below(figure, style, names, most=7))
    return figure
