"""Labels of a map: as many as fit without overlaps, those of the busiest crossings first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray

#: Where a label may stand beside its node, in the order in which it is tried.
SIDES = ((1, 0), (1, 1), (1, -1), (-1, 0), (-1, 1), (-1, -1), (0, 1), (0, -1))
#: Space around a label, in pt.
AIR = 1.0


class Box(NamedTuple):
    """A rectangle, in pt."""

    left: float
    low: float
    right: float
    high: float


def place_labels(
    dots: FloatArray,
    sizes: Sequence[tuple[float, float]],
    order: Sequence[int],
    lines: FloatArray,
    frame: Box,
    radius: float,
) -> dict[int, Box]:
    """Find a box for as many labels as stand clear of each other and of all nodes.

    Of the places that are free, a label takes the one which the fewest fibres cross.

    Parameters
    ----------
    dots : ndarray, shape (nodes, 2)
        Places of the nodes, in pt.
    sizes : sequence of (float, float)
        Width and height of each label, in pt.
    order : sequence of int
        Nodes in the order in which they are served.
    lines : ndarray, shape (fibres, 2, 2)
        Ends of the fibres, in pt.
    frame : Box
        No label leaves it.
    radius : float
        Of a node, in pt.

    Returns
    -------
    dict from int to Box
    """
    found: dict[int, Box] = {}
    for node in order:
        free = []
        for box in _places(dots[node], sizes[node], radius):
            if not _inside(box, frame) or _covers(box, dots, radius):
                continue
            if not any(overlap(box, other) for other in found.values()):
                free.append(box)
        if free:
            found[node] = min(free, key=lambda box: _crossings(box, lines))
    return found


def overlap(one: Box, other: Box) -> bool:
    """Whether two rectangles have more than an edge in common."""
    return (
        one.left < other.right
        and other.left < one.right
        and one.low < other.high
        and other.low < one.high
    )


def _places(dot: FloatArray, size: tuple[float, float], radius: float) -> list[Box]:
    width, height = size[0] + 2 * AIR, size[1] + 2 * AIR
    boxes = []
    for across, up in SIDES:
        # at a corner closer to the node than beside it
        gap = radius * (0.7 if across and up else 1.0) + 0.5
        left = dot[0] + across * (gap + width / 2) - width / 2
        low = dot[1] + up * (gap + height / 2) - height / 2
        boxes.append(Box(left, low, left + width, low + height))
    return boxes


def _inside(box: Box, frame: Box) -> bool:
    return (
        box.left >= frame.left
        and box.low >= frame.low
        and box.right <= frame.right
        and box.high <= frame.high
    )


def _covers(box: Box, dots: FloatArray, radius: float) -> bool:
    """Whether a box covers a node; its own touches it at most."""
    nearest = np.clip(dots, (box.left, box.low), (box.right, box.high))
    return bool((np.hypot(*(dots - nearest).T) < 0.6 * radius).any())


def _crossings(box: Box, lines: FloatArray) -> int:
    """Number of lines that cross a box (Liang and Barsky's clipping)."""
    start = lines[:, 0]
    step = lines[:, 1] - start
    enter = np.zeros(len(lines))
    leave = np.ones(len(lines))
    clear = np.zeros(len(lines), dtype=bool)
    for axis, low, high in ((0, box.left, box.right), (1, box.low, box.high)):
        still = step[:, axis] == 0
        outside = (start[:, axis] < low) | (start[:, axis] > high)
        clear |= still & outside
        along = np.where(still, 1.0, step[:, axis])
        ends = np.sort([(low - start[:, axis]) / along, (high - start[:, axis]) / along], axis=0)
        enter = np.where(still, enter, np.maximum(enter, ends[0]))
        leave = np.where(still, leave, np.minimum(leave, ends[1]))
    return int((~clear & (enter < leave)).sum())
