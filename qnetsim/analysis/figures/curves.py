"""Learning curves of trained policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from qnetsim.analysis.figures.policy_marks import policy_colour, policy_legend, policy_line
from qnetsim.analysis.figures.style import SCREEN, TEXT_COLOUR, Style, hide_frame, styled
from qnetsim.analysis.learning_curves import bootstrap, interquartile_mean
from qnetsim.trace.files.curve_file import CurveRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def curves_figure(curves: Mapping[str, CurveRecord], *, style: Style = SCREEN) -> Figure:
    """Cost over the optimum against epochs: actions drawn (thick) and mean actions (thin).

    The line is the interquartile mean over the seeds of a training, the band its 95 % bootstrap
    interval where there are several.
    """
    figure = style.canvas(6.4, 3.6)
    axes = figure.subplots()
    for number, record in enumerate(curves.values()):
        epochs = record.columns["curve/epoch"]
        drawn = record.columns["curve/stochastic"]
        mean = record.columns["curve/deterministic"]
        look = policy_line(number, style, 1.6)
        axes.plot(epochs, interquartile_mean(drawn), **look)
        thin = look | {"lw": 0.8 * style.line, "marker": None}
        axes.plot(epochs, interquartile_mean(mean), **thin)
        if drawn.shape[1] > 1:
            low, high = bootstrap(drawn)
            axes.fill_between(epochs, low, high, color=policy_colour(number), alpha=0.2, lw=0)
    axes.axhline(1.0, color=TEXT_COLOUR, lw=0.8 * style.line)
    axes.set_xlabel("epochs of training")
    axes.set_ylabel("cost over the optimum")
    policy_legend(axes, list(curves), style, {})
    hide_frame(axes)
    return figure
