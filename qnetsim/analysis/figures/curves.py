"""Learning curves of trained policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from qnetsim.analysis.figures.style import TEXT_COLOUR, hide_frame, policy_colour, styled
from qnetsim.analysis.learning_curves import bootstrap, interquartile_mean
from qnetsim.trace.files.curve_file import CurveRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def curves_figure(curves: Mapping[str, CurveRecord]) -> Figure:
    """Cost over the optimum against epochs: actions drawn (full) and mean actions (dashed).

    The line is the interquartile mean over the seeds of a training, the band its 95 % bootstrap
    interval where there are several.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for number, (name, record) in enumerate(curves.items()):
        epochs = record.columns["curve/epoch"]
        for kind, style in (("stochastic", "-"), ("deterministic", "--")):
            values = record.columns[f"curve/{kind}"]
            label = name if kind == "stochastic" else None
            mean = interquartile_mean(values)
            axes.plot(epochs, mean, style, color=policy_colour(number), lw=1.4, label=label)
            if kind == "stochastic" and values.shape[1] > 1:
                low, high = bootstrap(values)
                axes.fill_between(epochs, low, high, color=policy_colour(number), alpha=0.2, lw=0)
    axes.axhline(1.0, color=TEXT_COLOUR, lw=0.8)
    axes.set_xlabel("epochs of training")
    axes.set_ylabel("cost over the optimum")
    axes.legend(frameon=False, fontsize=8)
    hide_frame(axes)
    return figure
