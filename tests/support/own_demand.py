"""Small networks whose requests have distributions of their own, and their least cost by force."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from qnetsim.case import Case, open_case
from qnetsim.scenario import Scenario, parse_scenario
from tests.support.networks import simple_paths


def reference_scenario(step: int = 1, text: str = "") -> Scenario:
    """Every so many pairs of NSFNET, pair i with the mean 1 + (i mod 5)."""
    pairs = itertools.combinations(range(1, 15), 2)
    lines = ['[network]\ntopology = "nsfnet"']
    for i, (a, b) in enumerate(itertools.islice(pairs, 0, None, step)):
        lines.append(f"[[request]]\nsource = {a}\ntarget = {b}\nmean = {1 + i % 5}")
    return parse_scenario("\n".join([*lines, text]))


def random_own_scenario(
    seed: int, folder: Path, *, limits: bool = False, coupling: str = "comonotone"
) -> Scenario:
    """Two to five nodes, one to five requests, each with a distribution of its own."""
    rng = np.random.default_rng(seed)
    nodes = int(rng.integers(3, 6))
    edges = {(int(rng.integers(0, n)), n) for n in range(1, nodes)}
    for _ in range(int(rng.integers(1, 5))):
        edges.add(tuple(sorted(rng.choice(nodes, 2, replace=False).tolist())))
    path = folder / f"own{seed}.csv"
    rows = [f"n{a},n{b},{int(rng.integers(20, 900))}" for a, b in sorted(edges)]
    path.write_text("source,target,length_km\n" + "\n".join(rows) + "\n")
    prices = ""
    if rng.random() < 0.4:
        names = "transmitter receiver key_manager security_infrastructure mux_demux channel_km"
        for table in ("reserved", "on_demand"):
            prices += f"[cost.{table}]\n"
            prices += "".join(f"{n} = {int(rng.integers(1, 3000))}\n" for n in names.split())
    levels = int(rng.integers(2, 5))
    text = f"""
