"""One run: a policy in a world, from the first slot to the last."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from simpy.events import Event

from qnetsim.arrays import IntArray, frozen
from qnetsim.errors import PolicyError
from qnetsim.kernel.clock import Clock, Priority
from qnetsim.kernel.context import SimulationContext
from qnetsim.kernel.controllers import Controller, DecisionBoard, check_routes
from qnetsim.kernel.key_managers import KeyManagers
from qnetsim.kernel.ledger import Columns, Ledger, SlotBlock
from qnetsim.kernel.no_rounds import NoRounds
from qnetsim.kernel.serving.intervals import ChunkRows, Interval
from qnetsim.kernel.serving.state import ON_DEMAND, RESERVATION
from qnetsim.network import Network, RouteTable
from qnetsim.plain_text import counted
from qnetsim.policies import Future, Observation, Outcome, Policy
from qnetsim.policies.base import guarded
from qnetsim.recycled import Recycled
from qnetsim.vocabulary import BILL_COLUMNS
from qnetsim.world.realisation import WorldChunk

if TYPE_CHECKING:
    from qnetsim.kernel.rounds import Rounds
    from qnetsim.kernel.running_tasks import Task
    from qnetsim.kernel.serving.open_slot import OpenSlot

#: Called with each finished chunk of the world and what was recorded for it.
Sink = Callable[[WorldChunk, SlotBlock], None]


class Simulation:
    """Runs a prepared policy in a world.

    Parameters
    ----------
    context : SimulationContext
    policy : Policy
        Already prepared for the context's setting.
    chunks : iterator of WorldChunk
        The world, in order; each chunk is taken once.
    sink : callable
        Receives every finished chunk.
    generators : callable
        Gives the random generator of a controller by its number.
    plan_status : ndarray of uint8, shape (slots,)
        Status of the plan behind each slot, as a position in ``vocabulary.PLAN_STATUS``.
    tasks : sequence of Task
        FEL tasks that run beside the requests.
    """

    def __init__(
        self,
        context: SimulationContext,
        policy: Policy,
        *,
        chunks: Iterator[WorldChunk],
        sink: Sink,
        generators: Callable[[int], np.random.Generator],
        plan_status: npt.NDArray[np.uint8],
        tasks: Sequence[Task] = (),
    ) -> None:
        self.context = context
        self.setting = context.setting
        self.policy = policy
        self.clock = Clock()
        self.owners = checked_owners(policy, context.network, context.title)
        self._plan_status = plan_status
        self.board = DecisionBoard(context.setting, self.owners)
        self.managers = KeyManagers(context)
        self.rounds = self._rounds(tasks)
        self._generators = [generators(c) for c in range(len(self.board.owned))]
        self._chunks = chunks
        self._rows: ChunkRows | None = None
        self._memory = Recycled()
        self._ledger = Ledger(
            context.network.topology,
            context.title,
            context.compiled_sums,
            context.key_management.initial_bits,
        )
        self._sink = sink
        self._learns = type(policy).learn is not Policy.learn
        self._recourse = policy.reroutes
        # as the trace says it: what a policy sets later changes nothing
        self._foresees = policy.sees_future

    def _rounds(self, tasks: Sequence[Task]) -> Rounds | NoRounds:
        """Rounds of the tasks, on the clock; most runs have none, and do without their modules."""
        if not tasks:
            return NoRounds()
        from qnetsim.kernel.rounds import Rounds

        return Rounds(self.context, self.clock, tasks, self.managers.expose)

    def run(self) -> None:
        """Simulate all slots; the sink has everything when this returns."""
        self.start()
        self.clock.run()

    def start(self) -> None:
        """Put the processes on the clock; whoever calls this moves it."""
        for number in range(len(self.board.owned)):
            controller = Controller(number, self.policy, self.board, self._observe)
            self.clock.process(controller.process(self.clock, self.context))
        self.clock.process(self._key_layer())

    def _key_layer(self) -> Generator[Event, None, None]:
        """Advance the key layer from barrier to barrier.

        Everything between two barriers (production, arrivals, ends of slots) is served in one
        array call at the second barrier, ahead of the decisions there.
        """
        slots = self.setting.slots
        slot = 0
        while slot < slots:
            yield self.clock.at(slot * self.context.slot_ticks, Priority.PRODUCTION)
            rows = self._rows_at(slot)
            if self.rounds.active:
                # tasks take keys out of the open slot
                end = slot + 1
                self.rounds.slot = self._open(rows, slot)
            else:
                end = min(self.board.until(), rows.chunk.first_slot + rows.chunk.slots, slots)
            yield self.clock.at(end * self.context.slot_ticks, Priority.END_OF_SLOT)
            self._advance(rows, slot, end)
            slot = end

    def _rows_at(self, slot: int) -> ChunkRows:
        rows = self._rows
        if rows is None or slot >= rows.chunk.first_slot + rows.chunk.slots:
            rows = self._rows = ChunkRows(
                next(self._chunks), self.context.network, self.context.forecast, self._memory
            )
            self.managers.outages.add(rows.chunk.faults)
        return rows

    def _advance(self, rows: ChunkRows, slot: int, end: int) -> None:
        chunk = rows.chunk
        if self.rounds.slot is not None:
            columns = self.managers.close_slot(self.rounds.slot)
            self.rounds.slot = None
        else:
            columns = self._serve(rows, slot, end)
        columns["plan_status"] = self._plan_status[slot:end]
        columns["decide_s"] = self.board.decide_seconds(slot, end)
        self._ledger.add(columns)
        if self._learns:
            with guarded(self.context.title, f"learn after slot {end - 1}"):
                self.policy.learn(_outcome(slot, rows.levels(slot, end), columns))
        if end == chunk.first_slot + chunk.slots:
            totals = {**self.managers.totals, **self.rounds.table.columns}
            self._sink(chunk, self._with_requests(self._ledger.close(totals)))

    def _with_requests(self, block: SlotBlock) -> SlotBlock:
        """The block with what became of requests in it, where they are followed."""
        log = self.managers.request_log
        if log is None:
            return block
        end = block.first_slot + block.slots
        if end == self.setting.slots:
            log.finish(self.context.run_ticks)
        tables = log.close(block.first_slot, block.slots)
        return replace(block, columns=block.columns | tables.counts, requests=tables.rows)

    def _serve(self, rows: ChunkRows, first: int, end: int) -> Columns:
        """Serve an interval, slot by slot where the policy has a second stage of its own."""
        if not self._recourse:
            interval = rows.interval(first, end, *self.board.rows(first, end))
            return self.managers.serve(interval, self._routes)
        parts = []
        for slot in range(first, end):
            part = rows.interval(slot, slot + 1, *self.board.rows(slot, slot + 1))
            parts.append(self.managers.serve(part, self._routes_in(slot, part)))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _open(self, rows: ChunkRows, slot: int) -> OpenSlot:
        """Serve the requests of one slot and leave it open."""
        interval = rows.interval(slot, slot + 1, *self.board.rows(slot, slot + 1))
        return self.managers.open_slot(interval, self._routes_in(slot, interval))

    @property
    def _routes(self) -> RouteTable:
        """What the policy asked for last, or the shortest routes."""
        if self.board.routes is None:
            self.board.routes = self.setting.shortest_routes()
        return self.board.routes

    def _routes_in(self, slot: int, interval: Interval) -> RouteTable:
        """Routes of one slot: the policy's second stage where it has one."""
        if not self._recourse:
            return self._routes
        realised = frozen(interval.levels[0][self.setting.forecast.group], np.int64)
        with guarded(self.context.title, f"recourse in slot {slot}"):
            found = self.policy.recourse(slot, realised)
        if found is None:
            return self._routes
        try:
            check_routes(found, self.setting.network, self.setting.forecast.pairs)
        except PolicyError as error:
            raise PolicyError(f"policy {self.context.title} in slot {slot}: {error}") from None
        return found

    def _observe(self, number: int, slot: int) -> Observation:
        """What the controller sees; it gets copies, so nothing leads back."""
        owned = self.board.owned[number]
        future = None
        chunk = self._rows_at(slot).chunk
        pools = self.managers.pool_bits
        if self._foresees:
            future = Future(frozen(chunk.levels[slot - chunk.first_slot :], np.int16))
        return Observation(
            slot=slot,
            slots_left=self.setting.slots - slot,
            controller=number,
            fibres=frozen(owned, np.int64),
            reservation_pool_bits=frozen(pools[RESERVATION][owned], np.int64),
            on_demand_pool_bits=frozen(pools[ON_DEMAND][owned], np.int64),
            waiting=self.managers.waiting,
            outages=self.managers.outages.known_at(slot * self.context.slot_ticks),
            generator=self._generators[number],
            future=future,
            tasks=self.rounds.waits,
        )


