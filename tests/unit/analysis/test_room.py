"""The layout of a figure: everything is measured once, to the places of matplotlib's own."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from qnetsim.analysis.figures import layout
from qnetsim.analysis.figures.room import lay_out


def two_panels() -> Figure:
    """Panels whose ticks and labels take room, with a title and a legend outside."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    upper.plot([0, 300], [0, 0.25], label="a")
    upper.set_ylabel("share")
    lower.plot([0, 300], [10_000, 250_000], label="b")
    lower.set_xlabel("time")
    figure.suptitle("title")
    figure.legend(loc="outside lower center")
    return figure


def map_with_bar() -> Figure:
    """Panels of equal scales without axes, beside one bar of colours."""
    from matplotlib.cm import ScalarMappable

    figure = Figure(figsize=(7, 3), layout="constrained")
    panels = figure.subplots(1, 3)
    for axes in panels:
        axes.plot([0, 2], [0, 1])
        axes.set_axis_off()
        axes.set_aspect("equal")
        axes.set_title("title", y=1.0)
    figure.colorbar(ScalarMappable(), ax=list(panels), label="keys")
    return figure


@pytest.mark.parametrize("drawn", [two_panels, map_with_bar])
def test_panels_and_legends_are_measured_once(drawn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = drawn()
    seen: Counter[int] = Counter()
    for kind in (Axes, Legend):

        def counted(self: Any, *args: Any, _own: Any = kind.get_tightbbox, **kwargs: Any) -> Any:
            seen[id(self)] += 1
            return _own(self, *args, **kwargs)

        monkeypatch.setattr(kind, "get_tightbbox", counted)
    lay_out(figure)
    gridded = [axes for axes in figure.axes if axes.get_subplotspec() is not None]
    assert [seen[id(artist)] for artist in (*gridded, *figure.legends)] == [1] * (
        len(gridded) + len(figure.legends)
    )
    # a bar of colours has no grid to estimate it by: once at each of its two places
    assert all(count <= 2 for count in seen.values())
    before = seen.total()
    lay_out(figure)
    assert seen.total() == before
    assert not any("get_tightbbox" in vars(axes) for axes in figure.axes)


@pytest.mark.parametrize("drawn", [two_panels, map_with_bar])
def test_panels_stand_where_matplotlib_puts_them(drawn: Any) -> None:
    figure, plain = drawn(), drawn()
    lay_out(figure)
    engine = plain.get_layout_engine()
    assert engine is not None
    engine.execute(plain)
    places, wanted = (
        np.array([axes.get_position().bounds for axes in found.axes]) for found in (figure, plain)
    )
    assert places == pytest.approx(wanted, abs=0.01)
    box = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
    assert box.x0 >= 0 and box.y0 >= 0
    assert box.x1 <= figure.get_figwidth() and box.y1 <= figure.get_figheight()


@pytest.mark.parametrize("height", [3.6, 3.7])
def test_ticks_of_the_last_place_have_room(height: float) -> None:
    """Where a panel is measured it has fewer ticks, and shorter labels, than where it stands."""
    figure = Figure(figsize=(3.5, height), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True)
    for axes in panels:
        axes.plot([0, 1], [0, 0.9])
        axes.set_ylabel("share")
    panels[1].set_xlabel("x")
    figure.legend(handles=panels[1].lines, labels=["a"], loc="outside lower center")
    lay_out(figure)
    assert figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer()).x0 > 0


def test_places_of_one_network_are_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(wanted: Any, _own: Any = layout.least_stress) -> Any:
        calls.append(len(wanted))
        return _own(wanted)

    monkeypatch.setattr(layout, "least_stress", counted)
    network = (3, ((0, 1), (1, 2)), (3.5, 4.25))
    first = layout._by_lengths(*network)
    assert layout._by_lengths(*network) is first and calls == [3]
    # what all share is not to be changed by one
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1.0
    layout._by_lengths(3, ((0, 1), (1, 2)), (3.5, 4.5))
    assert calls == [3, 3]


def test_a_panel_that_is_not_shown_takes_no_room() -> None:
    figure = Figure(figsize=(6, 3), layout="constrained")
    shown, hidden = figure.subplots(1, 2)
    shown.plot([0, 300], [0, 0.25])
    hidden.set_visible(False)
    lay_out(figure)
    assert shown.get_position().width > 0.3
