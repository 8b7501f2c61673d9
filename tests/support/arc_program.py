"""Least expected cost of a network over all reservations and routes, as one linear program.

A textbook formulation by arcs: whatever is reserved is fixed, and requests of each state of the
demand flow as they please, split at will. It shares neither columns nor routes with
``qnetsim.optimize``, and its optimum is a lower bound on every policy without foresight where slots
are independent and alike.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from qnetsim.case import Case


class _Rows:
    """Rows of a sparse matrix with their right-hand sides."""

    def __init__(self) -> None:
        self.entries: list[tuple[int, int, float]] = []
        self.right: list[float] = []

    def add(self, right: float, *terms: tuple[int, float]) -> None:
        self.entries += [(len(self.right), column, value) for column, value in terms]
        self.right.append(right)

    def matrix(self, columns: int) -> csr_matrix:
        rows, places, values = zip(*self.entries, strict=True)
        return csr_matrix((values, (rows, places)), shape=(len(self.right), columns))


def least_cost(case: Case) -> float:
    """Optimum for a comonotone demand without limits."""
    network, forecast = case.network, case.forecast
    assert forecast.comonotone
    assert not network.limited
    fibres = network.fibres
    ends = network.topology.fibres
    arcs = [(a, b, e) for e, (a, b) in enumerate(ends)] + [
        (b, a, e) for e, (a, b) in enumerate(ends)
    ]
    channels = network.level_channels(forecast.level_count)
    kinds = forecast.kinds or (0,) * forecast.requests
    prices = network.costs
    cost = [*prices.qkd_reserved, *prices.km_reserved]
    capacity, balance = _Rows(), _Rows()
    for state, probability in enumerate(forecast.joint.probabilities):
        bought = len(cost)
        cost += [*(probability * prices.qkd_on_demand), *(probability * prices.km_on_demand)]
        # channels, then wavelengths: what flows is reserved or bought
        used: list[list[tuple[int, float]]] = [[] for _ in range(2 * fibres)]
        flows: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
        for kind, (source, target) in zip(kinds, forecast.pairs, strict=True):
            flows[source, int(forecast.joint.levels[kind, state])][target] += 1
        for (source, level), targets in flows.items():
            first = len(cost)
            cost += [0.0] * len(arcs)
            for number, (_, _, e) in enumerate(arcs, start=first):
                used[e].append((number, float(channels[level][e])))
                used[fibres + e].append((number, 1.0))
            for node in range(len(network.topology.nodes)):
                if node != source:
                    enters = [(first + n, 1.0) for n, (_, b, _) in enumerate(arcs) if b == node]
                    leaves = [(first + n, -1.0) for n, (a, _, _) in enumerate(arcs) if a == node]
                    balance.add(float(targets[node]), *enters, *leaves)
        for e, terms in enumerate(used):
            capacity.add(0.0, (e, -1.0), (bought + e, -1.0), *terms)
    found = linprog(
        cost,
        A_ub=capacity.matrix(len(cost)),
        b_ub=np.array(capacity.right),
        A_eq=balance.matrix(len(cost)),
        b_eq=np.array(balance.right),
        method="highs",
    )
    assert found.success
    return float(found.fun)
