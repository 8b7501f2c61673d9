"""Mini-batches: the records that a round learns from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qnetsim import seeds
from qnetsim.arrays import IntArray
from qnetsim.errors import UsageError
from qnetsim.plain_text import counted


class Batches:
    """Batches of one size, from a new order of the records whenever one is used up.

    All workers know the records and the seed, so no message says which batch it is. What does not
    fill a batch is left over, in a new order each time.

    Parameters
    ----------
    size : int
    seed : int
    *name : str or int
        Names the streams of the orders.
    """

    def __init__(self, size: int, seed: int, *name: str | int) -> None:
        self.size = size
        self._seed = seed
        self._name = name

    def require(self, records: int) -> None:
        """Check that there are as many records as a batch needs.

        Raises
        ------
        UsageError
        """
        if self.size > records:
            raise UsageError(
                f"a batch of {counted(self.size, 'record')}, and all workers hold {records:,}; "
                f"allowed: 1 .. {records}"
            )

    def rows(self, number: int, records: Sequence[str]) -> IntArray:
        """Places of the records of a round, from 1, among all.

        Parameters
        ----------
        number : int
        records : sequence of str
            In any order: a batch holds the same records in all.
        """
        epoch, place = divmod(number - 1, len(records) // self.size)
        stream = seeds.stream(self._seed, "fel", "batches", *self._name, epoch)
        order = np.argsort(seeds.words(stream, len(records)), kind="stable")
        by_name = np.array(sorted(range(len(records)), key=records.__getitem__), dtype=np.int64)
        return by_name[order[place * self.size : (place + 1) * self.size]]
