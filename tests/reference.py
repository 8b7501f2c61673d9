"""A plain simulator, one SimPy process for each request, to judge the array kernel by.

It shares no serving code with the kernel. Every bit has an identity, (fibre, pool, offset), and
the reference itself checks that no bit is handed to two requests.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import simpy

END_OF_SLOT, DECISION, PRODUCTION, ARRIVALS = 1, 3, 4, 5


class OrderedEnvironment(simpy.Environment):
    """Events in the order (tick, priority, entity)."""

    def wait_until(self, tick: int, priority: int, entity: int = 0) -> simpy.Event:
        event = simpy.Event(self)
        event._ok, event._value = True, None
        self.schedule(event, priority * 10**9 + entity, tick - self.now)
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
    channel_bits: list[int]
    max_channels: int | None
    max_wavelengths: int | None
    store_bits: int
    lifetime: int
    patience: int
    granularity: str
    level_bits: int
    levels: list[list[int]]  # [slot][request]
    routes: list[list[tuple[int, ...] | None]]  # [request][level] -> fibres, None: refused
    channels: Any  # [slot][fibre]
    wavelengths: Any
    prices: dict[str, list[float]]
    blocking_price: float


class Reference:
    """Runs a world; the columns come out under the names of the trace."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.env = OrderedEnvironment()
        self.pools = {
            p: [Store() for _ in range(world.fibres)] for p in ("reservation", "on_demand")
        }
        self.columns: dict[str, Any] = defaultdict(
            lambda: np.zeros((world.slots, world.fibres), int)
        )
        self.counts: dict[str, Any] = defaultdict(lambda: np.zeros(world.slots, int))
        self.used: dict[tuple[str, int], set[int]] = defaultdict(set)
        self.waiting: set[int] = set()
        self.slot = 0

    def run(self) -> None:
        self.env.process(self.clockwork())
        self.env.run()

    def clockwork(self) -> Any:
        w = self.world
        number = 0
        for slot in range(w.slots):
            start = slot * w.slot_ticks
            yield self.env.wait_until(start, DECISION)
            self.slot = slot
            self.lit_q = [0] * w.fibres
            self.free_x = [0] * w.fibres
            self.used_x = [0] * w.fibres
            for e in range(w.fibres):
                cap = w.max_wavelengths
                reserved = int(w.wavelengths[slot][e])
                self.free_x[e] = reserved if cap is None else min(reserved, cap)
            yield self.env.wait_until(start, PRODUCTION)
            for e in range(w.fibres):
                cap, reserved = w.max_channels, int(w.channels[slot][e])
                self.lit_q[e] = reserved if cap is None else min(reserved, cap)
                self.produce("reservation", e, self.lit_q[e] * w.channel_bits[e])
            for request, level in enumerate(w.levels[slot]):
                self.env.process(self.request(number, request, level, start))
                number += 1
                self.counts["arrived"][slot] += 1
            yield self.env.wait_until(start + w.slot_ticks, END_OF_SLOT, 10**8)
            self.end_slot(slot)

    def request(self, number: int, request: int, level: int, start: int) -> Any:
        """Try at every slot's start until served or out of patience."""
        w = self.world
        deadline = start + w.patience
        tick = start
        while True:
            yield self.env.wait_until(tick, ARRIVALS, number)
            if self.try_to_serve(request, level):
                self.waiting.discard(number)
                self.counts["served"][self.slot] += 1
                return
            refused = w.routes[request][level] is None
            self.waiting.add(number)
            tick += w.slot_ticks
            if refused or deadline <= tick:
                if deadline > start and not refused:
                    yield self.env.wait_until(deadline, END_OF_SLOT, number)
                self.waiting.discard(number)
                self.counts["blocked"][self.slot] += 1
                return
            if tick >= w.slots * w.slot_ticks:
                return  # still pending when the run ends

    def need(self, level: int, e: int) -> int:
        w, bits = self.world, level * self.world.level_bits
        if w.granularity == "channel":
            return -(-bits // w.channel_bits[e]) * w.channel_bits[e]
        return bits

    def try_to_serve(self, request: int, level: int) -> bool:
        w, route = self.world, self.world.routes[request][level]
        if route is None:
            return False
        lights = {}
        for e in route:
            short = self.need(level, e)
            short -= self.pools["reservation"][e].bits() + self.pools["on_demand"][e].bits()
            lights[e] = max(0, -(-short // w.channel_bits[e]))
            if w.max_channels is not None and self.lit_q[e] + lights[e] > w.max_channels:
                return False
            if w.max_wavelengths is not None and self.used_x[e] + 1 > w.max_wavelengths:
                return False
        for e in route:
            self.light(e, lights[e])
            need = self.need(level, e)
            first = min(need, self.pools["reservation"][e].bits())
            self.spend("reservation", e, first)
            self.spend("on_demand", e, need - first)
            self.used_x[e] += 1
            if self.free_x[e]:
                self.free_x[e] -= 1
            else:
                self.columns["on_demand_wavelengths"][self.slot, e] += 1
        return True

    def light(self, e: int, channels: int) -> None:
        self.lit_q[e] += channels
        self.columns["on_demand_channels"][self.slot, e] += channels
        self.produce("on_demand", e, channels * self.world.channel_bits[e])

    def produce(self, pool: str, e: int, bits: int) -> None:
        self.pools[pool][e].put(self.slot, bits)
        self.columns[f"{pool}_produced_bits"][self.slot, e] += bits

    def spend(self, pool: str, e: int, bits: int) -> None:
        for first, end in self.pools[pool][e].get(bits):
            fresh = set(range(first, end))
            assert not fresh & self.used[pool, e], "a bit was used twice"
            self.used[pool, e] |= fresh
        self.columns[f"{pool}_consumed_bits"][self.slot, e] += bits

    def end_slot(self, slot: int) -> None:
        w = self.world
        self.counts["waiting"][slot] = len(self.waiting)
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
        bills["blocking_cost"] = np.array([n * w.blocking_price for n in self.counts["blocked"]])
        return bills
