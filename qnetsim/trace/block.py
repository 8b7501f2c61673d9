"""Consecutive slots of a trace in memory, on their way to the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.trace.column import Column

Arrays = Mapping[str, npt.NDArray[Any]]
Rows = Mapping[str, npt.NDArray[Any] | None]


@dataclass(frozen=True)
class Block:
    """Consecutive slots to be written.

    Attributes
    ----------
    columns : mapping
        One array for each column of ``schema.recorded``, rows first; None where all rows hold
        the column's fill value. Empty in a recorded world.
    world : mapping
        The same for each growing column of the world, by name.
    running : mapping
        Running totals after these slots, one array for each column of ``schema.totals``.
    requests : mapping or None
        Rows of requests whose fates fell in these slots, one array for each column with a counter
        but the indices; None where no request is followed.
    """

    columns: Rows
    world: Rows
    running: Arrays
    requests: Arrays | None = None

    @property
    def slots(self) -> int:
        """Number of slots."""
        levels = self.world["levels"]
        assert levels is not None
        return len(levels)

    @cached_property
    def nbytes(self) -> int:
        """Size of all rows in memory."""
        found = (*self.columns.values(), *self.world.values(), *(self.requests or {}).values())
        return sum(array.nbytes for array in found if array is not None)

    def rows(self, column: Column, first: int) -> npt.NDArray[Any] | None:
        """Rows of a growing column, where the block starts at slot ``first``."""
        if column.name == "slot":
            return np.arange(first, first + self.slots, dtype=np.int64)
        return self.world[column.name] if column.group == "world" else self.columns[column.name]
