"""Loss of FEL tasks against simulated time and against the key bits that they took."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.figures.style import hide_frame, policy_colour, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def training_figure(comparison: Comparison) -> Figure:
    """Every replication, and their mean: time above, keys below, one column for each task."""
    from matplotlib.figure import Figure

    tasks = comparison.policies[0].runs[0].tasks
    figure = Figure(figsize=(max(4.6, 3.4 * len(tasks)), 5.4), layout="constrained")
    panels = figure.subplots(2, len(tasks), squeeze=False, sharey="col")
    for task in range(len(tasks)):
        for row, axes in enumerate(panels[:, task]):
            for number, policy in enumerate(comparison.policies):
                runs = [run.tasks[task] for run in policy.runs]
                paths = [run.started_s if row == 0 else run.key_bits_before / 1e6 for run in runs]
                for run, path in zip(runs, paths, strict=True):
                    axes.step(
                        path,
                        run.loss,
                        where="post",
                        color=policy_colour(number),
                        alpha=0.25,
                        lw=0.8,
                    )
                # where all replications have the round, the mean
                shared = min(run.done for run in runs)
                if shared:
                    axes.step(
                        np.mean([path[:shared] for path in paths], axis=0),
                        np.mean([run.loss[:shared] for run in runs], axis=0),
                        where="post",
                        color=policy_colour(number),
                        lw=2,
                        label=policy.name if task == 0 and row == 0 else None,
                    )
            axes.set_xlabel("simulated time (s)" if row == 0 else "key bits taken (Mbit)")
            hide_frame(axes)
        panels[0, task].set_title(tasks[task].name, fontsize=10, parse_math=False)
    for axes in panels[:, 0]:
        axes.set_ylabel("Taylor loss")
    figure.legend(loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure
