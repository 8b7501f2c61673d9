"""A world that was recorded: the same chunks, read instead of drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.forecast.forecast import Forecast
from qnetsim.network import Network
from qnetsim.scenario import Scenario
from qnetsim.world.faults import FaultEvents
from qnetsim.world.realisation import CHUNK_SLOTS, Realisation, WorldChunk

#: Rows ``first .. end − 1`` of a column of the world, by its name.
Rows = Callable[[str, int, int], npt.NDArray[Any]]


class StoredWorld(Realisation):
    """One world, read from where it was recorded.

    Parameters
    ----------
    network, forecast, scenario, replication, tasks
        As for a world that is drawn.
    rows : callable
        Reads the columns of the world.
    faults : FaultEvents
        All failures and repairs of the run.
    """

    def __init__(
        self,
        network: Network,
        forecast: Forecast,
        scenario: Scenario,
        replication: int,
        rows: Rows,
        faults: FaultEvents,
        tasks: Sequence[object] = (),
    ) -> None:
        super().__init__(network, forecast, scenario, replication, tasks)
        self._rows = rows
        self._faults = faults
        demand = scenario.demand
        self._arriving = demand.arrivals != "slot_start"
        self._holding = demand.holding_slots != 1

    @cached_property
    def faults(self) -> FaultEvents:
        """All failures and repairs of the run."""
        return self._faults

    def chunks(self, *, fast: bool = False) -> Iterator[WorldChunk]:
        """Yield the chunks in order, the last one shorter where need be."""
        for first in range(0, self.slots, CHUNK_SLOTS):
            end = min(first + CHUNK_SLOTS, self.slots)

            def column(name: str, there: bool, first: int = first, end: int = end) -> Any:
                return self._rows(name, first, end).astype(np.int64) if there else None

            yield WorldChunk(
                first_slot=first,
                levels=self._rows("levels", first, end).astype(np.int16),
                yield_ppm=column("yield_ppm", self.noisy),
                arrivals=column("arrival_ns", self._arriving),
                holding=column("holding_slots", self._holding),
                faults=self.faults.between(first * self._slot_ticks, end * self._slot_ticks),
            )