[network]
topology = {str(path)!r}
qkd_wavelengths = {int(rng.choice([12, 24, 36])) if limits else 0}
km_wavelengths = {int(rng.choice([0, 2, 3])) if limits else 0}
[cost]
on_demand_multiplier = {float(rng.choice([0.3, 0.7, 1.0, 2.0]))}
{"blocking_cost = 60000.0" if limits and rng.random() < 0.5 else ""}
{prices}
[demand]
levels = {levels}
coupling = {coupling!r}
"""
    for _ in range(int(rng.integers(1, 5))):
        a, b = rng.choice(nodes, 2, replace=False).tolist()
        own = [
            f"mean = {float(rng.choice([0.3, 1.0, 2.5]))}",
            f"probabilities = {[float(x) for x in rng.integers(1, 9, levels)]}",
            f"level = {levels - 1}",
        ][int(rng.choice(3, p=[0.45, 0.45, 0.1]))]
        group = f"group = 'g{int(rng.integers(0, 2))}'" if coupling == "grouped" else ""
        text += f"[[request]]\nsource = 'n{a}'\ntarget = 'n{b}'\n{own}\n{group}\n"
    return parse_scenario(text)


def all_paths(case: Case, pair: tuple[int, int]) -> list[list[int]]:
    """Fibres of every simple path of a pair."""
    return simple_paths(case.network.topology, pair)


def least_cost(
    case: Case,
    states: list[tuple[float, list[int]]],
    *,
    whole: bool,
    fixed: tuple[np.ndarray, np.ndarray] | None = None,
) -> float | None:
    """Eq (21) over all simple paths, written apart from the product; None where infeasible.

    Parameters
    ----------
    case : Case
    states : list of (float, list of int)
        Probability of each state, and the level of each request in it.
    whole : bool
        Requests are not split.
    fixed : pair of ndarray, optional
        Channels and KM wavelengths that are reserved.
    """
    network = case.network
    costs, fibres = network.costs, network.fibres
    rho = network.level_channels(case.forecast.level_count)
    paths = [all_paths(case, pair) for pair in case.forecast.pairs]
    cost = [*costs.qkd_reserved, *costs.km_reserved]
    integer = [0] * (2 * fibres)
    for p, _ in states:
        cost += [*(p * costs.qkd_on_demand), *(p * costs.km_on_demand)]
        integer += [0] * (2 * fibres)
    rows, low, high = [], [], []
    flows: list[tuple[int, int, list[int] | None]] = []
    for s, (p, _) in enumerate(states):
        for r, listed in enumerate(paths):
            flows += [(s, r, path) for path in listed]
            cost += [0.0] * len(listed)
            if costs.blocking is not None:
                flows.append((s, r, None))
                cost.append(p * costs.blocking)
    first = 2 * fibres * (1 + len(states))
    integer += [int(whole)] * len(flows)
    size = len(cost)
    for s, (_, levels) in enumerate(states):
        for r in range(len(paths)):
            row = np.zeros(size)
            row[[first + i for i, f in enumerate(flows) if f[:2] == (s, r)]] = 1
            rows.append(row)
            low.append(1.0)
            high.append(1.0)
        for kind, cap in ((0, network.max_channels), (1, network.max_wavelengths)):
            for e in range(fibres):
                use = np.zeros(size)
                for i, (state, r, path) in enumerate(flows):
                    if state == s and path is not None and e in path:
                        use[first + i] = 1.0 if kind else float(rho[levels[r], e])
                cover = -use
                cover[kind * fibres + e] = cover[2 * fibres * (1 + s) + kind * fibres + e] = 1.0
                rows.append(cover)
                low.append(0.0)
                high.append(np.inf)
                if cap is not None:
                    rows.append(use)
                    low.append(-np.inf)
                    high.append(float(cap))
    lower, upper = np.zeros(size), np.full(size, np.inf)
    if fixed is not None:
        lower[: 2 * fibres] = upper[: 2 * fibres] = np.concatenate(fixed)
    scale = max(cost)
    found = milp(
        np.array(cost) / scale,
        constraints=LinearConstraint(np.array(rows), low, high),
        bounds=Bounds(lower, upper),
        integrality=integer,
        options={"mip_rel_gap": 1e-11},
    )
    return None if found.x is None else float(found.fun) * scale


def comonotone_states(case: Case) -> list[tuple[float, list[int]]]:
    """States of all requests as U rises, from the cumulative distributions alone."""
    forecast = case.forecast
    laws = [forecast.levels_of(r).exact_probabilities for r in range(forecast.requests)]
    cumulative = [list(itertools.accumulate(law)) for law in laws]
    cuts = sorted({c for line in cumulative for c in line if c > 0})
    states = []
    before = 0
    for cut in cuts:
        levels = [next(k for k, c in enumerate(line) if c >= cut) for line in cumulative]
        states.append((float(cut - before), levels))
        before = cut
    return states


def own_case(seed: int, folder: Path, *, limits: bool = False) -> Case:
    """Case of a random comonotone scenario."""
    return open_case(random_own_scenario(seed, folder, limits=limits))


COMONOTONE = """
[run]
slots = 4000
replications = 2
[network]
topology = "nsfnet"
{network}
[demand]
levels = 8
{demand}
[[request]]
source = 1
target = 5
mean = 3.5
count = 4
{one}
[[request]]
source = 2
target = 5
probabilities = [1, 0, 3]
count = 3
{one}
[[request]]
source = 9
target = 14
level = 3
count = 5
{other}
[[request]]
source = 1
target = 14
mean = 1
count = 2
{other}
"""


def written_four_kinds(folder: Path, coupling: str, network: str = "") -> Path:
    path = folder / "own.toml"
    groups = coupling == "grouped"
    path.write_text(
        COMONOTONE.format(
            network=network,
            demand=f'coupling = "{coupling}"' + ("\ncorrelation = 0.5" * (coupling == "copula")),
            one='group = "one"' if groups else "",
            other='group = "other"' if groups else "",
        )
    )
    return path