def checked_owners(policy: Policy, network: Network, title: str) -> IntArray:
    """Controller of each fibre, as the policy says it, shape (fibres,).

    Raises
    ------
    PolicyError
        Saying what is wrong with it.
    """
    with guarded(title, "owners"):
        array = np.asarray(policy.owners(network))
    if array.shape != (network.fibres,) or array.dtype.kind not in "iu":
        raise PolicyError(
            f"policy {title}: owners must give one controller number for each of the "
            f"{counted(network.fibres, 'fibre')}, got shape {array.shape} of {array.dtype}"
        )
    numbers = set(array.tolist())
    if numbers != set(range(len(numbers))):
        raise PolicyError(
            f"policy {title}: owners must use the controller numbers 0, 1, … without gaps"
        )
    return array.astype(np.int64)


def _outcome(slot: int, levels: npt.NDArray[np.int16], columns: Columns) -> Outcome:
    cost = np.stack([columns[name] for name in BILL_COLUMNS], axis=1)

    def copy(name: str) -> IntArray:
        return frozen(columns[name], np.int64)

    return Outcome(
        first_slot=slot,
        levels=frozen(levels, np.int16),
        qkd_channels=copy("qkd_channels"),
        km_wavelengths=copy("km_wavelengths"),
        on_demand_channels=copy("on_demand_channels"),
        on_demand_wavelengths=copy("on_demand_wavelengths"),
        cost=frozen(cost, np.float64),
        served=copy("served"),
        blocked=copy("blocked"),
    )
