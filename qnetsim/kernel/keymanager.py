"""Key managers: production, serving, expiry and billing of an interval of slots."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import IntArray
from qnetsim.exogenous import Forecast
from qnetsim.kernel import links
from qnetsim.kernel.billing import bill
from qnetsim.kernel.keystore import KeyPool
from qnetsim.kernel.recording import Columns
from qnetsim.kernel.serve import Queue, Walk, take
from qnetsim.network import LoadTable, Network, RouteTable
from qnetsim.scenario import KeyManagementTable
from qnetsim.units import MAX_SLOT_BITS, seconds_to_ticks

UNLIMITED = np.iinfo(np.int64).max // 4


@dataclass(frozen=True)
class Interval:
    """Slots between two barriers: decisions and demand as arrays.

    Attributes
    ----------
    first_slot : int
    levels : ndarray of int64, shape (slots, groups)
    channels, wavelengths : ndarray of int64, shape (slots, fibres)
        Reserved.
    """

    first_slot: int
    levels: IntArray
    channels: IntArray
    wavelengths: IntArray


@dataclass(frozen=True)
class Waiting:
    """A request that could not be served yet."""

    request: int
    level: int
    deadline_tick: int


class KeyManagers:
    """The local key managers of all fibres, with their pools and the queue of requests.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    table : KeyManagementTable
    slot_ticks : int
    """

    def __init__(
        self, network: Network, forecast: Forecast, table: KeyManagementTable, slot_ticks: int
    ) -> None:
        self.network = network
        self.group = forecast.group
        self.reservation = KeyPool(network.fibres, table.store_bits, table.key_lifetime_slots)
        self.on_demand = KeyPool(network.fibres, table.store_bits, table.key_lifetime_slots)
        self.waiting: deque[Waiting] = deque()
        self.carries = table.store_bits > 0 and table.key_lifetime_slots > 0
        self._expires = table.key_lifetime_slots == 0
        self._slot_ticks = slot_ticks
        self._patience_ticks = seconds_to_ticks(table.patience_s)
        self._amounts = _amounts(network, forecast.levels.levels, table.granularity)
        self._tables: tuple[RouteTable, LoadTable, Walk] | None = None
        limit = network.max_wavelengths
        self._ports = np.full(network.fibres, UNLIMITED if limit is None else limit)

    def serve(self, interval: Interval, routes: RouteTable) -> Columns:
        """Serve all requests of an interval and return its recorded columns."""
        if not self.carries and not self.waiting:
            columns = self._serve_block(interval, routes)
            if columns is not None:
                return columns
        rows = [self._serve_slot(interval, row, routes) for row in range(interval.levels.shape[0])]
        return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}

    def _prepared(self, routes: RouteTable) -> tuple[LoadTable, Walk]:
        """Tables for these routes, made once for as long as they are in use."""
        if self._tables is None or self._tables[0] is not routes:
            loads = LoadTable(routes, self.group, self._amounts)
            self._tables = routes, loads, Walk(routes, self._amounts)
        return self._tables[1:]

    def _serve_block(self, interval: Interval, routes: RouteTable) -> Columns | None:
        """Serve slots that do not touch each other: pools start and end empty.

        Returns None where patience lets unserved requests reach into later slots.
        """
        network = self.network
        slots = interval.levels.shape[0]
        loads, walk = self._prepared(routes)
        demand, wavelengths = loads.loads(interval.levels)
        lit = links.lit(interval.channels, network.max_channels)
        produced = links.produced_bits(lit, network.channel_bits)
        served = self.group.size - walk.refusals(interval.levels, self.group)
        if network.limited:
            room = self._room(produced, lit)
            overloaded = (demand > room) | (wavelengths > self._ports)
            crowded = np.flatnonzero(overloaded.any(axis=1))
            if crowded.size and self._patience_ticks:
                return None
            if crowded.size:
                demand, wavelengths = demand.copy(), wavelengths.copy()
            for row in crowded.tolist():
                queue = self._arrivals(interval.levels[row])
                fits = walk.admit(queue, overloaded[row], room[row], self._ports)
                demand[row], wavelengths[row] = walk.loads(queue, fits)
                served[row] = int(fits.sum())
        taken = take(demand, produced, np.zeros(1, dtype=np.int64), network.channel_bits)
        fresh = links.produced_bits(taken.lit_on_demand, network.channel_bits)
        columns: Columns = {}
        for pool, made, used in (
            ("reservation", produced, taken.reservation),
            ("on_demand", fresh, taken.on_demand),
        ):
            # nothing is kept: with a lifetime of zero it expires, else it exceeds the store
            none, left = np.zeros((slots, network.fibres), dtype=np.int64), made - used
            columns[f"{pool}_produced_bits"] = made
            columns[f"{pool}_consumed_bits"] = used
            columns[f"{pool}_expired_bits"] = left if self._expires else none
            columns[f"{pool}_overflowed_bits"] = none if self._expires else left
            columns[f"{pool}_stored_bits"] = none
        return self._finish(
            interval, columns, taken.lit_on_demand, wavelengths, served, self.group.size - served
        )

    def _serve_slot(self, interval: Interval, row: int, routes: RouteTable) -> Columns:
        """Serve one slot whose pools or queue are tied to its neighbours."""
        network, slot = self.network, interval.first_slot + row
        start = slot * self._slot_ticks
        one = slice(row, row + 1)
        lit = links.lit(interval.channels[one], network.max_channels)
        produced = links.produced_bits(lit, network.channel_bits)
        self.reservation.produce(produced[0])
        _, walk = self._prepared(routes)
        queue = self._queue_with(self._arrivals(interval.levels[row]))
        refused = walk.refused(queue)
        served = ~refused
        demand, wavelengths = walk.loads(queue)
        room = self._room(self.reservation.bits + self.on_demand.bits, lit[0])
        overloaded = (demand > room) | (wavelengths > self._ports)
        if overloaded.any():
            served = walk.admit(queue, overloaded, room, self._ports)
            demand, wavelengths = walk.loads(queue, served)
        taken = take(demand[None], self.reservation.bits, self.on_demand.bits, network.channel_bits)
        fresh = links.produced_bits(taken.lit_on_demand, network.channel_bits)
        self.on_demand.produce(fresh[0])
        columns: Columns = {}
        for name, pool, made, used in (
            ("reservation", self.reservation, produced, taken.reservation),
            ("on_demand", self.on_demand, fresh, taken.on_demand),
        ):
            pool.consume(used[0])
            expired, overflowed = pool.end_slot(slot)
            columns[f"{name}_produced_bits"] = made
            columns[f"{name}_consumed_bits"] = used
            columns[f"{name}_expired_bits"] = expired[None]
            columns[f"{name}_overflowed_bits"] = overflowed[None]
            columns[f"{name}_stored_bits"] = pool.bits[None]
        blocked = self._requeue(queue, served, refused, start)
        part = Interval(
            slot, interval.levels[one], interval.channels[one], interval.wavelengths[one]
        )
        return self._finish(
            part,
            columns,
            taken.lit_on_demand,
            wavelengths[None],
            np.array([served.sum()]),
            np.array([blocked]),
        )

    def _arrivals(self, levels: IntArray) -> Queue:
        return Queue(np.arange(self.group.size), levels[self.group])

    def _queue_with(self, arrivals: Queue) -> Queue:
        """Waiting requests in arrival order, then the new ones."""
        if not self.waiting:
            return arrivals
        request = [w.request for w in self.waiting]
        level = [w.level for w in self.waiting]
        return Queue(
            np.concatenate([np.array(request, dtype=np.int64), arrivals.request]),
            np.concatenate([np.array(level, dtype=np.int64), arrivals.level]),
        )

    def _room(self, pooled: IntArray, lit: IntArray) -> IntArray:
        """Bits that each fibre can give: its pools and all channels that may still be lit."""
        network = self.network
        if network.max_channels is None:
            return np.full_like(pooled, UNLIMITED)
        # more channels than a slot's bits can ask for need not be counted
        spare = np.minimum(network.max_channels - lit, MAX_SLOT_BITS // network.channel_bits)
        return np.asarray(pooled + spare * network.channel_bits, dtype=np.int64)

    def _requeue(
        self,
        queue: Queue,
        served: npt.NDArray[np.bool_],
        refused: npt.NDArray[np.bool_],
        start: int,
    ) -> int:
        """Keep unserved requests until their patience ends; returns how many were blocked.

        Those that are refused do not wait. Patience runs out at priority 1 of its tick, ahead of
        everything else there: a request whose deadline is the start of the next slot is not
        retried in it.
        """
        end = start + self._slot_ticks
        known = list(self.waiting)
        kept: deque[Waiting] = deque()
        blocked = 0
        for i in np.flatnonzero(~served).tolist():
            entry = (
                known[i]
                if i < len(known)
                else Waiting(
                    int(queue.request[i]), int(queue.level[i]), start + self._patience_ticks
                )
            )
            if refused[i] or entry.deadline_tick <= end:
                blocked += 1
            else:
                kept.append(entry)
        self.waiting = kept
        return blocked

    def _finish(
        self,
        interval: Interval,
        columns: Columns,
        on_demand_channels: IntArray,
        wavelengths: IntArray,
        served: IntArray,
        blocked: IntArray,
    ) -> Columns:
        """Add decisions, KM wavelengths, counts and the bill."""
        network = self.network
        slots = interval.levels.shape[0]
        # wavelengths in use never exceed |κ|, so dark reservations need not be told apart
        on_demand_wavelengths = np.maximum(wavelengths - interval.wavelengths, 0)
        columns["qkd_channels"] = interval.channels
        columns["km_wavelengths"] = interval.wavelengths
        columns["on_demand_channels"] = on_demand_channels
        columns["on_demand_wavelengths"] = on_demand_wavelengths
        columns["arrived"] = np.full(slots, self.group.size, dtype=np.int64)
        columns["served"] = served
        columns["blocked"] = blocked
        columns["waiting"] = np.full(slots, len(self.waiting), dtype=np.int64)
        columns.update(
            bill(
                network.costs,
                interval.channels,
                interval.wavelengths,
                on_demand_channels,
                on_demand_wavelengths,
                blocked,
            )
        )
        return columns


def _amounts(network: Network, levels: int, granularity: str) -> IntArray:
    """Bits that one request of each level takes on each fibre, shape (levels, fibres)."""
    if granularity == "channel":
        return network.level_channels(levels) * network.channel_bits
    bits = np.arange(levels, dtype=np.int64)[:, None] * network.level_bits
    return np.broadcast_to(bits, (levels, network.fibres)).copy()
