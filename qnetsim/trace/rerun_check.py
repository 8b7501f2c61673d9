"""Hold what a run gives against what stands in a trace of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.trace.block import Block
from qnetsim.trace.column import Column
from qnetsim.trace.reader import Trace


@dataclass(frozen=True)
class Difference:
    """The first value in which a run and a trace differ.

    Attributes
    ----------
    column : str
        Group and name.
    place : dict of int
        Position along each dimension of the column, for example ``{"slot": 7, "fibre": 3}``.
    fibre : str
        Name of the fibre, where the column has one.
    stored, found : object
        What stands in the trace, and what the run gives.
    """

    column: str
    place: dict[str, int]
    fibre: str
    stored: object
    found: object

    def __str__(self) -> str:
        where = ", ".join(
            f"{dim} {at}" + (f" ({self.fibre})" if dim == "fibre" and self.fibre else "")
            for dim, at in self.place.items()
        )
        what = f"{self.column} is {self.stored} in the trace and {self.found} in the run"
        return f"{where}: {what}" if where else what


class RerunCheck:
    """Compares the blocks of a run, in order, with the rows of a trace.

    Parameters
    ----------
    trace : Trace
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._rows = 0
        self._listed: dict[str, int] = {}
        self._columns = [
            c for c in trace.kind.columns_in(trace.version) if c.grows and not c.volatile
        ]

    @property
    def done(self) -> bool:
        """Whether all rows of the trace have been seen."""
        return self._rows >= self._trace.slots

    def header(self, columns: Mapping[str, Any]) -> Difference | None:
        """First difference in the columns that are known before the first slot."""
        for column in self._trace.kind.columns_in(self._trace.version):
            if column.path not in columns:
                continue
            found = self._first(column, self._trace.column(column.path), columns[column.path], 0)
            if found:
                return found
        return None

    def block(self, block: Block) -> Difference | None:
        """First difference in the next slots, as far as the trace goes."""
        first = self._rows
        count = min(block.slots, self._trace.slots - self._rows)
        self._rows += block.slots
        if count <= 0:
            return None
        differences = []
        for column in self._columns:
            stored = self._trace.column(column.path, first, first + count)
            rows = block.rows(column, first)
            values = np.full_like(stored, column.fill) if rows is None else rows[:count]
            found = self._first(column, stored, values, first)
            if found:
                differences.append(found)
        if not differences:
            return self._requests(block, first + count)
        return min(differences, key=lambda d: d.place["slot"])

    def _requests(self, block: Block, end: int) -> Difference | None:
        """First difference in the rows of requests whose fates fell ahead of slot ``end``."""
        for column in self._trace.kind.columns:
            if not column.counter or column.dims == (column.name,):
                continue
            before = self._listed.get(column.path, 0)
            upto = int(self._trace.column(column.counter, end - 1, end)[0])
            self._listed[column.path] = upto
            stored = self._trace.column(column.path, before, upto)
            values = (block.requests or {})[column.name][: len(stored)]
            if found := self._first(column, stored, values, before):
                return found
        return None

    def totals(self, running: Mapping[str, npt.NDArray[Any]]) -> Difference | None:
        """First difference in the totals at the end of the run."""
        for column in self._trace.kind.columns_in(self._trace.version):
            if column.running:
                stored = self._trace.column(column.path)
                found = self._first(column, stored, running[column.name], 0)
                if found:
                    return found
        return None

    def _first(
        self, column: Column, stored: npt.NDArray[Any], values: Any, first: int
    ) -> Difference | None:
        given = np.asarray(values, dtype=object if column.kind == "str" else column.kind)
        if stored.shape != given.shape:
            return Difference(column.path, {}, "", f"of shape {stored.shape}", given.shape)
        apart = stored != given
        if column.kind == "f8":
            apart &= ~(np.isnan(stored) & np.isnan(given))
            # no number equal to what stands there but it: a run writes -0.0 as 0.0 where all of a
            # block is zero, and never the other way
            apart |= (stored == 0) & np.signbit(stored) & ~np.signbit(given)
        if not apart.any():
            return None
        at = tuple(int(i) for i in np.argwhere(apart)[0])
        place = dict(zip(column.dims, at, strict=True))
        if column.grows or column.counter:
            place[column.dims[0]] += first
        fibre = self._fibre(place["fibre"]) if "fibre" in place else ""
        return Difference(column.path, place, fibre, _plain(stored[at]), _plain(given[at]))

    def _fibre(self, number: int) -> str:
        return self._trace.fibre_names()[number]


def _plain(value: Any) -> object:
    return value.item() if isinstance(value, np.generic) else value
