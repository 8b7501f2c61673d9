"""A plain simulator, one SimPy process for each request, to judge the array kernel by.

It shares no serving code with the kernel. Every bit has an identity, (fibre, pool, offset), and
the reference itself checks that no bit is handed to two requests.
"""

from __future__ import annotations

import bisect
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import simpy

END_OF_SLOT, FAULTS, DECISION, PRODUCTION, ARRIVALS = 1, 2, 3, 4, 5


class OrderedEnvironment(simpy.Environment):
    """Events in the order (tick, priority, entity)."""

    def wait_until(self, tick: int, priority: int, entity: int = 0) -> simpy.Event:
        event = simpy.Event(self)
        event._ok, event._value = True, None
        self.schedule(event, priority * 10**12 + entity, tick - self.now)
        return event


@dataclass
class Store:
    """A pool as a list of cohorts [birth slot, first offset, count], oldest first."""

    cohorts: deque[list[int]] = field(default_factory=deque)
    made: int = 0

    def bits(self) -> int:
        return sum(count for _, _, count in self.cohorts)

    def put(self, slot: int, count: int) -> None:
        if count:
            self.cohorts.append([slot, self.made, count])
            self.made += count

    def get(self, count: int) -> list[tuple[int, int]]:
        """Take the oldest bits; returns intervals of offsets."""
        taken = []
        while count:
            cohort = self.cohorts[0]
            part = min(count, cohort[2])
            taken.append((cohort[1], cohort[1] + part))
            cohort[1] += part
            cohort[2] -= part
            count -= part
            if cohort[2] == 0:
                self.cohorts.popleft()
        return taken


@dataclass
class World:
    """What the reference is told: plain Python numbers only."""

    slots: int
    slot_ticks: int
    fibres: int
    channel_bits: list[int]  # what the unit of a channel-slot is
    yields: list[list[int]]  # [slot][fibre] -> bits that one channel yields
    max_channels: int | None
    max_wavelengths: int | None
    store_bits: int
    lifetime: int
    initial_bits: int
    patience: int
    setup: int
    granularity: str
    level_bits: int
    levels: list[list[int]]  # [slot][request]
    arrivals: list[list[int]]  # [slot][request] -> ticks from the slot's start
    holding: list[list[int]]  # [slot][request] -> slots
    classes: list[int]
    routes: list[list[tuple[int, ...] | None]]  # [request][level] -> fibres, None: refused
    channels: Any  # [slot][fibre]
    wavelengths: Any
    prices: dict[str, list[float]]
    blocking_price: float
    exposure_price: float
    faults: list[tuple[int, int, int]]  # (tick, fibre, +1 down or -1 up)
    control_delay: int
    on_outage: str
    around: Any  # (request, known fibres) -> fibres or None
    relays: Any  # fibres of a route -> trusted relays on it


@dataclass
class Story:
    """What happened to one request: its turns, and how it ended."""

    request: int
    arrival_slot: int
    arrival: int
    level: int
    #: (tick, cause, fibre, way) of each try that came to something else than the one before.
    turns: list[tuple[int, str, int, tuple[int, ...] | None]] = field(default_factory=list)
    ready: int = -1
    service_slot: int = -1
    deliveries: int = 0
    detours: int = 0
    fate: str = ""
    end_slot: int = -1
    end: int = -1

    def tried(self, tick: int, cause: str, fibre: int, way: tuple[int, ...] | None) -> None:
        if not self.turns or self.turns[-1][1:] != (cause, fibre, way):
            self.turns.append((tick, cause, fibre, way))

    def ended(self, fate: str, slot: int, tick: int) -> None:
        self.fate, self.end_slot, self.end = fate, slot, tick

    @property
    def row(self) -> dict[str, Any]:
        """The request as a trace has it, names for numbers."""
        failures = [turn for turn in self.turns if turn[1] != "none"]
        ways = [way for _, _, _, way in self.turns if way is not None]
        return {
            "end_slot": self.end_slot,
            "request": self.request,
            "arrival_slot": self.arrival_slot,
            "level": self.level,
            "wait_ns": (self.end if self.ready < 0 else self.ready) - self.arrival,
            "service_slot": self.service_slot,
            "first_way": ways[0] if ways else None,
            "deliveries": self.deliveries,
            "detours": self.detours,
            "fate": self.fate,
            "cause": failures[-1][1] if failures else "none",
            "cause_fibre": failures[-1][2] if failures else -1,
            "turns": self.turns if len(self.turns) > 1 else [],
        }


