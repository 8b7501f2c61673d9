"""Small scenarios with unlikely levels or cheap blocking, and their least cost in fractions."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction
from pathlib import Path

from qnetsim.case import Case
from qnetsim.scenario import Scenario, parse_scenario
from tests.support.own_demand import all_paths

#: Combinations of all states beyond which brute force takes too long.
MOST_COMBINATIONS = 30_000

#: Channels and KM wavelengths on each fibre, and blocked requests.
Loads = tuple[tuple[int, ...], tuple[int, ...], int]


def unlikely_scenario(seed: int, folder: Path, risk: str = "") -> Scenario:
    """Three to five nodes, one to three requests, levels as unlikely as 1e-12, blocking from 0."""
    rng = random.Random(seed)
    nodes = rng.randint(3, 5)
    edges = {(rng.randint(1, n - 1), n) for n in range(2, nodes + 1)}
    for _ in range(rng.randint(0, 3)):
        first, second = sorted(rng.sample(range(1, nodes + 1), 2))
        edges.add((first, second))
    path = folder / f"unlikely{seed}.csv"
    rows = [f"{a},{b},{round(math.exp(rng.uniform(4.6, 8)), 3)}" for a, b in sorted(edges)]
    path.write_text("source,target,length_km\n" + "\n".join(rows) + "\n")
    pairs = [rng.sample(range(1, nodes + 1), 2) for _ in range(rng.randint(1, 3))]
    blocking = rng.choice([None, 0.0, 1.0, 100.0, 1e3, 1e4, 1e5, 1e6])
    price = "" if blocking is None else f"blocking_cost = {blocking}"
    return parse_scenario(f"""
[network]
topology = {str(path)!r}
[cost]
on_demand_multiplier = {rng.choice([0.2, 1.0, 1.0, 2.0, 10.0, 1e3, 1e6])}
{price}
[demand]
kind = "poisson"
levels = {rng.randint(2, 4)}
mean = {rng.choice([0.001, 0.003, 0.01, 0.03, 0.1, 0.2])}
pairs = {pairs}
{risk}
""")


def exact_optimum(case: Case, probabilities: list[Fraction]) -> Fraction | None:
    """Least expected cost over all simple paths, without limits; None where it takes too long."""
    network = case.network
    costs = network.costs
    levels = [k for k, p in enumerate(probabilities) if p]
    rho = network.level_channels(case.forecast.level_count)
    choices: list[list[list[int] | None]] = [
        [*all_paths(case, pair), *([] if costs.blocking is None else [None])]
        for pair in case.forecast.pairs
    ]
    per_level = [_distinct_loads(choices, rho[k].tolist()) for k in levels]
    if math.prod(map(len, per_level)) > MOST_COMBINATIONS:
        return None
    weights = [probabilities[k] for k in levels]
    prices = [
        [(Fraction(b), Fraction(o)) for b, o in zip(bought, later, strict=True)]
        for bought, later in zip(costs.reserved, costs.on_demand, strict=True)
    ]
    known: dict[tuple[int, int, tuple[int, ...]], Fraction] = {}

    def fibre_cost(kind: int, fibre: int, loads: tuple[int, ...]) -> Fraction:
        key = (kind, fibre, loads)
        if key not in known:
            reserved, on_demand = prices[kind][fibre]
            known[key] = min(
                q * reserved
                + on_demand * sum(w * max(n - q, 0) for w, n in zip(weights, loads, strict=True))
                for q in {0, *loads}
            )
        return known[key]

    best: Fraction | None = None
    for states in itertools.product(*per_level):
        blocked = sum((w * state[2] for w, state in zip(weights, states, strict=True)), Fraction(0))
        total = blocked * Fraction(costs.blocking or 0)
        for kind in (0, 1):
            for fibre in range(network.fibres):
                total += fibre_cost(kind, fibre, tuple(state[kind][fibre] for state in states))
        best = total if best is None else min(best, total)
    return best


def _distinct_loads(choices: list[list[list[int] | None]], rho: list[int]) -> list[Loads]:
    """Loads that some choice of paths leaves on the fibres at one level."""
    found: dict[Loads, None] = {}
    for paths in itertools.product(*choices):
        requests = [0] * len(rho)
        for path in paths:
            for fibre in path or ():
                requests[fibre] += 1
        channels = tuple(n * c for n, c in zip(requests, rho, strict=True))
        found[channels, tuple(requests), sum(path is None for path in paths)] = None
    return list(found)
