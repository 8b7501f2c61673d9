"""What a plan reserves on each fibre."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from qnetsim.analysis.figures.policy_marks import policy_colour
from qnetsim.analysis.figures.style import SCREEN, Style, hide_frame, styled
from qnetsim.arrays import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def plan_figure(
    fibres: Sequence[str],
    reserved: FloatArray,
    on_demand: FloatArray,
    *,
    style: Style = SCREEN,
) -> Figure:
    """Channels on each fibre: reserved, and those expected on demand on top.

    Parameters
    ----------
    fibres : sequence of str
        Their names.
    reserved, on_demand : ndarray, shape (fibres,)
        QKD channels in a slot.
    style : Style
    """
    places = np.arange(len(fibres))[::-1]
    figure = style.canvas(6.4, 1.2 + 0.22 * len(fibres))
    axes = figure.subplots()
    axes.barh(places, reserved, color=policy_colour(0), height=0.7, label="reserved")
    axes.barh(
        places,
        on_demand,
        left=reserved,
        color=policy_colour(1),
        height=0.7,
        hatch="//",
        label="expected on demand",
    )
    axes.set_yticks(places, fibres, fontsize=style.small_pt)
    axes.set_xlabel("QKD channels in a slot")
    axes.legend(frameon=False, fontsize=style.small_pt)
    hide_frame(axes)
    return figure
