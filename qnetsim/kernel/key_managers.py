"""Key managers: the pools of all fibres, the queue of requests, and the bill of each slot."""

from __future__ import annotations

import time
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from qnetsim.arrays import IntArray, handed
from qnetsim.compiling import compiled
from qnetsim.kernel.billing import bill
from qnetsim.kernel.context import SimulationContext
from qnetsim.kernel.ledger import Columns
from qnetsim.kernel.serving import loop, vector
from qnetsim.kernel.serving.fresh import FlowSizes, grown, new_flows, new_state
from qnetsim.kernel.serving.intervals import Interval
from qnetsim.kernel.serving.outages import Outages
from qnetsim.kernel.serving.paths import PathTable
from qnetsim.kernel.serving.state import (
    COUNTS,
    FOLLOWED,
    LEVEL,
    LOGGED,
    NOTED,
    PATH,
    QUEUED,
    REQUEST,
    STARTED,
    Flows,
    Rules,
    Slots,
)
from qnetsim.kernel.serving.wait_bins import wait_bins
from qnetsim.network import Network, Route, RouteTable
from qnetsim.network.detours import Detours
from qnetsim.recycled import Recycled
from qnetsim.units import seconds_to_ticks
from qnetsim.vocabulary import FLOWS, POOLS

if TYPE_CHECKING:
    from qnetsim.kernel.request_log import RequestLog
    from qnetsim.kernel.serving.open_slot import OpenSlot

UNLIMITED = np.iinfo(np.int64).max // 4
#: Route tables whose paths are kept; a second stage may give a new table in every slot.
KEPT_TABLES = 4
#: Slots after which a run may be stopped, at first and at most, and seconds that are quick: some
#: slots take seconds, where long queues wait, and a call costs as much as many plain ones.
FIRST_ROWS = 128
MOST_ROWS = 4096
STOP_S = 0.05


