"""Cost per slot by kind, and the paired ratio to the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.figures.style import INK, inked, plain
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
LABELS = {
    "qkd_reserved_cost": "QKD channels, reserved",
    "km_reserved_cost": "KM wavelengths, reserved",
    "qkd_on_demand_cost": "QKD channels, on demand",
    "km_on_demand_cost": "KM wavelengths, on demand",
    "blocking_cost": "blocked requests",
    "exposure_cost": "trust exposure",
}


@inked
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
            bars.barh(rows, width, left=left, color=COLOURS[kind], label=LABELS[kind], height=0.6)
        left += width
    bars.set_yticks(rows, [_label(p) for p in comparison.policies])
    bars.set_xlabel("cost per slot (10⁶)")
    bars.set_xlim(0, max(float(left.max()) * 1.03, 1e-9))
    for row, policy in zip(rows, comparison.policies, strict=True):
        if policy.ratio is None:
            continue
        low, high = policy.ratio_low, policy.ratio_high
        spread = None
        if low is not None and high is not None:
            spread = [[policy.ratio - low], [high - policy.ratio]]
        ratios.errorbar(policy.ratio, row, xerr=spread, fmt="o", color=INK, capsize=4)
        ratios.annotate(
            f"{policy.ratio:.3f}",
            (policy.ratio, row),
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
        plain(axes)
    figure.suptitle(title, fontsize=11, parse_math=False)
    if left.any():
        figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return figure


def _label(policy: Any) -> str:
    return f"{policy.name}\n(sees the future)" if policy.sees_future else str(policy.name)
