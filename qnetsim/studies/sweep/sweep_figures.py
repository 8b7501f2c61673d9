"""Figures of a sweep: cost over a factor, and the best policy by region."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from qnetsim.analysis.figures.policy_marks import (
    POLICY_MARKERS,
    legend_below,
    policy_colour,
    policy_line,
)
from qnetsim.analysis.figures.style import SCREEN, Style, hide_frame, power_unit, styled
from qnetsim.studies.sweep.sweep_results import SweepResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Panels of small multiples, and panels in a row.
MOST_PANELS = 12
ACROSS = 3


def panel_factor(results: SweepResults, factor: int) -> int | None:
    """Factor whose values have a panel each beside a factor on the axis; None for one panel.

    It is the first other one with a few values, in a grid; drawn points have no panels.
    """
    manifest = results.manifest
    if manifest.design != "grid":
        return None
    for other in range(len(manifest.factors)):
        values = {repr(point[other]) for point in manifest.values}
        if other != factor and 1 < len(values) <= MOST_PANELS:
            return other
    return None


@styled
def factor_figure(results: SweepResults, factor: int, *, style: Style = SCREEN) -> Figure:
    """Mean cost over one factor, a line a policy, with intervals; panels by another factor."""
    panels = _panels(results, factor)
    across = 1 if style.narrow else min(ACROSS, len(panels))
    down = math.ceil(len(panels) / across)
    figure = style.canvas(3.4 * max(across, 2), 0.9 + 2.5 * down)
    grid = figure.subplots(down, across, squeeze=False, sharey=True)
    unit = power_unit(float(np.nanmax(results.costs, initial=0.0)))
    for axes, (title, points) in zip(grid.flat, panels, strict=False):
        _draw_panel(axes, results, factor, points, unit.factor, style)
        if title:
            axes.set_title(title)
        axes.set_xlabel(results.manifest.factors[factor])
    # once all panels are drawn, for they share the axis
    grid[0][0].set_ylim(bottom=0)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for row in grid:
        row[0].set_ylabel(f"cost per slot{unit.text}")
    _legend(figure, results.manifest.policies, style)
    return figure


def _panels(results: SweepResults, factor: int) -> list[tuple[str, list[int]]]:
    """Titles of the panels, and the points in each."""
    manifest = results.manifest
    other = panel_factor(results, factor)
    if other is None:
        return [("", list(range(len(manifest.values))))]
    found: dict[str, list[int]] = {}
    for number, point in enumerate(manifest.values):
        found.setdefault(f"{manifest.factors[other]} = {point[other]}", []).append(number)
    return list(found.items())


def _draw_panel(
    axes: Axes,
    results: SweepResults,
    factor: int,
    points: Sequence[int],
    unit: float,
    style: Style,
) -> None:
    numbers = results.numbers(factor)
    assert numbers is not None
    places = sorted({float(numbers[point]) for point in points})
    # drawn points have values of their own each: no line between them means anything
    joined = results.manifest.design in {"grid", "list"}
    for number in range(len(results.manifest.policies)):
        drawn = []
        for place in places:
            mean = results.mean([p for p in points if numbers[p] == place], number)
            if mean is not None:
                drawn.append((place, mean))
        if not drawn:
            continue
        x = [place for place, _ in drawn]
        y = np.array([mean.estimate for _, mean in drawn]) / unit
        half = np.array([(m.high or m.estimate) - m.estimate for _, m in drawn]) / unit
        look = _line(number, style)
        if not joined:
            look["ls"] = "none"
        axes.errorbar(x, y, yerr=half, capsize=2 * style.line, elinewidth=style.line, **look)
    hide_frame(axes)


def _line(number: int, style: Style) -> dict[str, Any]:
    """Line of a policy with a marker at every point, which tells lines apart that coincide."""
    look = {"marker": _marker(number), "ms": (3.5 + 1.5 * (number % 3)) * style.line}
    return policy_line(number, style) | look | {"markevery": 1, "mfc": "none"}


def _marker(number: int) -> str:
    return POLICY_MARKERS[number % len(POLICY_MARKERS)]


def _legend(figure: Figure, names: Sequence[str], style: Style) -> None:
    from matplotlib.lines import Line2D

    lines = [
        Line2D([], [], label=name, **_line(number, style)) for number, name in enumerate(names)
    ]
    figure.legend(handles=lines, **legend_below(figure, style, names, most=len(names)))


@styled
def region_figure(results: SweepResults, x: int, y: int, *, style: Style = SCREEN) -> Figure:
    """Best policy in the plane of two factors; hollow where the interval leaves doubt."""
    names = results.manifest.policies
    across, up = results.numbers(x), results.numbers(y)
    assert across is not None and up is not None
    figure = style.canvas(5.2, 4.2)
    axes = figure.subplots()
    size = (9 if len(results.costs) <= 100 else 5) * style.line
    for best in results.best():
        number = names.index(best.policy)
        look = policy_line(number, style)
        axes.plot(
            across[best.point],
            up[best.point],
            marker=_marker(number),
            ms=size,
            mec=look["color"],
            mfc=look["color"] if best.clear else "none",
            mew=1.4 * style.line,
        )
    axes.set_xlabel(results.manifest.factors[x])
    axes.set_ylabel(results.manifest.factors[y])
    axes.margins(0.12)
    hide_frame(axes)
    _region_legend(figure, results, style)
    return figure


def _region_legend(figure: Figure, results: SweepResults, style: Style) -> None:
    from matplotlib.lines import Line2D

    winners = dict.fromkeys(best.policy for best in results.best())
    names = [name for name in results.manifest.policies if name in winners]
    lines = []
    for name in names:
        number = results.manifest.policies.index(name)
        look: dict[str, Any] = {
            "color": policy_colour(number),
            "marker": _marker(number),
            "ls": "none",
        }
        lines.append(Line2D([], [], label=name, **look))
    if lines:
        figure.legend(handles=lines, **legend_below(figure, style, names, most=len(names)))
