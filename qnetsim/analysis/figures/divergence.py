"""Cumulative cost of the policies above the reference, and where their decisions diverge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.divergence import cost_path
from qnetsim.analysis.figures.policy_marks import policy_colour, policy_lines
from qnetsim.analysis.figures.style import (
    SCREEN,
    TEXT_COLOUR,
    Style,
    hide_frame,
    power_unit,
    styled,
)
from qnetsim.trace import Trace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Points of each line.
POINTS = 400


@styled
def divergence_figure(
    comparison: Comparison,
    slots: Mapping[str, int | None],
    first: Mapping[str, Trace],
    *,
    style: Style = SCREEN,
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
    figure = style.canvas(9.6, 3.9 if style.narrow else 3.4)
    axes = figure.subplots()
    paths = {name: cost_path(trace, POINTS) for name, trace in first.items()}
    slot_s = first[comparison.reference].slot_s
    base = paths[comparison.reference][1]
    apart = {name: cost - base for name, (_, cost) in paths.items()}
    unit = power_unit(max(float(np.abs(cost).max()) for cost in apart.values()))
    looks = policy_lines([apart[policy.name] for policy in comparison.policies], style)
    for number, policy in enumerate(comparison.policies):
        if policy.name == comparison.reference:
            continue
        # a cost is there from the end of the slots that it sums
        axes.plot(
            np.append(0, paths[policy.name][0]) * slot_s,
            np.append(0, apart[policy.name]) / unit.factor,
            drawstyle="steps-post",
            label=policy.name,
            **looks[number],
        )
        slot = slots.get(policy.name)
        if slot is not None:
            look: dict[str, Any] = {
                "ms": 10 * style.line,
                "color": policy_colour(number),
                "zorder": 3,
            }
            axes.plot(slot * slot_s, 0, marker="|", **look)
    axes.axhline(0, color=TEXT_COLOUR, lw=0.8 * style.line)
    axes.set_xlabel("simulated time (s)")
    axes.set_ylabel(f"cost above {comparison.reference} so far{unit.text}", parse_math=False)
    if len(comparison.policies) > 1:
        handle = 2.8 if style.placed else 2.0
        axes.legend(ncols=2 if style.narrow else 3, handlelength=handle)
    hide_frame(axes)
    return figure
