"""How Figs. 5 to 8 are drawn: lines are analytic, marks simulated with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from qnetsim.analysis.figures.policy_marks import (
    POLICY_DASHES,
    POLICY_MARKERS,
    legend_below,
    policy_colour,
)
from qnetsim.analysis.figures.style import SCREEN, Style, hide_frame, power_unit, styled
from qnetsim.analysis.paired import ConfidenceInterval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Titles of the panels.
TITLES = {"nsfnet": "NSFNET", "usnet": "USNET"}


class Mark(NamedTuple):
    """One value of a line."""

    value: float
    analytic: float
    simulated: ConfidenceInterval


#: Lines of a panel by label; lines of one label look alike in all panels.
Lines = Mapping[str, Sequence[Mark]]


@styled
def cost_panels(panels: Mapping[str, Lines], axis: str, *, style: Style = SCREEN) -> Figure:
    """Cost per slot over a factor, a panel for each topology.

    Parameters
    ----------
    panels : mapping
        Lines by topology.
    axis : str
        Label of the factor.
    style : Style
    """
    down = len(panels) if style.narrow else 1
    across = 1 if style.narrow else len(panels)
    figure = style.canvas(4.4 * across, 0.9 + 3.1 * down)
    grid = figure.subplots(down, across, squeeze=False)
    labels = list(dict.fromkeys(label for lines in panels.values() for label in lines))
    for axes, (topology, lines) in zip(grid.flat, panels.items(), strict=True):
        _draw(axes, lines, labels, style)
        axes.set_title(TITLES[topology])
        axes.set_xlabel(axis)
    _legend(figure, labels, style)
    return figure


def _draw(axes: Axes, lines: Lines, labels: Sequence[str], style: Style) -> None:
    marks = [mark for line in lines.values() for mark in line]
    unit = power_unit(max(mark.analytic for mark in marks))
    for label, line in lines.items():
        look = _look(labels.index(label), style)
        values = [mark.value for mark in line]
        if len(line) > 1:
            plain = look | {"marker": None}
            axes.plot(values, [mark.analytic / unit.factor for mark in line], **plain)
        means = [mark.simulated.estimate / unit.factor for mark in line]
        halves = [
            0.0 if mark.simulated.high is None else mark.simulated.high - mark.simulated.estimate
            for mark in line
        ]
        spread = [half / unit.factor for half in halves]
        bars: dict[str, Any] = {"yerr": spread, "capsize": 2 * style.line, "elinewidth": style.line}
        axes.errorbar(values, means, **bars, **(look | {"ls": "none"}))
    axes.set_ylim(bottom=0)
    axes.set_ylabel(f"expected cost per slot (units{unit.text})")
    hide_frame(axes)


def _look(number: int, style: Style) -> dict[str, Any]:
    """Line and mark that stay apart in grey, also where two of them coincide."""
    return {
        "color": policy_colour(number),
        "ls": POLICY_DASHES[number % len(POLICY_DASHES)],
        "lw": 1.4 * style.line,
        "marker": POLICY_MARKERS[number % len(POLICY_MARKERS)],
        "ms": (4.0 + 1.5 * (number % 3)) * style.line,
        "mfc": "none",
    }


def _legend(figure: Figure, labels: Sequence[str], style: Style) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], label=label, **_look(n, style)) for n, label in enumerate(labels)]
    below = legend_below(figure, style, labels, most=len(labels))
    figure.legend(handles=lines, handlelength=2.8, **below)