class KeyManagers:
    """The local key managers (LKMs) of all fibres, with their pools and the queue of requests.

    Parameters
    ----------
    context : SimulationContext
    """

    def __init__(self, context: SimulationContext) -> None:
        self._context = context
        self.network = network = context.network
        self.forecast = forecast = context.forecast
        table = context.key_management
        self.wait_bins = wait_bins(table, context.slot_ticks, context.run_ticks)
        need = network.request_bits(forecast.level_count, table.granularity)
        self.rules = Rules(
            slot_ticks=context.slot_ticks,
            patience=seconds_to_ticks(table.patience_s),
            setup=seconds_to_ticks(table.on_demand_setup_s),
            store_bits=table.store_bits,
            level_bits=network.level_bits,
            classes=int(forecast.priority.max()) + 1,
            wait_ticks=self.wait_bins.width_ticks,
            proportional=_proportional(need, forecast.requests),
            group=forecast.group,
            priority=forecast.priority,
            need=need,
        )
        delay = seconds_to_ticks(table.control_delay_s)
        self.outages = Outages(network.fibres, context.slot_ticks, delay)
        #: Follows requests one by one, where that is asked for.
        self.request_log: RequestLog | None = None
        note_rows = 0
        if context.followed:
            # most runs follow none
            from qnetsim.kernel.request_log import NOTE_ROWS, RequestLog

            self.request_log = RequestLog(context.followed, self.rules, forecast)
            note_rows = NOTE_ROWS
        rows = forecast.requests * network.fibres if context.relay else 0
        requests = forecast.requests
        self.state = new_state(
            max_channels=_most(network.max_channels, network),
            ports=_most(network.max_wavelengths, network),
            requests=requests,
            lifetime_slots=table.key_lifetime_slots,
            initial_bits=table.initial_bits,
            capacity=2 * requests,
            log_rows=2 * rows,
            note_rows=note_rows,
        )
        self._paths: list[PathTable] = []
        self._rows_at_once = FIRST_ROWS
        self._memory = Recycled()
        #: Key bits seen in clear by each trusted relay of a fibre, and by each node between two.
        self.seen_by_fibre_relays: IntArray = np.zeros(network.fibres, np.int64)
        self.seen_by_nodes: IntArray = np.zeros(len(network.topology.nodes), np.int64)

    @property
    def pool_bits(self) -> IntArray:
        """Usable bits of the reservation and the on-demand pool, shape (2, fibres)."""
        return self.state.tail - self.state.head

    @property
    def totals(self) -> dict[str, IntArray]:
        """Trust exposure so far, by the names of the trace's columns."""
        return {"relay_bits": self.seen_by_fibre_relays, "node_bits": self.seen_by_nodes}

    @property
    def waiting(self) -> int:
        """Requests that wait to be served for the first time."""
        size = int(self.state.size[QUEUED])
        return size - int(self.state.queue[:size, STARTED].sum())

    def serve(self, interval: Interval, routes: RouteTable) -> Columns:
        """Serve all requests of an interval and return its recorded columns."""
        slots, flows, paths = self._laid_out(interval, routes)
        row = 0
        while row < interval.slots:
            started = time.perf_counter()
            begin = row
            end = min(row + self._rows_at_once, interval.slots)
            row = self._serve_rows(slots, flows, row, end, paths)
            self._carry(paths)
            self._follow(slots, paths, begin, row)
            quick = time.perf_counter() - started < STOP_S
            self._rows_at_once = min(2 * self._rows_at_once, MOST_ROWS) if quick else FIRST_ROWS
            if row < end:
                self._make_room(slots)
            self._context.check()
        return self._finished(interval, flows, paths)

    def open_slot(self, interval: Interval, routes: RouteTable) -> OpenSlot:
        """Serve the requests of a single slot, and leave it open for what else needs keys."""
        # FEL tasks alone need keys beside requests
        from qnetsim.kernel.serving.open_slot import OpenSlot

        slots, flows, paths = self._laid_out(interval, routes)
        serving = self._serving
        while not serving.serve_slots(self.state, self.rules, slots, flows, 0, 1, False):
            self._make_room(slots)
        self._carry(paths)
        self._follow(slots, paths, 0, 1)
        self._context.check()
        return OpenSlot(
            interval=interval,
            state=self.state,
            rules=self.rules,
            slots=slots,
            flows=flows,
            paths=paths,
            loop=serving,
        )

    def close_slot(self, slot: OpenSlot) -> Columns:
        """End an open slot and return its recorded columns."""
        slot.end()
        columns = self._finished(slot.interval, slot.flows, slot.paths)
        columns["fel_key_bits"][0] = slot.taken_bits
        return columns

    def expose(self, route: Route, bits: int) -> None:
        """Count key bits that the trusted relays of a route saw, beside those of requests."""
        fibres = list(route.fibres)
        inside = list(route.nodes[1:-1])
        self.seen_by_fibre_relays[fibres] += bits * (self.network.segments[fibres] > 1)
        self.seen_by_nodes[inside] += bits

    def _laid_out(self, interval: Interval, routes: RouteTable) -> tuple[Slots, Flows, PathTable]:
        """Tables of an interval, as the serving loop takes them."""
        paths = self._paths_of(routes)
        paths.start_interval()
        # tables are numbered by interval
        self.state.row[:] = np.arange(len(self.state.row))
        self.state.size[FOLLOWED] = 0
        queue = self.state.queue[: int(self.state.size[QUEUED])]
        queue[:, PATH] = paths.arrays.choice[queue[:, REQUEST], queue[:, LEVEL]]
        phases = self.outages.phases(interval.first_slot, interval.slots, paths.table)
        moves = paths.moves
        slots = Slots(
            first=interval.first_slot,
            levels=handed(interval.levels),
            channels=handed(_standing(interval.channels)),
            channel_bits=handed(interval.channel_bits),
            order=handed(interval.order),
            offset=handed(interval.offset),
            holding=handed(interval.holding),
            phase=phases.first,
            tick=phases.tick,
            mask=phases.mask,
            table=phases.table,
            down=phases.down,
            moves=moves,
            paths=paths.arrays,
            sums=paths.sums,
            asked_paths=len(routes.routes),
            plain=paths.plain,
        )
        sizes = FlowSizes(
            slots=interval.slots,
            fibres=self.network.fibres,
            paths=paths.count,
            bins=self.wait_bins.count,
            levels=len(self.rules.need),
        )
        # array steps leave out what is zero
        clear = self._context.kernel == "numpy"
        return slots, new_flows(self._memory, sizes, clear=clear), paths

    def _finished(self, interval: Interval, flows: Flows, paths: PathTable) -> Columns:
        carried = flows.carried + paths.carried_whole(flows.whole)
        by_fibre, by_node = paths.exposure(carried)
        self.seen_by_fibre_relays += np.where(self.network.segments > 1, by_fibre, 0)
        self.seen_by_nodes += by_node
        return self._columns(interval, flows)

    def _serve_rows(self, slots: Slots, flows: Flows, row: int, end: int, paths: PathTable) -> int:
        state = self.state
        rules = self.rules
        if self._context.kernel == "numpy":
            return vector.serve_slots(state, rules, slots, flows, row, end, paths.loads)
        return int(self._serving.serve_slots(state, rules, slots, flows, row, end, True))

    @property
    def _serving(self) -> ModuleType:
        return compiled(loop) if self._context.kernel == "numba" else loop

    def _make_room(self, slots: Slots) -> None:
        """Enlarge queue, log and notes, where a slot might bring more than they hold."""
        asking = int(self.state.size[QUEUED]) + self.forecast.requests
        capacity = max(2 * asking, len(self.state.queue))
        rows = capacity * self.network.fibres if self._context.relay else 0
        notes = capacity * int(np.diff(slots.phase).max()) if self.request_log else 0
        self.state = grown(self.state, capacity, rows, notes)

    def _carry(self, paths: PathTable) -> None:
        relay = self._context.relay
        if relay is not None:
            relay.carry(self.state.log[: int(self.state.size[LOGGED])], paths)
            self.state.size[LOGGED] = 0

    def _follow(self, slots: Slots, paths: PathTable, begin: int, end: int) -> None:
        """Hand on what was noted of requests in rows ``begin .. end − 1``."""
        if self.request_log is not None:
            notes = self.state.notes[: int(self.state.size[NOTED])]
            self.request_log.add(notes, slots, paths, begin, end)
            self.state.size[NOTED] = 0

    def _paths_of(self, routes: RouteTable) -> PathTable:
        """Paths of these routes, made once for as long as they are in use."""
        for known in self._paths:
            if known.routes is routes:
                return known
        if len(self._paths) >= KEPT_TABLES:
            self._paths.clear()
        made = PathTable(
            self.network,
            self.forecast,
            routes,
            need=self.rules.need,
            detours=self._detours,
            on_outage=self._context.key_management.on_outage,
        )
        self._paths.append(made)
        return made

    @cached_property
    def _detours(self) -> Detours:
        return Detours(self.network.topology, self._context.setting.planning_lengths)

    def _columns(self, interval: Interval, flows: Flows) -> Columns:
        """Recorded columns: decisions, pools, counts and the bill."""
        # wavelengths in use never exceed |κ|, so dark reservations need not be told apart
        beyond: IntArray = self._memory.empty(flows.wavelengths.shape)
        on_demand_wavelengths = np.subtract(flows.wavelengths, interval.wavelengths, out=beyond)
        np.maximum(beyond, 0, out=beyond)
        columns: Columns = {
            f"{pool}_{name}_bits": flows.bits[flow, i]
            for i, pool in enumerate(POOLS)
            for flow, name in enumerate(FLOWS)
        }
        columns["qkd_channels"] = interval.channels
        columns["km_wavelengths"] = interval.wavelengths
        columns["on_demand_channels"] = flows.channels
        columns["on_demand_wavelengths"] = on_demand_wavelengths
        columns["arrived"] = np.full(interval.slots, self.forecast.requests, dtype=np.int64)
        counts = dict(zip(COUNTS, flows.counts, strict=True))
        exposed = counts.pop("exposed")
        columns.update(counts)
        columns["waited"] = flows.waits
        columns["exposed_bits"] = exposed
        columns["fel_key_bits"] = np.zeros(interval.slots, dtype=np.int64)
        columns.update(
            bill(
                costs=self.network.costs,
                channels=interval.channels,
                wavelengths=interval.wavelengths,
                on_demand_channels=flows.channels,
                on_demand_wavelengths=on_demand_wavelengths,
                blocked=counts["blocked"] + counts["interrupted"],
                exposed=exposed,
                sums=self._context.compiled_sums,
            )
        )
        return columns


def _proportional(need: IntArray, requests: int) -> bool:
    """Whether level k takes k times the bits of level 1, and sums of levels fit into 31 bits."""
    levels = len(need)
    if levels < 2 or levels * requests >= 2**31:
        return False
    return bool((need == np.arange(levels)[:, None] * need[1]).all())


def _standing(rows: IntArray) -> IntArray:
    """One row, where it stands for all."""
    return rows[:1] if rows.strides[0] == 0 else rows


def _most(limit: int | None, network: Network) -> IntArray:
    return np.full(network.fibres, UNLIMITED if limit is None else limit, dtype=np.int64)
