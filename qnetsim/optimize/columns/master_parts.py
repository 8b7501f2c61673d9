"""What the restricted master program is made of: columns, rows and entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network import Route


@dataclass(frozen=True)
class PathColumn:
    """Another route for a kind of request (by its position) in a scenario."""

    scenario: int
    kind: int
    route: Route


class RouteFlow(NamedTuple):
    """A route, and the requests on it."""

    route: Route
    amount: float


class Entries(NamedTuple):
    """Entries of a sparse matrix: ``matrix[rows[i], columns[i]] = values[i]``."""

    rows: IntArray
    columns: IntArray
    values: FloatArray


class Group(NamedTuple):
    """A scenario and a kind of request (by its position): one row of (22)."""

    scenario: int
    kind: int


class CutRow(NamedTuple):
    """A cut of one scenario: its row, its fibres, and the kinds whose blocked requests count."""

    row: int
    fibres: frozenset[int]
    blocked: frozenset[int]
    weights: tuple[int, ...]
    sign: int
