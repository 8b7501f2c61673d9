"""A world that is drawn once and kept in memory, for several runs in it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from qnetsim.world.faults import FaultEvents
from qnetsim.world.realisation import Realisation, WorldChunk

#: A larger world is drawn for every run.
MOST_BYTES = 2**26


class RememberedWorld(Realisation):
    """One world, whose chunks are drawn for the first run and kept for the next ones.

    Parameters
    ----------
    world : Realisation
        Draws it.
    """

    def __init__(self, world: Realisation) -> None:
        super().__init__(
            network=world._network,
            forecast=world.forecast,
            scenario=world._scenario,
            replication=world.replication,
            tasks=world._tasks,
        )
        self._world = world
        self._kept: list[WorldChunk] | None = None

    @cached_property
    def faults(self) -> FaultEvents:
        """All failures and repairs of the run."""
        return self._world.faults

    def chunks(self, *, fast: bool = False) -> Iterator[WorldChunk]:
        """Yield the chunks in order; they must not be changed."""
        if self._kept is not None:
            yield from self._kept
            return
        drawn: list[WorldChunk] = []
        size = 0
        for chunk in self._world.chunks(fast=fast):
            size += _size(chunk)
            if size <= MOST_BYTES:
                drawn.append(chunk)
                # ahead of the yield: nobody asks for what follows the last chunk
                if chunk.first_slot + chunk.slots == self.slots:
                    self._kept = drawn
            else:
                # too much to keep, and a part is of no use
                drawn.clear()
            yield chunk


def _size(chunk: WorldChunk) -> int:
    arrays = (chunk.levels, chunk.yield_ppm, chunk.arrivals, chunk.holding)
    return sum(array.nbytes for array in arrays if array is not None)
