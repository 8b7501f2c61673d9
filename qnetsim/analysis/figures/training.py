"""Loss of FEL tasks against simulated time and against the key bits that they took."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.figures.policy_marks import legend_below, policy_legend, policy_line
from qnetsim.analysis.figures.style import SCREEN, Style, bit_unit, hide_frame, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def training_figure(comparison: Comparison, *, style: Style = SCREEN) -> Figure:
    """Every replication, and their mean: over time and over keys, for each task."""
    tasks = comparison.policies[0].runs[0].tasks
    if style.narrow:
        figure = style.canvas(4.6, 0.6 + 2.2 * len(tasks))
        panels = figure.subplots(len(tasks), 2, squeeze=False, sharey="row").T
    else:
        figure = style.canvas(max(4.6, 3.4 * len(tasks)), 5.4)
        panels = figure.subplots(2, len(tasks), squeeze=False, sharey="col")
    every = [run for policy in comparison.policies for run in policy.runs]
    largest = max(float(t.key_bits_before.max(initial=0)) for r in every for t in r.tasks)
    bits = bit_unit(largest)
    for task in range(len(tasks)):
        over_time, over_keys = panels[:, task]
        _draw_losses(over_time, comparison, task, None, style)
        _draw_losses(over_keys, comparison, task, bits.factor, style)
        over_time.set_xlabel("simulated time (s)")
        over_keys.set_xlabel(f"key bits taken ({bits.text})")
        over_time.set_title(tasks[task].name, fontsize=style.font_pt, parse_math=False)
    for axes in panels.ravel():
        hide_frame(axes)
    for axes in panels[0] if style.narrow else panels[:, 0]:
        axes.set_ylabel("Taylor loss")
    names = [policy.name for policy in comparison.policies]
    policy_legend(figure, names, style, legend_below(figure, style, names, most=4))
    return figure


def _draw_losses(
    axes: Axes, comparison: Comparison, task: int, bits: float | None, style: Style
) -> None:
    """Draw losses of a task over time, or over key bits in units of so many ``bits``."""
    for number, policy in enumerate(comparison.policies):
        runs = [run.tasks[task] for run in policy.runs]
        paths = [run.started_s if bits is None else run.key_bits_before / bits for run in runs]
        look = policy_line(number, style, 2.0)
        faint = look | {"alpha": 0.25, "lw": 0.8 * style.line, "marker": None}
        for run, path in zip(runs, paths, strict=True):
            axes.step(path, run.loss, where="post", **faint)
        # where all replications have the round, the mean
        shared = min(run.done for run in runs)
        if shared:
            axes.step(
                np.mean([path[:shared] for path in paths], axis=0),
                np.mean([run.loss[:shared] for run in runs], axis=0),
                where="post",
                **look,
            )
