"""What was down on a fibre at an instant, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from qnetsim.trace import Trace
from qnetsim.units import TICKS_PER_SECOND
from qnetsim.vocabulary import CAUSES


@dataclass(frozen=True)
class Faults:
    """Failures and repairs of a run, in order of time.

    Attributes
    ----------
    columns : dict of ndarray
        Those of the group ``faults``.
    nodes : tuple of str
        Names of the nodes.
    """

    columns: dict[str, npt.NDArray[Any]]
    nodes: tuple[str, ...]

    @classmethod
    def of(cls, trace: Trace) -> Faults:
        """Those of a trace."""
        names = ("tick_ns", "fibre", "down", "cause", "element")
        columns = {name: trace.column(f"faults/{name}") for name in names}
        return cls(columns, tuple(trace.column("trust/node_name").tolist()))

    def words(self, fibre: int, tick: int) -> str:
        """Name what is down on a fibre at a tick: ``node 5 since 37.25 s``."""
        down: dict[tuple[int, int], tuple[int, int]] = {}
        rows = zip(*(column.tolist() for column in self.columns.values()), strict=True)
        for when, where, failed, cause, element in rows:
            if when > tick:
                break
            if where != fibre:
                continue
            count, since = down.pop((cause, element), (0, when))
            count += 1 if failed else -1
            if count > 0:
                down[cause, element] = count, since
        return ", ".join(self._one(*what, since) for what, (_, since) in down.items()) or "repaired"

    def _one(self, cause: int, element: int, since: int) -> str:
        kind = CAUSES[cause]
        name = {
            "fibre": "the fibre itself",
            "node": f"node {self.nodes[element]}" if element < len(self.nodes) else "a node",
        }.get(kind, f"{kind.replace('_', ' ')} {element}")
        return f"{name}, since {since / TICKS_PER_SECOND:,.6g} s"
