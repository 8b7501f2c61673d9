"""Cost per slot by kind, and the paired ratio to the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qnetsim.analysis.compare import Comparison, PolicyResult
from qnetsim.analysis.figures.policy_marks import legend_below
from qnetsim.analysis.figures.style import (
    SCREEN,
    TEXT_COLOUR,
    Style,
    hide_frame,
    power_unit,
    styled,
)
from qnetsim.analysis.rows import COST_LABELS, SEES_FUTURE, policy_label
from qnetsim.arrays import IntArray
from qnetsim.plain_text import visible
from qnetsim.vocabulary import BILL_COLUMNS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours that stay apart for colour-blind readers, one for each kind of cost.
COLOURS = {
    "qkd_reserved_cost": "#3b7fb5",
    "km_reserved_cost": "#9cc6e6",
    "qkd_on_demand_cost": "#e08a2c",
    "km_on_demand_cost": "#f0c591",
    "blocking_cost": "#8e6aa3",
    "exposure_cost": "#8a8a8a",
}


#: Their hatches, which stay apart in grey.
HATCHES = dict(zip(BILL_COLUMNS, ("", "////", "....", "\\\\\\\\", "xxxx", "||||"), strict=True))


@styled
def comparison_figure(comparison: Comparison, title: str, *, style: Style = SCREEN) -> Figure:
    """Cost per slot by kind, with the paired ratio to the reference beside or below it."""
    names = [visible(_label(policy)) for policy in comparison.policies]
    rows = np.arange(len(names))[::-1]
    if style.narrow:
        figure = style.canvas(9.6, 1.7 + 0.72 * len(names))
        bars, ratios = figure.subplots(2, 1, height_ratios=(1, 1))
    else:
        figure = style.canvas(9.6, 1.5 + 0.55 * len(names))
        bars, ratios = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    kinds = _draw_bars(bars, rows, comparison, style)
    _draw_ratios(ratios, rows, comparison, style)
    bars.set_yticks(rows, names)
    if style.narrow:
        ratios.set_yticks(rows, names)
    else:
        # its ticks are those of the bars
        ratios.tick_params(labelleft=False)
    for axes in (bars, ratios):
        hide_frame(axes)
    if not style.placed:
        figure.suptitle(title, fontsize=11, parse_math=False)
    if kinds:
        handles = bars.get_legend_handles_labels()
        figure.legend(*handles, **legend_below(figure, style, kinds, most=len(kinds) // 2 + 1))
    return figure


def _draw_bars(axes: Axes, rows: IntArray, comparison: Comparison, style: Style) -> list[str]:
    """Draw what each policy costs; returns the kinds of cost that there are."""
    costs = {
        kind: np.array([policy.cost_by_kind[kind] for policy in comparison.policies])
        for kind in BILL_COLUMNS
    }
    largest = float(np.sum(list(costs.values()), axis=0).max())
    unit = power_unit(largest)
    left = np.zeros(len(rows))
    kinds = []
    for kind, cost in costs.items():
        width = cost / unit.factor
        if width.any():
            look: dict[str, Any] = {
                "hatch": HATCHES[kind],
                "edgecolor": TEXT_COLOUR,
                "linewidth": 0.4,
            }
            kinds.append(COST_LABELS[kind])
            axes.barh(
                rows,
                width,
                left=left,
                color=COLOURS[kind],
                label=COST_LABELS[kind],
                height=0.6,
                **(look if style.placed else {}),
            )
        left += width
    axes.set_xlabel(f"cost per slot{unit.text}")
    axes.set_xlim(0, max(largest / unit.factor * 1.03, 1e-9))
    return kinds


def _draw_ratios(axes: Axes, rows: IntArray, comparison: Comparison, style: Style) -> None:
    """Draw the cost of each policy over the reference's, with its interval."""
    found = [
        (row, policy.relative_cost)
        for row, policy in zip(rows, comparison.policies, strict=True)
        if policy.relative_cost is not None
    ]
    places = [row for row, _ in found]
    ratios = np.array([ratio.estimate for _, ratio in found])
    ends = [(ratio.low, ratio.high) for _, ratio in found]
    # one that has no interval gets no bar
    lower, upper = np.array(ends, dtype=np.float64).reshape(-1, 2).T
    axes.errorbar(
        ratios,
        places,
        xerr=[ratios - lower, upper - ratios],
        fmt="o",
        color=TEXT_COLOUR,
        capsize=4 * style.line,
        ms=6 * style.line,
    )
    for row, ratio in zip(places, ratios, strict=True):
        axes.annotate(
            f"{ratio:.3f}",
            (ratio, row),
            xytext=(0, 0.9 * style.font_pt),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=style.small_pt,
        )
    # in pieces, so that it crosses no number
    low, high = rows - 0.45, rows + 0.15
    axes.vlines(np.ones(len(rows)), low, high, colors="#999999", linewidth=style.line, zorder=0)
    axes.set_xlabel(f"cost / {comparison.reference}, paired 95 % interval")
    axes.margins(x=0.15)
    axes.set_ylim(-0.5, len(rows) - 0.2)


def _label(policy: PolicyResult) -> str:
    """Name of a policy, and below it whether it sees the future."""
    return policy_label(policy, f"\n{SEES_FUTURE.strip()}")
