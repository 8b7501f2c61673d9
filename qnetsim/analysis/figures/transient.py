"""How runs settle: means over the replications against time, and the slots that are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.figures.policy_marks import legend_below, policy_legend, policy_lines
from qnetsim.analysis.figures.pools import POINTS, POINTS_PER_INCH
from qnetsim.analysis.figures.style import SCREEN, Style, bit_unit, hide_frame, power_unit, styled
from qnetsim.analysis.warm_up import SERIES
from qnetsim.arrays import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Most lengths of the warm-up that are shown, where one is left out.
CUTS_SHOWN = 8
#: Least share of a run that is shown.
LEAST_SHOWN = 0.1


def shown_slots(comparison: Comparison) -> int:
    """Slots from the start that are shown: the warm-up, and a while after it; else all."""
    cut = comparison.warm_up.slots
    if not cut:
        return comparison.slots
    wanted = max(CUTS_SHOWN * cut, int(LEAST_SHOWN * comparison.slots))
    return min(wanted, comparison.slots)


def _steps(values: FloatArray, most: int) -> tuple[FloatArray, FloatArray]:
    """First slot of each step and its mean; the last step is drawn to its end."""
    starts = np.unique(np.linspace(0, len(values), most + 1).astype(np.int64))[:-1]
    means = np.add.reduceat(values, starts) / np.diff(np.append(starts, len(values)))
    return np.append(starts, len(values)).astype(np.float64), np.append(means, means[-1])


@styled
def transient_figure(comparison: Comparison, *, style: Style = SCREEN) -> Figure:
    """Cost, bits in pools, and requests at hand against time; the warm-up is shaded."""
    transients = comparison.transients
    shown = shown_slots(comparison)
    names = [
        name for name in SERIES if any(series[name][:shown].any() for series in transients.values())
    ]
    figure = style.canvas(9.6, 0.9 + (1.9 if style.narrow else 1.6) * len(names))
    panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    points = POINTS if style.width_in is None else int(POINTS_PER_INCH * style.width_in)
    for axes, name in zip(panels, names, strict=True):
        lines = [
            _steps(transients[policy.name][name][:shown], points) for policy in comparison.policies
        ]
        most = max(float(means.max()) for _, means in lines)
        if name.startswith("bits"):
            unit = bit_unit(most)
            label = f"in pools ({unit.text})"
        else:
            unit = power_unit(most)
            label = f"{name}{unit.text}"
        looks = policy_lines([means for _, means in lines], style, 1.0)
        for (slots, means), look in zip(lines, looks, strict=True):
            axes.plot(slots, means / unit.factor, alpha=0.85, drawstyle="steps-post", **look)
        if comparison.warm_up.slots:
            axes.axvspan(0, comparison.warm_up.slots, color="0.6", alpha=0.25, lw=0)
            axes.axvline(comparison.warm_up.slots, color="0.4", lw=0.8 * style.line)
        axes.set_ylabel(_two_lines(label), fontsize=style.small_pt if style.placed else 9)
        hide_frame(axes)
    panels[-1].set_xlabel("slot")
    policies = [policy.name for policy in comparison.policies]
    policy_legend(figure, policies, style, legend_below(figure, style, policies, most=7))
    return figure


def _two_lines(label: str) -> str:
    return label.replace(" waiting", "\nwaiting")
