"""The baseline: one SimPy process for each request, one ``Container.get`` for each fibre.

It is what a simulator of this kind usually looks like, written without artificial work. It
keeps the same ledger and the same bill as the kernel, and the benchmark checks that the numbers
agree. It covers the paper's setting: no stores, no patience, unlimited wavelengths.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import simpy

from qnetsim.case import Case
from qnetsim.optimize import Plan


class Baseline:
    """Serves a plan's world request by request."""

    def __init__(self, case: Case, plan: Plan, levels: Any) -> None:
        self.case, self.levels = case, levels
        network = case.network
        self.fibres = range(network.fibres)
        self.channels = plan.qkd_channels.astype(int).tolist()
        self.wavelengths = plan.km_wavelengths.astype(int).tolist()
        self.bits = network.channel_bits.tolist()
        self.group = case.forecast.group.tolist()
        self.routes = [
            [plan.routes.route(r, k).fibres for k in range(plan.routes.levels)]
            for r in range(plan.routes.requests)
        ]
        self.level_bits = network.level_bits
        costs = network.costs
        self.prices = [
            c.tolist()
            for c in (
                costs.qkd_reserved,
                costs.km_reserved,
                costs.qkd_on_demand,
                costs.km_on_demand,
            )
        ]
        self.env = simpy.Environment()
        self.cost: list[float] = []
        self.served = 0
        self.produced = np.zeros((2, network.fibres), dtype=np.int64)
        self.consumed = np.zeros((2, network.fibres), dtype=np.int64)
        self.expired = np.zeros((2, network.fibres), dtype=np.int64)

    def run(self) -> None:
        self.env.process(self.slots())
        self.env.run()

    def slots(self) -> Any:
        for row in self.levels.tolist():
            self.reservation = [simpy.Container(self.env) for _ in self.fibres]
            self.on_demand = [simpy.Container(self.env) for _ in self.fibres]
            self.lit = [0] * len(self.bits)
            self.used = [0] * len(self.bits)
            for e in self.fibres:
                amount = self.channels[e] * self.bits[e]
                if amount:
                    yield self.reservation[e].put(amount)
                    self.produced[0, e] += amount
            yield simpy.AllOf(
                self.env,
                [self.env.process(self.request(r, row[g])) for r, g in enumerate(self.group)],
            )
            for e in self.fibres:
                self.expired[0, e] += self.reservation[e].level
                self.expired[1, e] += self.on_demand[e].level
            self.bill()
            yield self.env.timeout(1)

    def request(self, request: int, level: int) -> Any:
        for e in self.routes[request][level]:
            need = -(-level * self.level_bits // self.bits[e]) * self.bits[e]
            first = int(min(need, self.reservation[e].level))
            if first:
                yield self.reservation[e].get(first)
                self.consumed[0, e] += first
            rest = need - first
            short = rest - int(self.on_demand[e].level)
            if short > 0:
                more = -(-short // self.bits[e])
                self.lit[e] += more
                # not waited for: another request must not take these bits in between
                self.on_demand[e].put(more * self.bits[e])
                self.produced[1, e] += more * self.bits[e]
            if rest:
                yield self.on_demand[e].get(rest)
                self.consumed[1, e] += rest
            self.used[e] += 1
        self.served += 1

    def bill(self) -> None:
        total = 0.0
        for e in self.fibres:
            extra = max(self.used[e] - self.wavelengths[e], 0)
            amounts = (self.channels[e], self.wavelengths[e], self.lit[e], extra)
            total += sum(n * price[e] for n, price in zip(amounts, self.prices, strict=True))
        self.cost.append(total)
