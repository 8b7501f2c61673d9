"""Plans over several fibres between two nodes: two cables are as good as twice the wavelengths."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import Case, open_case
from qnetsim.errors import InfeasibleError
from qnetsim.network import Topology
from qnetsim.network.model import MoreWavelengths
from qnetsim.optimize.columns.pricing import PathFinder
from qnetsim.optimize.export import model_of, model_text
from qnetsim.optimize.recourse import stochastic_problem
from qnetsim.optimize.wavelength_values import savings
from qnetsim.plans.make import make_plan
from qnetsim.scenario import PolicyTable, Scenario, parse_scenario
from qnetsim.vocabulary import PlanStatus
from tests.support.networks import grid, with_twins
from tests.support.own_demand import random_own_scenario
from tests.support.planning import judge, network_text, plan_of


def doubled(topology: Topology) -> Topology:
    """Two cables of one length in place of every fibre."""
    labels = ("one", "two") * len(topology.fibres)
    fibres = tuple(ends for ends in topology.fibres for _ in range(2))
    lengths = tuple(length for length in topology.lengths_km for _ in range(2))
    return replace(topology, fibres=fibres, lengths_km=lengths, fibre_labels=labels)


def unit_scenario(seed: int, folder: Path) -> Scenario:
    """Random networks and limits; a request takes at most one channel."""
    rng = np.random.default_rng(seed)
    nodes = int(rng.integers(3, 6))
    edges = {(int(rng.integers(0, n)), n) for n in range(1, nodes)}
    for _ in range(int(rng.integers(1, 5))):
        edges.add(tuple(sorted(rng.choice(nodes, 2, replace=False).tolist())))
    fibres = " ".join(f"n{a}-n{b}:{int(rng.integers(50, 600))}" for a, b in sorted(edges))
    limits = f"qkd_wavelengths = {int(rng.choice([3, 6, 6]))}\n"
    limits += f"km_wavelengths = {int(rng.choice([0, 2]))}\n"
    prices = f"[cost]\non_demand_multiplier = {float(rng.choice([0.5, 1.0, 2.0]))}\n"
    demand = f"levels = 2\nmean = 0.5\nrequests = {int(rng.integers(3, 8))}"
    return network_text(folder, fibres, limits + prices, demand)


def twice(scenario: Scenario) -> Scenario:
    """The scenario with twice the wavelengths on every fibre."""
    table = scenario.network
    more = {key: 2 * getattr(table, key) for key in ("qkd_wavelengths", "km_wavelengths")}
    return scenario.model_copy(update={"network": table.model_copy(update=more)})


def objective(case: Case) -> float | None:
    try:
        plan = make_plan(case, PolicyTable(name="sip"))
    except InfeasibleError:
        return None
    assert plan.status is PlanStatus.OPTIMAL
    return plan.objective(case.network)


def test_two_cables_are_worth_one_fibre_of_twice_the_wavelengths(tmp_path: Path) -> None:
    """Any routing of one network is one of the other, at the same cost."""
    served = []
    for seed in range(14):
        scenario = unit_scenario(seed, tmp_path)
        single = open_case(twice(scenario))
        cables = open_case(scenario, doubled(single.network.topology))
        best = judge(cables)
        assert (best is None) == (judge(single) is None)
        found = [objective(case) for case in (single, cables)]
        if best is None:
            assert found == [None, None]
            continue
        assert best == pytest.approx(judge(single), rel=1e-9)
        # a wavelength may pass from cable to cable, so continuity asks no more of two cables
        assert found[1] == pytest.approx(best, rel=1e-6)
        assert found[0] is None or found[0] >= found[1] * (1 - 1e-6)
        served.append(found[0] == pytest.approx(found[1], rel=1e-6))
    assert len(served) >= 6
    assert any(served)


@pytest.mark.parametrize("policy", ["sip", "evf", "perfect", "random"])
@pytest.mark.parametrize("coupling", ["comonotone", "independent"])
def test_a_twin_is_of_no_use_where_nothing_is_limited(policy: str, coupling: str) -> None:
    text = f'[network]\ntopology = "nsfnet"\n[demand]\nrequests = 12\ncoupling = "{coupling}"'
    single = open_case(parse_scenario(text))
    cables = open_case(single.scenario, doubled(single.network.topology))
    costs = [plan_of(case, policy).objective(case.network) for case in (single, cables)]
    assert costs[1] == pytest.approx(costs[0], rel=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_own_demand_is_planned_over_cables(seed: int, tmp_path: Path) -> None:
    """Bounds hold, and a further cable never makes a plan dearer."""
    scenario = random_own_scenario(seed, tmp_path)
    single = open_case(scenario)
    cables = open_case(scenario, doubled(single.network.topology))
    plans = [make_plan(case, PolicyTable(name="sip")) for case in (single, cables)]
    costs = [p.objective(c.network) for p, c in zip(plans, (single, cables), strict=True)]
    if plans[1].bound is not None:
        assert plans[1].bound <= costs[1] * (1 + 1e-9)
        assert plans[1].bound <= costs[0] * (1 + 1e-9)


def test_limits_and_independent_demand_are_planned_over_cables(tmp_path: Path) -> None:
    scenario = network_text(
        tmp_path,
        "a-b:100 b-c:100 a-c:100",
        "qkd_wavelengths = 6",
        'levels = 2\nrequests = 5\ncoupling = "independent"',
    )
    cables = open_case(scenario, doubled(open_case(scenario).network.topology))
    plan = plan_of(cables, "sip")
    assert plan.bound is None or plan.bound <= plan.objective(cables.network) * (1 + 1e-9)


def test_paths_take_the_shorter_cable_and_the_first_of_equal_ones() -> None:
    topology = Topology(
        "t",
        ("a", "b", "c"),
        ((0, 1), (1, 0), (1, 2), (2, 1)),
        (1.0,) * 4,
        fibre_labels=tuple("xyxy"),
    )
    finder = PathFinder(topology, [(0, 2)])
    for lengths, fibres in (
        ([1, 1, 1, 1], (0, 2)),
        ([2, 1, 1, 1], (1, 2)),
        ([0, 0, 1, 0], (0, 3)),
        ([3, 2, 2, 1], (1, 3)),
    ):
        row = np.array(lengths, dtype=np.float64)
        found = finder.find(row)
        route = finder.trace(found, 0)
        assert route.fibres == fibres
        assert found.distances[0] == finder.distances(row)[0] == row[list(fibres)].sum()


def test_traced_paths_are_as_long_as_their_distances_on_random_networks() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        topology = with_twins(grid(4, 4), rng)
        pairs = [(0, 15), (3, 12), (5, 6)]
        finder = PathFinder(topology, pairs)
        lengths = rng.integers(0, 5, len(topology.fibres)).astype(np.float64)
        found = finder.find(lengths)
        for i, distance in enumerate(found.distances.tolist()):
            assert lengths[list(finder.trace(found, i).fibres)].sum() == distance


def test_three_wavelengths_more_on_a_cable_are_worth_what_one_channel_is() -> None:
    """Five requests of one pair, two cables of two channels each: one request is blocked."""
    topology = Topology("t", ("a", "b"), ((0, 1), (0, 1)), (100.0,) * 2, fibre_labels=("x", "y"))
    text = '[network]\ntopology = "t"\nqkd_wavelengths = 6\n[cost]\nblocking_cost = 1e6\n[demand]\n'
    text += (
        'kind = "table"\nlevels = 2\nprobabilities = [0, 1]\npairs = [' + "['a', 'b']," * 5 + "]"
    )
    case = open_case(parse_scenario(text), topology)
    plan = make_plan(case, PolicyTable(name="sip"))
    assert plan.blocked == 1
    problem = stochastic_problem(case.network, case.forecast, case.setting.solver)
    low, high = savings(replace(problem, more=MoreWavelengths(1, qkd=3)), case.forecast, plan)
    costs = case.network.costs
    one = 1e6 - float(costs.qkd_reserved[0] + costs.km_reserved[0])
    assert low == pytest.approx(one)
    assert high == pytest.approx(one)


@pytest.mark.parametrize("full", [False, True])
def test_the_model_names_each_cable(full: bool, tmp_path: Path) -> None:
    scenario = network_text(
        tmp_path, "a-b:100 b-c:100 a-c:90", "qkd_wavelengths = 6", "levels = 2\nrequests = 5"
    )
    case = open_case(scenario, doubled(open_case(scenario).network.topology))
    model = model_of(case.network, case.forecast, case.setting.solver, full=full, risk=None)
    variables, rows = model.program.names
    assert len(set(variables)) == len(variables)
    assert len(set(rows)) == len(rows)


def test_a_model_file_keeps_names_that_its_format_cannot_tell_apart() -> None:
    topology = Topology(
        "t", tuple("ab"), ((0, 1), (0, 1)), (90.0, 80.0), fibre_labels=("no. 1/2", "no. 1 2")
    )
    text = (
        '[network]\ntopology = "t"\nqkd_wavelengths = 6\n[demand]\nlevels = 2\npairs = [["a","b"]]'
    )
    case = open_case(parse_scenario(text), topology)
    written = model_text(
        model_of(case.network, case.forecast, case.setting.solver, full=False), ".lp"
    )
    assert "F_b_a~b_no._1_2~0" in written
    assert "F_b_a~b_no._1_2~1" in written