class Reference:
    """Runs a world; the columns come out under the names of the trace."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.env = OrderedEnvironment()
        self.pools = {
            p: [Store() for _ in range(world.fibres)] for p in ("reservation", "on_demand")
        }
        for store in self.pools["reservation"]:
            store.put(-1, world.initial_bits)
        self.columns: dict[str, Any] = defaultdict(
            lambda: np.zeros((world.slots, world.fibres), int)
        )
        self.counts: dict[str, Any] = defaultdict(lambda: np.zeros(world.slots, int))
        self.used: dict[tuple[str, int], set[int]] = defaultdict(set)
        self.waiting: set[int] = set()
        self.going_on: set[int] = set()
        self.waits: list[tuple[int, int]] = []
        self.stories: list[Story] = []
        self.slot = 0
        self.broken = [0] * world.fibres
        self.reported = [0] * world.fibres
        end = world.slots * world.slot_ticks
        notices = [(tick + world.control_delay, f, d) for tick, f, d in world.faults]
        starts = [slot * world.slot_ticks for slot in range(world.slots)]
        ticks = {tick for tick, _, _ in (*world.faults, *notices) if tick < end}
        self.instants = sorted({*starts, *ticks})

    def run(self) -> None:
        w = self.world
        self.env.process(self.clockwork())
        for place, (tick, fibre, change) in enumerate(w.faults):
            self.env.process(self.change(place, tick, self.broken, fibre, change))
            self.env.process(
                self.change(place, tick + w.control_delay, self.reported, fibre, change)
            )
        number = 0
        for slot in range(w.slots):
            by_time = sorted(
                range(len(w.classes)), key=lambda r: (w.arrivals[slot][r], w.classes[r], r)
            )
            for r in by_time:
                tick = slot * w.slot_ticks + w.arrivals[slot][r]
                self.env.process(
                    self.request(number, r, w.levels[slot][r], tick, w.holding[slot][r], slot)
                )
                number += 1
        self.env.run()

    def rows(self) -> list[dict[str, Any]]:
        """All requests as a trace has them: as they ended, then those that had not."""
        w = self.world
        over = [story for story in self.stories if story.fate]
        open_ = [story for story in self.stories if not story.fate]
        for story in open_:
            fate = "holding" if story.deliveries else "waiting"
            story.ended(fate, w.slots - 1, w.slots * w.slot_ticks)

        def place(story: Story) -> tuple[int, ...]:
            return story.end_slot, story.arrival, w.classes[story.request], story.request

        return [story.row for part in (over, open_) for story in sorted(part, key=place)]

    def change(self, place: int, tick: int, counts: list[int], fibre: int, change: int) -> Any:
        yield self.env.wait_until(tick, FAULTS, place)
        counts[fibre] += change

    def clockwork(self) -> Any:
        w = self.world
        for slot in range(w.slots):
            start = slot * w.slot_ticks
            yield self.env.wait_until(start, DECISION)
            self.slot = slot
            self.lit_q = [0] * w.fibres
            self.free_x = [0] * w.fibres
            self.used_x = [0] * w.fibres
            self.fresh: dict[int, list[tuple[int, int]]] = {e: [] for e in range(w.fibres)}
            for e in range(w.fibres):
                cap = w.max_wavelengths
                reserved = int(w.wavelengths[slot][e])
                self.free_x[e] = reserved if cap is None else min(reserved, cap)
            yield self.env.wait_until(start, PRODUCTION)
            for e in range(w.fibres):
                cap, reserved = w.max_channels, int(w.channels[slot][e])
                self.lit_q[e] = reserved if cap is None else min(reserved, cap)
                if not self.broken[e]:
                    self.produce("reservation", e, self.lit_q[e] * w.yields[slot][e])
            yield self.env.wait_until(start + w.slot_ticks, END_OF_SLOT, 10**8)
            self.end_slot(slot)

    def request(
        self, number: int, request: int, level: int, tick: int, holding: int, slot: int
    ) -> Any:
        """Ask until served or out of patience, in every slot of the holding time."""
        w = self.world
        arrival = tick
        story = Story(request, slot, arrival, level)
        self.stories.append(story)
        for delivery in range(holding):
            deadline = tick + w.patience
            if delivery == 0:
                yield self.env.wait_until(tick, PRODUCTION, 10**8)
                self.counts["arrived"][self.slot] += 1
                self.waiting.add(number)
            while True:
                # sessions go on first, then class by class in order of arrival
                turn = 0 if delivery else 1 + w.classes[request]
                yield self.env.wait_until(tick, ARRIVALS, turn * 10**7 + number)
                route, detour = self.path(request, level)
                ready = None if route is None else self.try_to_serve(route, level)
                if ready is not None:
                    story.tried(self.env.now, "none", -1, route)
                    break
                story.tried(self.env.now, *self.why, None)
                later = bisect.bisect_right(self.instants, tick)
                following = (
                    self.instants[later] if later < len(self.instants) else w.slots * w.slot_ticks
                )
                if route == ():
                    deadline = tick
                if deadline <= following:
                    if deadline > tick:
                        yield self.env.wait_until(deadline, END_OF_SLOT, number)
                    self.waiting.discard(number)
                    self.going_on.discard(number)
                    fate = "interrupted" if delivery else "blocked"
                    self.counts[fate][self.slot] += 1
                    story.ended(fate, self.slot, deadline)
                    return
                if following >= w.slots * w.slot_ticks:
                    return  # still pending when the run ends
                tick = following
            assert route
            self.counts["rerouted"][self.slot] += detour
            self.counts["exposed_bits"][self.slot] += level * w.level_bits * w.relays(route)
            story.deliveries += 1
            story.detours += detour
            if delivery == 0:
                story.ready, story.service_slot = ready, self.slot
                self.waiting.discard(number)
                self.counts["served"][self.slot] += 1
                if ready > arrival:
                    self.waits.append((self.slot, ready - arrival))
            self.going_on.add(number)
            if delivery == holding - 1:
                self.going_on.discard(number)
                story.ended("served", self.slot, self.env.now)
            tick = (self.slot + 1) * w.slot_ticks
            if tick >= w.slots * w.slot_ticks:
                return

    def path(self, request: int, level: int) -> tuple[tuple[int, ...] | None, int]:
        """Fibres to take and whether they are a detour; () to give up, None to wait."""
        w, route = self.world, self.world.routes[request][level]
        if route is None:
            self.why = ("refused", -1)
            return (), 0
        known = frozenset(e for e in range(w.fibres) if self.reported[e])
        if not known & set(route) or w.on_outage == "wait":
            return route, 0
        first = next(e for e in route if e in known)
        if w.on_outage == "block":
            self.why = ("outage", first)
            return (), 0
        self.why = ("no_detour", first)
        return w.around(request, known), 1

    def reason(self, e: int) -> tuple[str, int]:
        """Why a fibre cannot serve, and which one it is."""
        w = self.world
        if self.broken[e]:
            return "fibre_down", e
        if w.max_wavelengths is not None and self.used_x[e] + 1 > w.max_wavelengths:
            return "no_wavelength", e
        if w.yields[self.slot][e] == 0:
            return "no_key", e
        if self.env.now + w.setup > (self.slot + 1) * w.slot_ticks:
            return "too_late", e
        return "no_channel", e

    def need(self, level: int, e: int) -> int:
        w, bits = self.world, level * self.world.level_bits
        if w.granularity == "channel":
            return -(-bits // w.channel_bits[e]) * w.channel_bits[e]
        return bits

    def try_to_serve(self, route: tuple[int, ...], level: int) -> int | None:
        """Serve or return None; returns the tick at which the last bit is there."""
        w, now = self.world, self.env.now
        if not route:
            return None
        lights = {}
        for e in route:
            self.why = self.reason(e)
            if self.broken[e]:
                return None
            short = self.need(level, e)
            short -= self.pools["reservation"][e].bits() + self.pools["on_demand"][e].bits()
            lights[e] = 0
            if short > 0:
                y = w.yields[self.slot][e]
                if y == 0 or now + w.setup > (self.slot + 1) * w.slot_ticks:
                    return None
                lights[e] = -(-short // y)
            if w.max_channels is not None and self.lit_q[e] + lights[e] > w.max_channels:
                # what is lit already may be above the limit only if nothing more is asked for
                return None
            if w.max_wavelengths is not None and self.used_x[e] + 1 > w.max_wavelengths:
                return None
        ready = now
        for e in route:
            self.light(e, lights[e])
            need = self.need(level, e)
            first = min(need, self.pools["reservation"][e].bits())
            self.spend("reservation", e, first)
            for _, high in self.spend("on_demand", e, need - first):
                for start, tick in self.fresh[e]:
                    if high > start:
                        ready = max(ready, tick)
            self.used_x[e] += 1
            if self.free_x[e]:
                self.free_x[e] -= 1
            else:
                self.columns["on_demand_wavelengths"][self.slot, e] += 1
        return ready

    def light(self, e: int, channels: int) -> None:
        if channels:
            tick = self.env.now + self.world.setup
            self.fresh[e].append((self.pools["on_demand"][e].made, tick))
        self.lit_q[e] += channels
        self.columns["on_demand_channels"][self.slot, e] += channels
        self.produce("on_demand", e, channels * self.world.yields[self.slot][e])

    def produce(self, pool: str, e: int, bits: int) -> None:
        self.pools[pool][e].put(self.slot, bits)
        self.columns[f"{pool}_produced_bits"][self.slot, e] += bits

    def spend(self, pool: str, e: int, bits: int) -> list[tuple[int, int]]:
        taken = self.pools[pool][e].get(bits)
        for first, end in taken:
            fresh = set(range(first, end))
            assert not fresh & self.used[pool, e], "a bit was used twice"
            self.used[pool, e] |= fresh
        self.columns[f"{pool}_consumed_bits"][self.slot, e] += bits
        return taken

    def end_slot(self, slot: int) -> None:
        w = self.world
        self.counts["waiting"][slot] = len(self.waiting)
        self.counts["holding"][slot] = len(self.going_on)
        for name, pools in self.pools.items():
            for e, pool in enumerate(pools):
                old = sum(c for birth, _, c in pool.cohorts if birth + w.lifetime <= slot)
                pool.get(old)
                over = max(0, pool.bits() - w.store_bits)
                pool.get(over)
                self.columns[f"{name}_expired_bits"][slot, e] = old
                self.columns[f"{name}_overflowed_bits"][slot, e] = over
                self.columns[f"{name}_stored_bits"][slot, e] = pool.bits()

    def costs(self) -> dict[str, Any]:
        """The bill of each slot, added up from what was lit."""
        w = self.world
        amounts = {
            "qkd_reserved_cost": np.asarray(w.channels),
            "km_reserved_cost": np.asarray(w.wavelengths),
            "qkd_on_demand_cost": self.columns["on_demand_channels"],
            "km_on_demand_cost": self.columns["on_demand_wavelengths"],
        }
        bills = {}
        for name, amount in amounts.items():
            bill = np.zeros(w.slots)
            for slot in range(w.slots):
                for e in range(w.fibres):
                    bill[slot] += int(amount[slot][e]) * w.prices[name][e]
            bills[name] = bill
        lost = self.counts["blocked"] + self.counts["interrupted"]
        bills["blocking_cost"] = np.array([n * w.blocking_price for n in lost])
        seen = self.counts["exposed_bits"]
        bills["exposure_cost"] = np.array([n * w.exposure_price for n in seen])
        return bills
