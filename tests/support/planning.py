"""Plans of random and hand-made networks, and their least cost computed apart from the product."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from qnetsim.case import Case, open_case
from qnetsim.plans.make import make_plan
from qnetsim.scenario import PolicyTable, Scenario, parse_scenario
from tests.support.networks import simple_paths, with_twins


def plan_of(scenario: Scenario | Case, name: str, **options: object):
    return make_plan(scenario, PolicyTable.model_validate({"name": name, **options}))


def network_text(tmp_path: Path, fibres: str, network: str, demand: str) -> Scenario:
    path = tmp_path / "case.csv"
    rows = [f.replace("-", ",").replace(":", ",") for f in fibres.split()]
    path.write_text("source,target,length_km\n" + "\n".join(rows) + "\n")
    return parse_scenario(f"[network]\ntopology = {str(path)!r}\n{network}\n[demand]\n{demand}")


def random_scenario(seed: int, folder: Path, *, limits: bool) -> Scenario:
    rng = np.random.default_rng(seed)
    nodes = int(rng.integers(2, 6)) if not limits else 5
    edges = {(int(rng.integers(0, n)), n) for n in range(1, nodes)}
    for _ in range(9 if limits else int(rng.integers(0, 4))):
        edges.add(tuple(sorted(rng.choice(nodes, 2, replace=False).tolist())))
    path = folder / f"net{seed}.csv"
    rows = [f"n{a},n{b},{int(rng.integers(20, 900))}" for a, b in sorted(edges)]
    path.write_text("source,target,length_km\n" + "\n".join(rows) + "\n")
    prices = ""
    if rng.random() < 0.6:
        names = "transmitter receiver key_manager security_infrastructure mux_demux channel_km"
        for table in ("reserved", "on_demand"):
            prices += f"[cost.{table}]\n"
            prices += "".join(f"{n} = {int(rng.integers(0, 3000))}\n" for n in names.split())
    text = f"""
[network]
topology = {str(path)!r}
qkd_wavelengths = {int(rng.choice([3, 9, 24, 60])) if limits else 0}
km_wavelengths = {int(rng.choice([0, 1, 2, 4])) if limits else 0}
[cost]
on_demand_multiplier = {float(rng.choice([0.2, 0.5, 1.0, 2.0]))}
{prices}
[demand]
levels = {int(rng.integers(1, 6))}
mean = {float(rng.choice([0.5, 1.0, 2.0, 3.0]))}
requests = {int(rng.integers(1, 7))}
"""
    return parse_scenario(text)


def twinned(scenario: Scenario, seed: int, share: float = 0.4) -> Case:
    """The scenario on its network with further cables beside some of the fibres."""
    rng = np.random.default_rng([seed, 1])
    return open_case(scenario, with_twins(open_case(scenario).network.topology, rng, share))


def judge(case: Case, fixed: tuple | None = None, levels: list[int] | None = None) -> float | None:
    """Eq (21) over all simple paths as one integer program, written apart from the product.

    Returns None where it is infeasible.
    """
    network, forecast = case.network, case.forecast
    paths = {pair: simple_paths(network.topology, pair) for pair in set(forecast.pairs)}
    count = {pair: forecast.pairs.count(pair) for pair in paths}
    p = forecast.levels.probabilities
    chosen = [k for k in range(len(p)) if p[k] > 0] if levels is None else levels
    c, fibres = network.costs, network.fibres
    names: list[tuple] = [("q", e) for e in range(fibres)] + [("x", e) for e in range(fibres)]
    cost = [*c.qkd_reserved, *c.km_reserved]
    for k in chosen:
        names += [("qo", k, e) for e in range(fibres)] + [("xo", k, e) for e in range(fibres)]
        cost += [*(p[k] * c.qkd_on_demand), *(p[k] * c.km_on_demand)]
        for pair, options in paths.items():
            names += [("f", k, pair, i) for i in range(len(options))]
            cost += [0.0] * len(options)
    at = {name: i for i, name in enumerate(names)}
    rows, low, high = [], [], []

    def row(terms: dict, lower: float, upper: float) -> None:
        line = np.zeros(len(names))
        for name, value in terms.items():
            line[at[name]] += value
        rows.append(line)
        low.append(lower)
        high.append(upper)

    for k in chosen:
        for pair, options in paths.items():
            row({("f", k, pair, i): 1 for i in range(len(options))}, count[pair], count[pair])
        for e in range(fibres):
            rho = -(-k * network.level_bits // int(network.channel_bits[e]))
            flows = {
                ("f", k, pair, i): 1
                for pair, options in paths.items()
                for i, path in enumerate(options)
                if e in path
            }
            used = dict.fromkeys(flows, -rho)
            row({**used, ("q", e): 1, ("qo", k, e): 1}, 0, np.inf)
            row({**dict.fromkeys(flows, -1), ("x", e): 1, ("xo", k, e): 1}, 0, np.inf)
            if flows and network.max_channels is not None:
                row(dict.fromkeys(flows, rho), -np.inf, network.max_channels)
            if flows and network.max_wavelengths is not None:
                row(flows, -np.inf, network.max_wavelengths)
    lower, upper = np.zeros(len(names)), np.full(len(names), np.inf)
    if fixed is not None:
        lower[: 2 * fibres] = upper[: 2 * fibres] = np.concatenate(fixed)
    found = milp(
        np.array(cost),
        constraints=LinearConstraint(np.array(rows), low, high),
        bounds=Bounds(lower, upper),
        integrality=np.ones(len(names)),
        options={"mip_rel_gap": 1e-10},
    )
    return float(found.fun) if found.success else None
