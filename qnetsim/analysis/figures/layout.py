"""Where the nodes of a map stand: by longitude and latitude, or so that distances follow fibres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from qnetsim.analysis.figures.stress import least_stress, path_lengths
from qnetsim.arrays import FloatArray
from qnetsim.locations import Location, node_titles
from qnetsim.trace import Trace

#: Least share of the nodes whose coordinates must be known for a map by coordinates.
LEAST_PLACED = 0.5
#: Distance of nodes at one and the same place, over the extent of the map.
APART = 0.02
#: Distance between the lines of parallel fibres, over the extent of the map.
BESIDE = 0.025


@dataclass(frozen=True)
class Layout:
    """A network in a plane.

    Attributes
    ----------
    nodes : tuple of str
        Those with fibres.
    labels : tuple of str
        What each is called.
    fibres : ndarray of int64, shape (fibres, 2)
        Positions of the ends in ``nodes``.
    places : ndarray of float64, shape (nodes, 2)
    geographic : bool
        Whether coordinates place them.
    fibre_labels : tuple of str
        Own names of the fibres; empty where no fibre has one.
    """

    nodes: tuple[str, ...]
    labels: tuple[str, ...]
    fibres: np.ndarray[tuple[int, int], np.dtype[np.int64]]
    places: FloatArray
    geographic: bool
    fibre_labels: tuple[str, ...] = ()

    @property
    def parallel(self) -> bool:
        """Whether some nodes are joined by several fibres."""
        return len(np.unique(np.sort(self.fibres, axis=1), axis=0)) < len(self.fibres)

    @property
    def lines(self) -> FloatArray:
        """Ends of the fibres, shape (fibres, 2, 2); parallel fibres lie side by side."""
        lines: FloatArray = self.places[self.fibres]
        if not self.parallel:
            return lines
        ends = np.sort(self.fibres, axis=1)
        _, pair, count = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
        pair = pair.ravel()
        order = np.argsort(pair, kind="stable")
        rank = np.zeros(len(pair))
        rank[order] = np.arange(len(pair)) - (np.cumsum(count) - count)[pair[order]]
        along = self.places[ends[:, 1]] - self.places[ends[:, 0]]
        across = np.stack([-along[:, 1], along[:, 0]], axis=1)
        across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
        extent = float(np.ptp(self.places, axis=0).max())
        aside = (rank - (count[pair] - 1) / 2) * BESIDE * extent
        return lines + (aside[:, None] * across)[:, None]

    @property
    def ratio(self) -> float:
        """Height over width."""
        width, height = np.ptp(self.places, axis=0)
        return float(height / width) if width > 0 else 2.0


def network_layout(trace: Trace) -> Layout:
    """Lay out the network of a trace.

    Raises
    ------
    TraceFormatError
        Its places or the names of its fibres are damaged.
    """
    sources, targets = (trace.column(f"fibres/{end}").tolist() for end in ("source", "target"))
    locations = trace.locations()
    nodes = tuple(dict.fromkeys(sources + targets))
    position = {node: number for number, node in enumerate(nodes)}
    ends = np.array([[position[a], position[b]] for a, b in zip(sources, targets, strict=True)])
    places = _by_coordinates(nodes, ends, locations)
    geographic = places is not None
    if places is None:
        lengths = trace.column("fibres/length_km")
        places = _by_lengths(
            len(nodes), tuple((a, b) for a, b in ends.tolist()), tuple(lengths.tolist())
        )
    return Layout(
        nodes,
        node_titles(nodes, [locations.get(node, Location()) for node in nodes]),
        ends,
        places,
        geographic,
        trace.fibre_labels(),
    )


def _by_coordinates(
    nodes: Sequence[str], ends: np.ndarray, locations: Mapping[str, Location]
) -> FloatArray | None:
    """Place nodes by longitude and latitude; None where too few of them are known.

    Degrees are drawn in proportion to kilometres at the mean latitude. The map is cut where the
    ring of longitudes is widest empty. Nodes without coordinates stand between their neighbours.
    """
    known = [locations.get(node, Location()) for node in nodes]
    lon, lat = (
        np.array([np.nan if v is None else v for v in values], dtype=np.float64)
        for values in ([p.longitude for p in known], [p.latitude for p in known])
    )
    there = np.isfinite(lon)
    if there.sum() < max(2, LEAST_PLACED * len(nodes)):
        return None
    ring = np.sort(lon[there])
    gaps = np.diff(np.append(ring, ring[0] + 360))
    start = ring[(int(gaps.argmax()) + 1) % len(ring)]
    middle = np.radians((lat[there].min() + lat[there].max()) / 2)
    places = np.stack([(lon - start) % 360 * np.cos(middle), lat], axis=1)
    while not there.all():
        near = [
            np.append(ends[ends[:, 0] == n, 1], ends[ends[:, 1] == n, 0])
            for n in np.flatnonzero(~there)
        ]
        found = {
            n: places[others[there[others]]].mean(axis=0)
            for n, others in zip(np.flatnonzero(~there), near, strict=True)
            if there[others].any()
        }
        if not found:
            return None
        for n, place in found.items():
            places[n] = place
        there[list(found)] = True
    return _apart(places)


def _apart(places: FloatArray) -> FloatArray:
    """Move nodes at one and the same place round it, so that fibres between them have a length."""
    extent = float(np.ptp(places, axis=0).max())
    if extent == 0:
        return places + np.stack([np.arange(len(places)), np.zeros(len(places))], axis=1)
    moved = places.copy()
    for place in np.unique(places, axis=0):
        same = np.flatnonzero((places == place).all(axis=1))
        if len(same) > 1:
            angles = 2 * np.pi * np.arange(len(same)) / len(same)
            moved[same] += APART * extent * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return moved


# a report asks for one network's places three times
@lru_cache(maxsize=1)
def _by_lengths(
    nodes: int, ends: tuple[tuple[int, int], ...], lengths: tuple[float, ...]
) -> FloatArray:
    """Place nodes so that distances follow the lengths of the fibres; parts stand side by side."""
    wanted = path_lengths(nodes, np.array(ends), np.array(lengths))
    places = np.zeros((nodes, 2))
    left = np.ones(nodes, dtype=bool)
    number = 0
    while left.any():
        part = np.flatnonzero(np.isfinite(wanted[np.flatnonzero(left)[0]]))
        places[part] = least_stress(wanted[np.ix_(part, part)]) + np.array([2.5 * number, 0])
        left[part] = False
        number += 1
    places.setflags(write=False)
    return places
