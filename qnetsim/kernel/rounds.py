"""FEL rounds in simulated time: every message asks for its keys and goes when it has them.

Messages that go together ask together, in their order, and the next ones follow when all are
delivered or given up. A key request takes what the slot's other requests have left, piece by
piece, and is tried again at the start of every slot; keys that were got stay with the two ends.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from simpy.events import Event

from qnetsim.kernel.clock import Clock, Priority
from qnetsim.kernel.context import SimulationContext
from qnetsim.kernel.party_exposure import PartyExposure
from qnetsim.kernel.round_table import RoundTable
from qnetsim.kernel.running_tasks import NOTHING_KEPT, KeptKeys, KeyRequest, Task, TaskKeys
from qnetsim.kernel.serving.open_slot import OpenSlot, TakenKey
from qnetsim.kernel.task_notes import TaskNotes, Want, shortage
from qnetsim.network import Route, Topology
from qnetsim.network.route_search import least_routes, open_neighbours, whole_lengths
from qnetsim.network.routes import NodePair
from qnetsim.policies.base import TaskWait

if TYPE_CHECKING:
    from qnetsim.fel.channels import Channels
    from qnetsim.fel.messages import Batch, Message, Steps


#: Paths of FEL messages that are remembered.
MOST_KNOWN = 2**14


class KeyPaths:
    """Finds paths for FEL messages; what is asked for again is remembered.

    Parameters
    ----------
    topology : Topology
    lengths : sequence of Fraction, one for each fibre
    """

    def __init__(self, topology: Topology, lengths: Sequence[Fraction]) -> None:
        self._topology = topology
        self._lengths = whole_lengths(lengths)
        self.path = lru_cache(maxsize=MOST_KNOWN)(self._path)

    def _path(self, pair: NodePair, avoided: frozenset[int]) -> Route | None:
        neighbours = open_neighbours(self._topology, avoided)
        return least_routes(neighbours, self._lengths, [pair]).get(pair)


class Rounds:
    """Runs the tasks of a scenario beside its other requests.

    Parameters
    ----------
    context : SimulationContext
    clock : Clock
    tasks : sequence of Task
    expose : callable
        Is told each route and the key bits that went over it.
    """

    def __init__(
        self,
        context: SimulationContext,
        clock: Clock,
        tasks: Sequence[Task],
        expose: Callable[[Route, int], None],
    ) -> None:
        horizontal = any(task.horizontal for task in tasks)
        self.table = RoundTable([task.rounds for task in tasks], horizontal=horizontal)
        #: The slot in which keys can be taken now.
        self.slot: OpenSlot | None = None
        self.active = len(tasks)
        self._context = context
        self._slot_ticks = context.slot_ticks
        self._end = context.run_ticks
        self._fibres = context.network.fibres
        self._blocks = context.key_management.on_outage == "block"
        self._clock = clock
        self._tasks = tasks
        self._expose = expose
        self._task_keys = [TaskKeys() for _ in tasks]
        self._exposure = PartyExposure(tasks, context.network.topology)
        self._channels = _channels(tasks)
        self._waiting: list[list[KeyRequest]] = [[] for _ in tasks]
        self._wants: list[Want | None] = [None for _ in tasks]
        for number in range(len(tasks)):
            clock.process(self._run(number))

    @cached_property
    def _paths(self) -> KeyPaths:
        return KeyPaths(self._context.network.topology, self._context.setting.planning_lengths)

    def _run(self, number: int) -> Generator[Event, None, None]:
        """One task as a SimPy process, from its set-up to its last round or the run's end."""
        from qnetsim.fel.protocol import RoundOutcome

        task = self._tasks[number]
        yield self._clock.at(0, Priority.FEL, number)
        lost = False
        for r in range(task.rounds + 1):
            if r and not (yield from self._start(number, lost)):
                break
            self._channels[number].begin_round()
            outcome = RoundOutcome()
            present = task.present(r, self._now)
            steps = task.session.round(present, outcome) if r else task.session.setup()
            self.table.begin(number, r, self._now)
            if not (yield from self._exchange_all(number, r, steps)):
                break
            workers = outcome.workers if r else task.session.workers
            lost = not workers
            self.table.end(
                number,
                r,
                self._now,
                workers=len(workers),
                loss=outcome.loss,
                accuracy=task.session.accuracy,
                evaluation=task.session.evaluation,
            )
        self.active -= 1

    def _start(self, number: int, lost: bool) -> Generator[Event, None, bool]:
        """Wait until a round can begin; returns whether the run lasts until then.

        Those must be there without whom none can be, and after a lost round no other begins in the
        same slot.
        """
        task = self._tasks[number]
        begin = self._next_slot if lost else self._now
        begin = max((task.back(worker, begin) for worker in task.session.needed), default=begin)
        if begin >= self._end:
            return False
        if begin > self._now:
            yield self._clock.at(begin, Priority.FEL, number)
        return True

    def _exchange_all(
        self, number: int, round_number: int, steps: Steps
    ) -> Generator[Event, None, bool]:
        """Send batch after batch; returns whether the run lasted until all were sent."""
        answers: list[bool] | None = None
        while True:
            try:
                batch = next(steps) if answers is None else steps.send(answers)
            except StopIteration:
                return True
            if not batch:
                answers = []
                continue
            answers = yield from self._exchange(number, round_number, batch)
            if answers is None:
                return False

    def _exchange(
        self, number: int, round_number: int, batch: Batch
    ) -> Generator[Event, None, list[bool] | None]:
        """Send messages together; returns which arrived, or None where the run ends."""
        task = self._tasks[number]
        asked: list[KeyRequest] = []
        for message in batch:
            departs = self._now + int(task.compute[message.source][round_number])
            # a task cannot begin without its set-up, so that waits as long as it takes
            waits = task.patience if round_number else None
            deadline = None if waits is None else departs + waits
            asked.append(KeyRequest(message, departs, deadline, message.key_bytes))
        computed = max(request.departs for request in asked)
        while True:
            for request in asked:
                if request.delivered is None and request.departs <= self._now:
                    self._try(number, round_number, request)
            waiting = [request for request in asked if request.delivered is None]
            self._waiting[number] = waiting
            if not waiting:
                break
            wake = min(self._wakes(request) for request in waiting)
            if wake >= self._end:
                self._wants[number] = self._want(number, round_number, waiting)
                return None
            yield self._clock.at(wake, Priority.FEL, number)
        waited = max(self._now - computed, 0)
        self.table.exchanged(number, round_number, len(batch), waited)
        return [bool(request.delivered) for request in asked]

    def _wakes(self, request: KeyRequest) -> int:
        """When a message that is not delivered yet is looked at again."""
        if request.departs > self._now:
            return request.departs
        at = self._next_slot if request.missing else request.ready
        return at if request.deadline is None else min(at, request.deadline)

    def _try(self, number: int, round_number: int, request: KeyRequest) -> None:
        """Get what keys there are for a message, and deliver it if that is enough."""
        task = self._tasks[number]
        message = request.message
        ends = (message.source, message.target)
        kept = self._task_keys[number].kept
        # while the task is set up, everybody is waited for
        if round_number and not all(task.here(party, self._now) for party in ends):
            request.delivered = False
        elif request.again > self._now:
            if request.deadline is not None and request.deadline <= self._now:
                request.delivered = False
        else:
            held = kept.get(ends, NOTHING_KEPT)
            if spare := min(held.size, request.missing):
                request.missing -= spare
                # keys that were got in vain may not be there yet either
                request.ready = max(request.ready, held.ready)
                kept[ends] = KeptKeys(held.size - spare, held.ready)
            if request.missing:
                self._take(number, round_number, request)
            if not request.missing and request.ready <= self._now:
                if self._deliver(number, round_number, message):
                    request.delivered = True
                else:
                    # its keys are spent: it is sent again with others, from the next slot on
                    request.missing = message.key_bytes
                    request.again = self._next_slot
            elif request.deadline is not None and request.deadline <= self._now:
                request.delivered = False
        if request.delivered is False:
            # what was got in vain serves the next message between the two
            got = message.key_bytes - request.missing
            held = kept.get(ends, NOTHING_KEPT)
            kept[ends] = KeptKeys(held.size + got, max(held.ready, request.ready))

    def _take(self, number: int, round_number: int, request: KeyRequest) -> None:
        slot = self.slot
        task = self._tasks[number]
        keys = self._task_keys[number]
        assert slot is not None
        message = request.message
        pair = self._pair(number, message)
        keys.begin_slot(slot.interval.first_slot, self._fibres, task.on_demand_channels)
        joined = keys.joined.setdefault(pair, set())
        known = set(slot.known_down(self._now))
        barred = self._exposure.barred_fibres(number, message)
        while request.missing:
            empty = np.flatnonzero(slot.takeable(keys.allowed, joined, self._now) < 8)
            # what is known to be down is walked around, waited for, or a reason to give up
            avoided = set(empty.tolist())
            avoided = avoided - known if self._blocks else avoided | known
            avoided |= barred
            route = self._paths.path(pair, frozenset(avoided))
            if route is None:
                return
            if known & set(route.fibres):
                request.delivered = False if round_number else None
                return
            taken = slot.take(route, 8 * request.missing, keys.allowed, joined, self._now)
            if taken is None:
                # some fibre is down, which the control plane does not know yet or waits for
                return
            request.missing -= taken.bits // 8
            request.ready = max(request.ready, taken.ready)
            self._expose(route, taken.bits)
            self._exposure.relayed(number, message, route.nodes, taken.bits)
            self.table.took(number, round_number, message, taken.bits)
            if task.real:
                self._carry(number, message, route, taken)

    def _carry(self, number: int, message: Message, route: Route, taken: TakenKey) -> None:
        """Carry key bytes over the trusted relays into the hands of both ends."""
        assert self._context.task_relay is not None and self.slot is not None
        nodes = route.nodes
        hops = taken.hops
        if nodes[0] != self._tasks[number].nodes[message.source]:
            nodes = nodes[::-1]
            hops = hops[::-1]
        what = f"a message of task {number + 1} in slot {self.slot.interval.first_slot}"
        key = self._context.task_relay.carry_key(taken.bits, nodes, hops, what)
        data = key.to_bytes(taken.bits // 8, "big")
        self._channels[number].add_keys(message.source, message.target, data)

    def _deliver(self, number: int, round_number: int, message: Message) -> bool:
        """Send a message that has its keys; returns whether it arrives."""
        task = self._tasks[number]
        attack = task.attacks.on(message, round_number) if task.attacks else None
        if task.real:
            channels = self._channels[number]
            if attack is None:
                channels.carry(message)
            else:
                channels.carry_under(attack, message)
        return attack in (None, "replay")

    def _want(self, number: int, round_number: int, waiting: Sequence[KeyRequest]) -> Want | None:
        """What a task waits for when the run ends: the message that lacks most keys."""
        short = [request for request in waiting if request.departs <= self._now and request.missing]
        if not short:
            return None
        request = max(short, key=lambda one: one.missing)
        message = request.message
        pair = self._pair(number, message)
        keys = self._task_keys[number]
        assert self.slot is not None
        keys.begin_slot(
            self.slot.interval.first_slot, self._fibres, self._tasks[number].on_demand_channels
        )
        joined = keys.joined.get(pair, set())
        room = self.slot.takeable(keys.allowed, joined, self._now)
        room[self.slot.down(self._now)] = 0
        route = self._paths.path(pair, self._exposure.barred_fibres(number, message))
        topology = self._context.network.topology
        return shortage(message, round_number, request.missing, room, route, topology)

    def notes(self) -> tuple[TaskNotes, ...]:
        """What is told of each task when the run is over, beside its rounds."""
        return tuple(
            TaskNotes(
                want=self._wants[number],
                relayed=dict(self._exposure.seen[number]),
                attacked=dict(task.attacks.met) if task.attacks else {},
                burnt_bits=task.attacks.burnt_bits if task.attacks else 0,
            )
            for number, task in enumerate(self._tasks)
        )

    @property
    def waits(self) -> tuple[TaskWait, ...]:
        """Messages that wait for keys now."""
        return tuple(
            TaskWait(
                task=number,
                source=task.nodes[request.message.source],
                target=task.nodes[request.message.target],
                bits=8 * request.missing,
            )
            for number, task in enumerate(self._tasks)
            for request in self._waiting[number]
            if request.departs <= self._now and request.missing
        )

    def _pair(self, number: int, message: Message) -> NodePair:
        nodes = self._tasks[number].nodes
        source, target = nodes[message.source], nodes[message.target]
        return (source, target) if source < target else (target, source)

    @property
    def _next_slot(self) -> int:
        return (self._now // self._slot_ticks + 1) * self._slot_ticks

    @property
    def _now(self) -> int:
        return int(self._clock.now)


def _channels(tasks: Sequence[Task]) -> list[Channels]:
    """Channels between the parties of each task; most runs have no task, and do without."""
    if not tasks:
        return []
    from qnetsim.fel.channels import Channels

    return [Channels(task.session.parties) for task in tasks]
