"""Room for what is written around the panels of a figure: measured once, and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from qnetsim.arrays import FloatArray

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

#: How often panels are laid out again because their new place gives them other ticks.
MOST_REPEATS = 3
#: Signs of the room on the left, below, on the right and above.
OUTWARDS = np.array([-1.0, -1.0, 1.0, 1.0])


def lay_out(figure: Figure) -> None:
    """Lay out once, not for every file, and without drawing anything for it.

    matplotlib measures all text twice: where the panels stand at first, and where the first room
    for it puts them. Here panels get an estimated room at first, and are measured where that puts
    them. If their last place gives them other ticks, they get room for both.
    """
    engine = figure.get_layout_engine()
    if engine is None:
        return
    panels = {axes: _Panel(axes) for axes in figure.axes if axes.get_subplotspec() is not None}
    with ExitStack() as stack:
        for axes in figure.axes:
            # bars of colours stand in no grid, and are asked for once by each panel beside them
            own = panels.get(axes) or _kept(axes, partial(_place, axes))
            stack.enter_context(_measuring(axes, own))
        for legend in figure.legends:
            # as large wherever it stands
            stack.enter_context(_measuring(legend, _kept(legend, tuple)))
        engine.execute(figure)
        for _ in range(MOST_REPEATS):
            changed = [panel for panel in panels.values() if panel.has_other_ticks()]
            if not changed:
                break
            for panel in changed:
                panel.take_room(for_layout_only=True)
            engine.execute(figure)
    figure.set_layout_engine("none")


@contextmanager
def _measuring(artist: Artist, measure: Any) -> Iterator[None]:
    """Have an artist measured by a function."""
    artist.get_tightbbox = measure  # type: ignore[method-assign]
    try:
        yield
    finally:
        del artist.get_tightbbox


def _kept(artist: Artist, place: Callable[[], Any]) -> Any:
    """Measure at the first call at each place, and answer the same at all others there."""
    measure = artist.get_tightbbox
    found: dict[Any, Any] = {}

    def kept(*args: Any, **kwargs: Any) -> Any:
        where = place()
        if where not in found:
            found[where] = measure(*args, **kwargs)
        return found[where]

    return kept


class _Panel:
    """Axes of a grid with the room that their text takes; called, it measures as they do."""

    def __init__(self, axes: Axes) -> None:
        self.axes = axes
        self._measure = axes.get_tightbbox
        self._first = _place(axes)
        self._room: FloatArray | None = None
        self._ticks: list[list[float]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._room is None and _place(self.axes) == self._first:
            return self._box(_estimated_room(self.axes))
        return self._box(self.take_room(*args, **kwargs) if self._room is None else self._room)

    def take_room(self, *args: Any, **kwargs: Any) -> FloatArray:
        """Measure at this place; the room is the largest of all places."""
        box: Bbox | None = self._measure(*args, **kwargs)
        # a panel that is not shown has none
        window = self.axes.get_window_extent()
        inside = np.asarray(window.extents)
        room = OUTWARDS * (np.asarray((window if box is None else box).extents) - inside)
        self._room = room if self._room is None else np.maximum(self._room, room)
        self._ticks = self._shown_ticks()
        return self._room

    def has_other_ticks(self) -> bool:
        """Whether this place gives other ticks than the one that was measured last."""
        return self._room is not None and self._shown_ticks() != self._ticks

    def _shown_ticks(self) -> list[list[float]]:
        if not self.axes.axison:
            return []
        return [list(axis.get_majorticklocs()) for axis in (self.axes.xaxis, self.axes.yaxis)]

    def _box(self, room: FloatArray) -> Any:
        from matplotlib.transforms import Bbox

        self.axes.apply_aspect()
        window = np.asarray(self.axes.get_window_extent().extents)
        return Bbox.from_extents(*(window + OUTWARDS * room))


def _place(axes: Axes) -> tuple[float, ...]:
    return tuple(map(float, axes.get_position(original=True).bounds))


def _estimated_room(axes: Axes) -> FloatArray:
    """About the least that text takes in px: on the left, below, on the right and above."""
    from matplotlib import rcParams

    left = bottom = 0
    if axes.axison:
        left = axes.yaxis.get_tick_params()["labelleft"] + bool(axes.get_ylabel())
        bottom = axes.xaxis.get_tick_params()["labelbottom"] + bool(axes.get_xlabel())
    figure = axes.get_figure(root=True)
    assert figure is not None
    line = float(rcParams["font.size"]) * figure.dpi / 72
    return line * np.array([left, bottom, 0, bool(axes.get_title())], dtype=np.float64)
