"""The proof that routing anew does not pay, against programs over all simple paths."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from qnetsim.arrays import FloatArray
from qnetsim.case import open_case
from qnetsim.network import RouteTable, UnitPrices
from qnetsim.optimize import recourse
from qnetsim.optimize.columns import generation, rounding
from qnetsim.optimize.columns.pricing import PathFinder
from qnetsim.optimize.columns.problem import RequestKind, RoutesProblem
from qnetsim.optimize.columns.routes_program import RoutesProgram
from qnetsim.optimize.recourse_certificate import KnownDemand, RecourseCertificate
from qnetsim.optimize.routing import weighted_routes
from qnetsim.optimize.stage import Stage
from qnetsim.scenario import parse_scenario
from qnetsim.vocabulary import PlanStatus
from tests.support.planning import network_text, plan_of, random_scenario

EUROPE = """
[network]
topology = "topohub:backbone/europe"
[demand]
requests = {requests}
"""

#: Prices under which routes for the mean demand are not the best at higher levels.
COST266 = """
[network]
topology = "topohub:sndlib/cost266"
[cost.reserved]
key_manager = 3000
[cost.on_demand]
key_manager = 10
channel_km = 20
[demand]
requests = 40
"""


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # topohub leaves its data file open
def test_evf_on_a_large_network_needs_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """852 nodes: the recourse of every level is proved by a few searches for shortest paths."""
    searches = 0
    find = PathFinder.find

    def counted(self: PathFinder, lengths: FloatArray) -> object:
        nonlocal searches
        searches += 1
        return find(self, lengths)

    monkeypatch.setattr(PathFinder, "find", counted)
    scenario = parse_scenario(EUROPE.format(requests=30))
    plan = plan_of(scenario, "evf")
    assert plan.solver == "mean demand, then recourse by dual certificate"
    assert (plan.size.variables, plan.size.rounds) == (0, 0)
    assert plan.status is PlanStatus.OPTIMAL
    assert searches <= 3 * 6  # levels above the mean
    # what column generation found, in 84 CPU-seconds
    assert plan.objective(open_case(scenario).network) == pytest.approx(
        23_536_666.334561, rel=1e-12
    )


def test_what_is_proved_is_the_least_over_all_simple_paths(tmp_path: Path) -> None:
    proofs = 0
    better = 0
    for seed in range(120):
        scenario = random_scenario(seed, tmp_path, limits=False)
        case = open_case(scenario)
        network = case.network
        counts = Counter(case.forecast.pairs)
        rng = np.random.default_rng(seed)
        level = int(rng.integers(1, 5))
        routes = weighted_routes(
            network, case.forecast.pairs, [level] * network.fibres, network.costs.exact_km_reserved
        )
        table = RouteTable.by_pair(case.forecast.pairs, routes, 1)
        requests = table.requests_per_fibre(network.fibres)
        # channels are held on the routes, and sometimes elsewhere
        elsewhere = rng.integers(0, 5, network.fibres) * (rng.random(network.fibres) < 0.2)
        held = Stage(level * requests * 1.0 + elsewhere, requests * 1.0 + (elsewhere > 0))
        channels = network.level_channels(level + 2)[-1]
        certificate = RecourseCertificate(
            PathFinder(network.topology, list(counts)),
            np.array([float(n) for n in counts.values()]),
            level * network.costs.qkd_reserved + network.costs.km_reserved,
            np.inf,
        )
        known = KnownDemand(channels, network.costs.on_demand, held)
        found = certificate.tried(known, requests)
        none = np.zeros(network.fibres)
        problem = RoutesProblem(
            network=network,
            counts={RequestKind(pair, 0): n for pair, n in counts.items()},
            levels=[level + 1],
            probabilities=np.ones(1),
            channels=channels[None, None],
            reserved=UnitPrices(none, none),
            on_demand=network.costs.on_demand,
            fixed=held,
        )
        start = {kind: routes[kind.pair] for kind in problem.counts}
        least = RoutesProgram(problem, start).solve().bound
        over = Stage(
            np.maximum(channels * requests - held.channels, 0),
            np.maximum(requests - held.wavelengths, 0),
        )
        cost = over.cost(network.costs.on_demand)
        # a bound, proof or not
        assert found.bound <= least * (1 + 1e-12)
        if not found.proof:
            better += cost > least * (1 + 1e-9)
        else:
            proofs += 1
            assert cost == pytest.approx(least, rel=1e-8, abs=1e-6)
    # the comparison means something on both sides
    assert proofs > 60
    assert better > 0


def test_a_detour_over_free_channels_is_not_missed(tmp_path: Path) -> None:
    """Channels that are held on another way are free, so the short way is not the cheapest."""
    scenario = network_text(
        tmp_path, "a-b:100 a-c:100 c-b:100", "", 'levels = 4\npairs = [["a", "b"]]'
    )
    case = open_case(scenario)
    network = case.network
    forecast = case.forecast
    lengths = network.costs.qkd_reserved + network.costs.km_reserved
    certificate = RecourseCertificate(
        PathFinder(network.topology, [forecast.pairs[0]]), np.ones(1), lengths, np.inf
    )
    requests = np.array([1, 0, 0])
    channels = np.array([2, 2, 2])
    elsewhere = Stage(np.array([0.0, 2.0, 2.0]), np.ones(3))
    on_demand = network.costs.on_demand
    assert not certificate.tried(KnownDemand(channels, on_demand, elsewhere), requests).proof
    nowhere = Stage(np.array([1.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0]))
    found = certificate.tried(KnownDemand(channels, on_demand, nowhere), requests)
    assert found.proof
    assert found.bound == pytest.approx(on_demand.channels[0])


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # topohub leaves its data file open
def test_a_level_begins_with_the_routes_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prices under which the certificate does not hold; counted in rounds of column generation."""
    scenario = parse_scenario(COST266)
    network = open_case(scenario).network
    plan = plan_of(scenario, "evf")
    monkeypatch.setattr(recourse, "MOST_CARRIED", 0)
    cold = plan_of(scenario, "evf")
    assert plan.objective(network) == pytest.approx(cold.objective(network), rel=1e-9)
    assert 0 < plan.size.rounds < 0.5 * cold.size.rounds


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # topohub leaves its data file open
def test_a_level_begins_with_the_prices_of_the_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted in routes: good prices ask for few that are of no use."""
    scenario = parse_scenario(COST266)
    network = open_case(scenario).network
    plan = plan_of(scenario, "evf")
    monkeypatch.setattr(generation, "_start", lambda *_: None)
    cold = plan_of(scenario, "evf")
    assert plan.objective(network) == pytest.approx(cold.objective(network), rel=1e-9)
    assert plan.bound == pytest.approx(cold.bound, rel=1e-9)
    assert 0 < plan.size.variables < cold.size.variables


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # topohub leaves its data file open
def test_a_decided_first_stage_is_rounded_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[int] = []
    by_scenario = rounding._by_scenario

    def counted(*arguments: object) -> object:
        passes.append(1)
        return by_scenario(*arguments)

    monkeypatch.setattr(rounding, "_by_scenario", counted)
    programs: list[int] = []
    flows = recourse._SecondStage.flows

    def counted_levels(*arguments: object) -> object:
        programs.append(1)
        return flows(*arguments)

    monkeypatch.setattr(recourse._SecondStage, "flows", counted_levels)
    plan_of(parse_scenario(COST266), "evf")
    assert 0 < len(passes) <= len(programs)
