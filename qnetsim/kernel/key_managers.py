"""Key managers: the pools of all fibres, the queue of requests, and the bill of each slot."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from types import ModuleType

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.forecast import Forecast
from qnetsim.kernel.billing import bill
from qnetsim.kernel.ledger import Columns
from qnetsim.kernel.relay import Relay
from qnetsim.kernel.serving import loop, vector
from qnetsim.kernel.serving.intervals import Interval
from qnetsim.kernel.serving.jit import Served, compiled
from qnetsim.kernel.serving.open_slot import OpenSlot
from qnetsim.kernel.serving.outages import Outages
from qnetsim.kernel.serving.paths import PathTable
from qnetsim.kernel.serving.state import Flows, Rules, Slots, grown, new_flows, new_state
from qnetsim.kernel.serving.wait_bins import wait_bins
from qnetsim.network import Network, Route, RouteTable
from qnetsim.network.detours import Detours
from qnetsim.optimize.routing import newsvendor_lengths
from qnetsim.scenario import KeyManagementTable
from qnetsim.units import seconds_to_ticks
from qnetsim.vocabulary import FLOWS, POOLS

UNLIMITED = np.iinfo(np.int64).max // 4
#: Route tables whose paths are kept; a second stage may give a new table in every slot.
KEPT_TABLES = 4
#: Slots after which a run may be stopped; some take seconds, where long queues wait.
ROWS_AT_ONCE = 128


class KeyManagers:
    """The local key managers (LKMs) of all fibres, with their pools and the queue of requests.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    table : KeyManagementTable
    slot_ticks : int
    run_ticks : int
        Length of the run.
    kernel : {"numba", "numpy", "loop"}
        What serves the requests; the results are the same.
    relay : Relay, optional
        Carries the keys of every delivery as real bytes.
    check : callable, optional
        Called now and then; raises to stop the run.
    """

    def __init__(
        self,
        network: Network,
        forecast: Forecast,
        table: KeyManagementTable,
        slot_ticks: int,
        run_ticks: int,
        kernel: Served = "numpy",
        relay: Relay | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.network, self.forecast = network, forecast
        self._table = table
        self._kernel = kernel
        self._relay = relay
        self._check = check
        patience, setup = (seconds_to_ticks(s) for s in (table.patience_s, table.on_demand_setup_s))
        self.wait_bins = wait_bins(table, slot_ticks, run_ticks)
        need = network.request_bits(forecast.level_count, table.granularity)
        self.rules = Rules(
            slot_ticks,
            patience,
            setup,
            table.store_bits,
            network.level_bits,
            int(forecast.priority.max()) + 1,
            self.wait_bins.width_ticks,
            _proportional(need, forecast.requests),
            _most(network.max_channels, network),
            _most(network.max_wavelengths, network),
            forecast.group,
            forecast.priority,
            need,
        )
        self.outages = Outages(network.fibres, slot_ticks, seconds_to_ticks(table.control_delay_s))
        rows = forecast.requests * network.fibres if relay else 0
        requests = forecast.requests
        self.state = new_state(
            network.fibres, requests, table.key_lifetime_slots, 2 * requests, 2 * rows
        )
        self._paths: dict[int, PathTable] = {}
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
        size = int(self.state.size[0])
        return size - int(self.state.started[:size].sum())

    def serve(self, interval: Interval, routes: RouteTable) -> Columns:
        """Serve all requests of an interval and return its recorded columns."""
        slots, flows, paths = self._laid_out(interval, routes)
        row = 0
        while row < interval.slots:
            end = min(row + ROWS_AT_ONCE, interval.slots)
            row = self._serve_rows(slots, flows, row, end, paths)
            self._carry(paths)
            if row < end:
                self._make_room()
            self._check()
        return self._finished(interval, flows, paths)

    def open_slot(self, interval: Interval, routes: RouteTable) -> OpenSlot:
        """Serve the requests of a single slot, and leave it open for what else needs keys."""
        slots, flows, paths = self._laid_out(interval, routes)
        serving = self._serving
        while not serving.serve_slot(self.state, self.rules, slots, flows, 0):
            self._make_room()
        self._carry(paths)
        self._check()
        return OpenSlot(interval, self.state, self.rules, slots, flows, paths, serving)

    def close_slot(self, slot: OpenSlot) -> Columns:
        """End an open slot and return its recorded columns."""
        slot.end()
        columns = self._finished(slot.interval, slot.flows, slot.paths)
        columns["fel_key_bits"][0] = slot.taken_bits
        return columns

    def expose(self, route: Route, bits: int) -> None:
        """Count key bits that the trusted relays of a route saw, beside those of requests."""
        fibres, inside = list(route.fibres), list(route.nodes[1:-1])
        self.seen_by_fibre_relays[fibres] += bits * (self.network.segments[fibres] > 1)
        self.seen_by_nodes[inside] += bits

    def _laid_out(self, interval: Interval, routes: RouteTable) -> tuple[Slots, Flows, PathTable]:
        """Tables of an interval, as the serving loop takes them."""
        paths = self._paths_of(routes)
        paths.start_interval()
        # tables are numbered by interval
        self.state.row[:] = np.arange(len(self.state.row))
        self.state.size[2] = 0
        phases = self.outages.phases(interval.first_slot, interval.slots, paths.table)
        moves = paths.moves
        need, count, exposed = paths.rows
        # compiled code wants one layout of every array
        packed = np.ascontiguousarray
        slots = Slots(
            first=interval.first_slot,
            levels=packed(interval.levels),
            channels=packed(interval.channels),
            wavelengths=packed(interval.wavelengths),
            channel_bits=packed(interval.channel_bits),
            order=packed(interval.order),
            offset=packed(interval.offset),
            holding=packed(interval.holding),
            phase=phases.first,
            tick=phases.tick,
            mask=phases.mask,
            table=phases.table,
            down=phases.down,
            moves=moves,
            choice=paths.choice,
            path=paths.path,
            fibre=paths.fibre,
            trusted=paths.trusted,
            asked_paths=len(routes.routes),
            plain=paths.plain,
            row_need=need,
            row_count=count,
            row_exposed=exposed,
        )
        flows = new_flows(
            interval.slots,
            self.network.fibres,
            len(paths.trusted),
            self.wait_bins.count,
            len(self.rules.need),
        )
        return slots, flows, paths

    def _finished(self, interval: Interval, flows: Flows, paths: PathTable) -> Columns:
        carried = flows.carried + paths.carried_whole(flows.whole)
        by_fibre, by_node = paths.exposure(carried)
        self.seen_by_fibre_relays += np.where(self.network.segments > 1, by_fibre, 0)
        self.seen_by_nodes += by_node
        return self._columns(interval, flows)

    def _serve_rows(self, slots: Slots, flows: Flows, row: int, end: int, paths: PathTable) -> int:
        state, rules = self.state, self.rules
        if self._kernel == "numpy":
            return vector.serve_slots(state, rules, slots, flows, row, end, paths.loads)
        return int(self._serving.serve_slots(state, rules, slots, flows, row, end))

    @property
    def _serving(self) -> ModuleType:
        return compiled(loop) if self._kernel == "numba" else loop

    def _make_room(self) -> None:
        """Enlarge queue and log, where a slot might bring more than they hold."""
        asking = int(self.state.size[0]) + self.forecast.requests
        capacity = max(2 * asking, self.state.request.size)
        rows = capacity * self.network.fibres if self._relay else 0
        self.state = grown(self.state, capacity, rows)

    def _carry(self, paths: PathTable) -> None:
        if self._relay is not None:
            self._relay.carry(self.state.log[: int(self.state.size[1])], paths)
            self.state.size[1] = 0

    def _paths_of(self, routes: RouteTable) -> PathTable:
        """PathTable of these routes, made once for as long as they are in use."""
        known = self._paths.get(id(routes))
        if known is not None and known.routes is routes:
            return known
        if len(self._paths) >= KEPT_TABLES:
            self._paths.clear()
        made = PathTable(
            self.network,
            self.forecast,
            routes,
            self.rules.need,
            self._detours,
            self._table.on_outage,
        )
        self._paths[id(routes)] = made
        return made

    @cached_property
    def _detours(self) -> Detours:
        lengths = newsvendor_lengths(self.network, self.forecast)
        return Detours(self.network.topology, lengths)

    def _columns(self, interval: Interval, flows: Flows) -> Columns:
        """Recorded columns: decisions, pools, counts and the bill."""
        # wavelengths in use never exceed |κ|, so dark reservations need not be told apart
        on_demand_wavelengths = np.maximum(flows.wavelengths - interval.wavelengths, 0)
        columns: Columns = {
            f"{pool}_{name}_bits": getattr(flows, name)[i]
            for i, pool in enumerate(POOLS)
            for name in FLOWS
        }
        columns["qkd_channels"] = interval.channels
        columns["km_wavelengths"] = interval.wavelengths
        columns["on_demand_channels"] = flows.channels
        columns["on_demand_wavelengths"] = on_demand_wavelengths
        columns["arrived"] = np.full(interval.slots, self.forecast.requests, dtype=np.int64)
        for name in ("served", "blocked", "interrupted", "waiting", "holding", "rerouted"):
            columns[name] = getattr(flows, name)
        columns["waited"] = flows.waits
        columns["exposed_bits"] = flows.exposed
        columns["fel_key_bits"] = np.zeros(interval.slots, dtype=np.int64)
        columns.update(
            bill(
                self.network.costs,
                interval.channels,
                interval.wavelengths,
                flows.channels,
                on_demand_wavelengths,
                flows.blocked + flows.interrupted,
                flows.exposed,
            )
        )
        return columns


def _proportional(need: IntArray, requests: int) -> bool:
    """Whether level k takes k times the bits of level 1, and sums of levels fit into 31 bits."""
    levels = len(need)
    if levels < 2 or levels * requests >= 2**31:
        return False
    return bool((need == np.arange(levels)[:, None] * need[1]).all())


def _most(limit: int | None, network: Network) -> IntArray:
    return np.full(network.fibres, UNLIMITED if limit is None else limit, dtype=np.int64)
