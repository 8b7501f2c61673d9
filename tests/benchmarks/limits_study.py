"""Plans under binding limits beside a plain program over ten routes a pair.

``python -m tests.benchmarks.limits_study`` prints the second table of
docs/background/planning.md: NSFNET with 100 requests and USNET with 200, five seeds, |σ| and |κ|
from loose to the edge. Both run in one process, one after the other on each instance; seconds are
CPU seconds, import of the solver excluded.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

import highspy
import networkx
import numpy as np
from scipy import sparse

from qnetsim.case import Case, open_case
from qnetsim.errors import InfeasibleError
from qnetsim.optimize.plan import Plan
from qnetsim.optimize.routing import newsvendor_lengths
from qnetsim.plans.make import make_plan
from qnetsim.scenario import PolicyTable, Scenario, parse_scenario

#: Routes of a pair in the plain program.
ROUTES = 10
#: Seconds after which the plain program is given up.
PATIENCE_S = 30.0
#: Factors by which |σ| and |κ| exceed the least that carries the demand.
FACTORS = (1.0, 1.02, 1.05, 1.1, 1.15, 1.2, 1.3, 1.4, 1.5, 1.6)
SIP = PolicyTable(name="sip")


class Setup(NamedTuple):
    """A network with its paper-size demand."""

    topology: str
    requests: int
    seed: int

    def scenario(self, key: str, limit: int) -> Scenario:
        return parse_scenario(
            f"[run]\nseed = {self.seed}\n[network]\ntopology = {self.topology!r}\n{key} = {limit}\n"
            f"[demand]\nrequests = {self.requests}\n"
        )

    def least(self, key: str) -> int:
        """The least limit that carries the demand, as the message of a hopeless plan gives it."""
        try:
            make_plan(self.scenario(key, 3), SIP)
        except InfeasibleError as error:
            found = re.search(rf"{key} = (\d+)", str(error))
            assert found is not None
            return int(found.group(1))
        raise AssertionError("three wavelengths were enough")


def plain(case: Case) -> tuple[str, float, float]:
    """How the integer program over ten shortest routes a pair ends: status, objective, seconds.

    It leaves continuity aside. Rows are those of (23), (24), (28) and (29); costs as they are.
    """
    started = time.process_time()
    network, forecast = case.network, case.forecast
    graph = networkx.Graph()
    for e, (a, b) in enumerate(network.topology.fibres):
        weight = float(newsvendor_lengths(network, forecast)[e])
        graph.add_edge(a, b, fibre=e, weight=weight)
    count: dict[tuple[int, int], int] = {}
    for pair in forecast.pairs:
        count[pair] = count.get(pair, 0) + 1
    routes = {
        pair: [
            [graph.edges[step]["fibre"] for step in pairwise(nodes)]
            for nodes in islice(networkx.shortest_simple_paths(graph, *pair, "weight"), ROUTES)
        ]
        for pair in count
    }
    fibres = network.fibres
    p = forecast.levels.probabilities
    levels = [k for k in range(len(p)) if p[k] > 0]
    rho = network.level_channels(len(p))
    c = network.costs
    cost = [*c.qkd_reserved, *c.km_reserved]
    for k in levels:
        cost += [*(p[k] * c.qkd_on_demand), *(p[k] * c.km_on_demand)]
    entries: list[tuple[int, int, float]] = []
    low: list[float] = []
    high: list[float] = []
    caps = np.full((len(p), fibres), np.inf)
    if network.max_wavelengths is not None:
        caps[:] = network.max_wavelengths
    if network.max_channels is not None:
        caps = np.minimum(caps, network.max_channels // np.maximum(rho, 1))
        caps[rho == 0] = np.inf
    for s, k in enumerate(levels):
        first = len(low)
        bought = 2 * fibres * (1 + s)
        for kind in range(2):
            for e in range(fibres):
                row = first + kind * fibres + e
                entries += [(row, kind * fibres + e, 1.0), (row, bought + kind * fibres + e, 1.0)]
        low += [0.0] * 2 * fibres + [-np.inf] * fibres
        high += [np.inf] * 2 * fibres + [float(cap) for cap in caps[k]]
        for pair, listed in routes.items():
            row = len(low)
            low.append(count[pair])
            high.append(count[pair])
            for route in listed:
                column = len(cost)
                cost.append(0.0)
                entries.append((row, column, 1.0))
                for e in route:
                    entries.append((first + e, column, -float(rho[k, e])))
                    entries.append((first + fibres + e, column, -1.0))
                    entries.append((first + 2 * fibres + e, column, 1.0))
    rows, columns, values = (np.array(part) for part in zip(*entries, strict=True))
    matrix = sparse.coo_array((values, (rows, columns)), shape=(len(low), len(cost))).tocsr()
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    highs.setOptionValue("time_limit", PATIENCE_S)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(cost), len(low)
    lp.col_cost_ = np.array(cost)
    lp.col_lower_ = np.zeros(len(cost))
    lp.col_upper_ = np.full(len(cost), np.inf)
    lp.row_lower_, lp.row_upper_ = np.array(low), np.array(high)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = matrix.indptr
    lp.a_matrix_.index_ = matrix.indices
    lp.a_matrix_.value_ = matrix.data
    lp.integrality_ = [highspy.HighsVarType.kInteger] * len(cost)
    highs.passModel(lp)
    highs.run()
    status = highs.modelStatusToString(highs.getModelStatus()).lower()
    objective = float(highs.getInfo().objective_function_value)
    return status, objective, time.process_time() - started


def ours(scenario: Scenario) -> tuple[Plan | None, float]:
    """Our plan, or None where it is refused, and the seconds."""
    started = time.process_time()
    try:
        plan = make_plan(scenario, SIP)
    except InfeasibleError:
        plan = None
    return plan, time.process_time() - started


def limits(least: int, factors: Sequence[float]) -> Iterator[int]:
    """From the edge to loose, each once."""
    yield from dict.fromkeys(int(least * factor) for factor in factors)


def main(networks: Sequence[str], factors: Sequence[float]) -> None:
    """Print the table."""
    print("| instance | ours: cost | status | gap | s | plain: cost | status | s |")
    print("|---|---|---|---|---|---|---|---|")
    for topology, requests in (("nsfnet", 100), ("usnet", 200)):
        if networks and topology not in networks:
            continue
        for seed in range(1, 6):
            setup = Setup(topology, requests, seed)
            for key, name in (("qkd_wavelengths", "σ"), ("km_wavelengths", "κ")):
                for limit in limits(setup.least(key), factors):
                    scenario = setup.scenario(key, limit)
                    case = open_case(scenario)
                    plan, seconds = ours(scenario)
                    status, rival, rival_s = plain(case)
                    mine = "| infeasible | |"
                    if plan is not None:
                        gap = plan.gap(case.network)
                        mine = f"{plan.objective(case.network):,.2f} | {plan.status} | {gap:.1e}"
                    print(
                        f"| {topology} {seed}, {name} = {limit} | {mine} | {seconds:.2f} | "
                        f"{rival:,.2f} | {status} | {rival_s:.2f} |",
                        flush=True,
                    )


if __name__ == "__main__":
    # names of networks, and factors, where not all are wanted
    names = [word for word in sys.argv[1:] if word.isalpha()]
    main(names, [float(word) for word in sys.argv[1:] if not word.isalpha()] or FACTORS)
