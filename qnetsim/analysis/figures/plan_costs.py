"""Costs of several plans: over one key of the scenario, and expected cost against CVaR."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from qnetsim.analysis.figures.policy_marks import policy_colour
from qnetsim.analysis.figures.style import (
    SCREEN,
    TEXT_COLOUR,
    Style,
    hide_frame,
    power_unit,
    styled,
)
from qnetsim.arrays import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colour of values without a plan.
WITHOUT_PLAN = policy_colour(5)


@styled
def sensitivity_figure(
    key: str,
    values: FloatArray,
    costs: FloatArray,
    bounds: FloatArray,
    valid: Sequence[bool],
    missing: str,
    *,
    style: Style = SCREEN,
) -> Figure:
    """Cost over a key, the band down to its bound; values without a plan stand on the axis.

    Parameters
    ----------
    key : str
    values : ndarray, shape (points,)
    costs, bounds : ndarray, shape (points,)
        NaN where there is none.
    valid : sequence of bool
        Whether a plan keeps the limits; hollow where not.
    missing : str
        What is the matter with values that have no plan.
    """
    figure = style.canvas(6.4, 3.8)
    axes = figure.subplots()
    there = np.isfinite(costs)
    unit = power_unit(float(np.abs(costs[there]).max(initial=0)))
    costs, bounds = costs / unit.factor, bounds / unit.factor
    kept = there & np.array(valid, dtype=bool)
    colour = policy_colour(0)
    if there.any():
        axes.plot(values, costs, "-", color=colour, lw=1.4 * style.line)
        axes.plot(values[kept], costs[kept], "o", color=colour, ms=4.5, label="cost of the plan")
        proved = np.where(np.isfinite(bounds), bounds, np.nan)
        axes.plot(values, proved, "_", color=policy_colour(1), ms=13, mew=1.8, label="proved bound")
        axes.fill_between(values, proved, costs, color=policy_colour(1), alpha=0.25, lw=0)
    if (there & ~kept).any():
        hollow = there & ~kept
        label = "does not keep the limits"
        axes.plot(values[hollow], costs[hollow], "o", mfc="none", color=colour, ms=6, label=label)
    if not there.all():
        _mark_missing(axes, values[~there], f"no plan: {missing}")
    axes.set_xlabel(key)
    axes.set_ylabel(f"expected cost per slot{unit.text}")
    axes.legend()
    axes.margins(x=0.04, y=0.12)
    hide_frame(axes)
    return figure


def _mark_missing(axes: Axes, values: FloatArray, label: str) -> None:
    """Mark values on the lower axis."""
    axes.plot(
        values,
        np.zeros(values.size),
        "x",
        color=WITHOUT_PLAN,
        ms=7,
        mew=1.8,
        transform=axes.get_xaxis_transform(),
        clip_on=False,
        label=label,
        zorder=4,
    )


@styled
def frontier_figure(
    weights: Sequence[float],
    expected: FloatArray,
    cvar: FloatArray,
    level: float,
    *,
    style: Style = SCREEN,
) -> Figure:
    """Expected cost against CVaR, one point for each plan, with the weights that give it."""
    figure = style.canvas(6.4, 3.8)
    axes = figure.subplots()
    unit = power_unit(float(np.abs(np.append(expected, cvar)).max(initial=0)))
    expected, cvar = expected / unit.factor, cvar / unit.factor
    axes.plot(expected, cvar, "-o", color=policy_colour(0), lw=1.4 * style.line, ms=5 * style.line)
    labels: dict[tuple[float, float], list[str]] = {}
    for weight, x, y in zip(weights, expected.tolist(), cvar.tolist(), strict=True):
        labels.setdefault((x, y), []).append(f"{weight:g}")
    middle = (expected.min() + expected.max()) / 2
    for place, listed in labels.items():
        axes.annotate(
            f"w = {', '.join(listed)}",
            place,
            xytext=(7, 7) if place[0] < middle else (-7, 7),
            textcoords="offset points",
            ha="left" if place[0] < middle else "right",
            fontsize=style.small_pt,
            color=TEXT_COLOUR,
        )
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel(f"expected cost per slot{unit.text}")
    axes.set_ylabel(f"CVaR: dearest {1 - level:.4g} of the slots{unit.text}")
    axes.margins(x=0.16, y=0.14)
    hide_frame(axes)
    return figure
