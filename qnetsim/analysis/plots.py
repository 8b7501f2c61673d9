"""Figures, the same bytes from run to run."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qnetsim.analysis.compare import Comparison
from qnetsim.errors import TraceError
from qnetsim.trace.schema import BILL_COLUMNS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Colours that stay apart for colour-blind readers, one for each kind of cost.
COLOURS = {
    "qkd_reserved_cost": "#1f5f8b",
    "km_reserved_cost": "#8fc1e3",
    "qkd_on_demand_cost": "#d9822b",
    "km_on_demand_cost": "#f4cf9b",
    "blocking_cost": "#6b4c7a",
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
        ratios.errorbar(policy.ratio, row, xerr=spread, fmt="o", color="#333333", capsize=4)
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
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=11, parse_math=False)
    if left.any():
        figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return figure


#: Colours of policies, in turn.
POLICY_COLOURS = ("#1f5f8b", "#d9822b", "#6b4c7a", "#3a7d44", "#8a8a8a", "#b33a3a")


def training_figure(comparison: Comparison) -> Figure:
    """Loss of each FEL task against simulated time: every replication, and their mean."""
    from matplotlib.figure import Figure

    tasks = comparison.policies[0].runs[0].tasks
    columns = min(len(tasks), 2)
    rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(4.8 * columns, 3.2 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for task, axes in enumerate(panels):
        if task >= len(tasks):
            axes.set_visible(False)
            continue
        for number, policy in enumerate(comparison.policies):
            colour = POLICY_COLOURS[number % len(POLICY_COLOURS)]
            curves = [run.tasks[task] for run in policy.runs]
            for run in curves:
                axes.step(
                    run.started_s, run.loss, where="post", color=colour, alpha=0.25, linewidth=0.8
                )
            # where all replications have the round, the mean of its times
            shared = min(run.done for run in curves)
            if shared:
                times = np.mean([run.started_s[:shared] for run in curves], axis=0)
                losses = np.mean([run.loss[:shared] for run in curves], axis=0)
                label = policy.name if task == 0 else None
                axes.step(times, losses, where="post", color=colour, linewidth=2, label=label)
        axes.set_title(tasks[task].name, fontsize=10, parse_math=False)
        axes.set_xlabel("simulated time (s)")
        axes.set_ylabel("Taylor loss")
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def _label(policy: Any) -> str:
    return f"{policy.name}\n(sees the future)" if policy.sees_future else str(policy.name)


def svg(figure: Figure) -> str:
    """Render to SVG text without dates or random identifiers."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "qnetsim", "svg.fonttype": "path"}):
        figure.savefig(
            buffer,
            format="svg",
            metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")),
            transparent=True,
        )
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def save(figure: Figure, path: Path) -> None:
    """Write a PNG, SVG or PDF by the path's suffix.

    Raises
    ------
    TraceError
        The file cannot be written.
    """
    metadata: dict[str, Any] = {".png": {"Software": None}, ".svg": {"Date": None}}.get(
        path.suffix, {"CreationDate": None}
    )
    try:
        figure.savefig(path, dpi=150, metadata=metadata)
    except OSError as error:
        raise TraceError(f"{path}: cannot be written: {error}") from None
