"""Cost per slot by kind, and the paired ratio to the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qnetsim.analysis.compare import Comparison, PolicyResult
from qnetsim.analysis.figures.style import TEXT_COLOUR, hide_frame, styled
from qnetsim.analysis.rows import COST_LABELS, SEES_FUTURE, policy_label
from qnetsim.plain_text import visible
from qnetsim.vocabulary import BILL_COLUMNS

if TYPE_CHECKING:
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


@styled
def comparison_figure(comparison: Comparison, title: str) -> Figure:
    """Cost per slot by kind, with the paired ratio to the reference beside it."""
    from matplotlib.figure import Figure

    names = [policy.name for policy in comparison.policies]
    rows = np.arange(len(names))[::-1]
    figure = Figure(figsize=(9.6, 1.5 + 0.55 * len(names)), layout="constrained")
    bars, ratios = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    left = np.zeros(len(names))
    for kind in BILL_COLUMNS:
        width = np.array([p.cost_by_kind[kind] for p in comparison.policies]) / 1e6
        if width.any():
            bars.barh(
                rows, width, left=left, color=COLOURS[kind], label=COST_LABELS[kind], height=0.6
            )
        left += width
    bars.set_yticks(rows, [visible(_label(p)) for p in comparison.policies])
    bars.set_xlabel("cost per slot (10⁶)")
    bars.set_xlim(0, max(float(left.max()) * 1.03, 1e-9))
    for row, policy in zip(rows, comparison.policies, strict=True):
        found = policy.relative_cost
        if found is None:
            continue
        ratio = found.estimate
        spread = None
        if found.low is not None and found.high is not None:
            spread = [[ratio - found.low], [found.high - ratio]]
        ratios.errorbar(ratio, row, xerr=spread, fmt="o", color=TEXT_COLOUR, capsize=4)
        ratios.annotate(
            f"{ratio:.3f}",
            (ratio, row),
            xytext=(0, 9),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    ratios.axvline(1.0, color="#999999", linewidth=1, zorder=0)
    ratios.set_xlabel(f"cost / {comparison.reference}, paired 95 % interval")
    ratios.margins(x=0.15)
    ratios.set_ylim(-0.5, len(names) - 0.2)
    for axes in (bars, ratios):
        hide_frame(axes)
    figure.suptitle(title, fontsize=11, parse_math=False)
    if left.any():
        figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return figure


def _label(policy: PolicyResult) -> str:
    """Name of a policy, and below it whether it sees the future."""
    return policy_label(policy, f"\n{SEES_FUTURE.strip()}")
