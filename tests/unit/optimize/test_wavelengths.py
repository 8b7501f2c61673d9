"""The full program, the colouring, and a checker that believes neither."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import Case, open_case
from qnetsim.errors import InfeasibleError, UsageError
from qnetsim.network import Route
from qnetsim.optimize.full.full_plan import full_problem
from qnetsim.optimize.full.full_problem import FullProblem, FullSolution
from qnetsim.optimize.full.full_program import FullProgram
from qnetsim.optimize.lightpaths.checker import CheckedPlan, violations
from qnetsim.optimize.lightpaths.explicit import explicit_plan, wavelengths_of
from qnetsim.optimize.lightpaths.lightpaths import Lightpaths
from qnetsim.optimize.plan import Plan
from qnetsim.optimize.solvers.gurobi import LicenceError
from qnetsim.optimize.wavelengths.colouring import blocks, exact_colouring, first_fit, highest
from qnetsim.plans.make import make_plan
from qnetsim.scenario import PlanningTable, PolicyTable, Scenario, parse_scenario
from qnetsim.vocabulary import PlanStatus
from tests.support.planning import twinned

SIP = PolicyTable(name="sip")


def small_scenario(seed: int, folder: Path) -> Scenario:
    rng = np.random.default_rng(seed)
    nodes = int(rng.integers(3, 5))
    edges = {(int(rng.integers(0, n)), n) for n in range(1, nodes)}
    for _ in range(int(rng.integers(0, 4))):
        edges.add(tuple(sorted(rng.choice(nodes, 2, replace=False).tolist())))
    path = folder / f"net{seed}.csv"
    rows = [f"{a},{b},{int(rng.integers(50, 600))}" for a, b in sorted(edges)]
    path.write_text("source,target,length_km\n" + "\n".join(rows) + "\n")
    return parse_scenario(f"""
[run]
seed = {seed}
[network]
topology = {str(path)!r}
km_wavelengths = {int(rng.choice([0, 1, 2]))}
qkd_wavelengths = {int(rng.choice([0, 6, 9]))}
[cost]
on_demand_multiplier = {float(rng.choice([0.2, 0.5, 1.0, 2.0]))}
{f"blocking_cost = {int(rng.choice([3_000, 90_000, 10**7]))}" if seed % 3 == 0 else ""}
[demand]
levels = {int(rng.integers(1, 4))}
mean = 1
requests = {int(rng.integers(1, 4))}
""")


def checked_full(problem: FullProblem, solution: FullSolution) -> CheckedPlan:
    network = problem.network
    scenarios = range(len(solution.lightpaths))
    used = np.zeros((2, len(scenarios), network.fibres))
    for k in scenarios:
        for paths in solution.lightpaths[k]:
            for fibre, km, qkd in zip(paths.fibres, paths.km, paths.qkd, strict=True):
                used[0, k, fibre] += len(km)
                used[1, k, fibre] += len(qkd)
    return CheckedPlan(
        fibres=network.topology.fibres,
        pairs=problem.pairs,
        channels=problem.channels.max(axis=2).tolist(),
        km_reserved=solution.km_reserved.tolist(),
        qkd_reserved=solution.qkd_reserved.tolist(),
        km_on_demand=np.maximum(used[0] - solution.km_reserved, 0).tolist(),
        qkd_on_demand=np.maximum(used[1] - solution.qkd_reserved, 0).tolist(),
        lightpaths=solution.lightpaths,
        km_limit=network.km_wavelengths,
        qkd_limit=network.qkd_wavelengths,
        blocked=tuple(
            frozenset(r for r, paths in enumerate(line) if not paths.links)
            for line in solution.lightpaths
        ),
    )


def coloured(case: Case, plan: Plan) -> CheckedPlan:
    """Give a plan of the routes program explicit wavelengths."""
    network, forecast = case.network, case.forecast
    assignment = wavelengths_of(plan, network, forecast)
    assert assignment is not None
    return explicit_plan(plan, network, forecast, assignment)


def solved(case: Case, choice: str, formulation: str) -> float | None:
    """Objective by one solver and formulation; infinite where infeasible, None beyond a licence."""
    planning = PlanningTable(solver=choice)
    asked = replace(case, scenario=case.scenario.model_copy(update={"planning": planning}))
    table = PolicyTable.model_validate({"name": "sip", "formulation": formulation})
    try:
        plan = make_plan(asked, table)
    except InfeasibleError:
        return np.inf
    except LicenceError:
        return None
    assert plan.bound is not None
    assert plan.bound <= plan.objective(case.network) * (1 + 1e-9) + 1e-6
    return plan.objective(case.network)


def compare(seed: int, folder: Path, *, twins: bool = False) -> set[str]:
    """Full program = routes program = (where it applies) newsvendor, by both solvers."""
    made = small_scenario(seed, folder)
    case = twinned(made, seed) if twins else open_case(made)
    kinds = {"limited" if case.network.limited else "unlimited"}
    kinds |= {"blocking"} if case.network.costs.blocking is not None else set()
    problem = full_problem(case.network, case.forecast)
    try:
        full = FullProgram(problem).solve()
    except InfeasibleError:
        with pytest.raises(InfeasibleError):
            make_plan(case, SIP)
        return kinds | {"infeasible"}
    assert violations(checked_full(problem, full)) == []
    plan = make_plan(case, SIP)
    assert plan.status is PlanStatus.OPTIMAL
    assert plan.objective(case.network) == pytest.approx(full.objective, rel=1e-6, abs=1e-3)
    assert violations(coloured(case, plan)) == []
    kinds |= {"newsvendor"} if plan.solver.startswith("newsvendor") else set()
    kinds |= {"blocked"} if plan.blocked > 0 else set()
    for formulation in ("full", "routes"):
        found = {choice: solved(case, choice, formulation) for choice in ("highs", "gurobi")}
        if found["gurobi"] is not None:
            assert found["gurobi"] == pytest.approx(found["highs"], rel=1e-6, abs=1e-3)
            kinds.add(f"both solvers, {formulation}")
        # the routes program by itself knows nothing of continuity: it may stay below
        assert found["highs"] <= full.objective * (1 + 1e-6) + 1e-3
    return kinds


WANTED = {"infeasible", "limited", "unlimited", "newsvendor", "blocking", "blocked"}


def test_full_program_equals_routes_program(tmp_path: Path) -> None:
    kinds = set().union(*(compare(seed, tmp_path) for seed in range(24)))
    assert kinds >= WANTED | {"both solvers, full", "both solvers, routes"}


def test_full_program_equals_routes_program_over_parallel_fibres(tmp_path: Path) -> None:
    kinds = set().union(*(compare(seed, tmp_path, twins=True) for seed in range(500, 510)))
    assert kinds >= {"limited", "unlimited", "newsvendor", "both solvers, full"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(24, 324))
def test_full_program_equals_routes_program_on_hundreds(seed: int, tmp_path: Path) -> None:
    compare(seed, tmp_path)
    compare(1000 + seed, tmp_path, twins=True)


def test_a_program_that_cannot_fit_says_how_large_it_would_be() -> None:
    text = '[network]\ntopology = "nsfnet"\nqkd_wavelengths = 400\nkm_wavelengths = 20\n'
    case = open_case(parse_scenario(text + "[demand]\nrequests = 100"))
    with pytest.raises(UsageError, match=r"17,640,462 variables .* use the routes program"):
        FullProgram(full_problem(case.network, case.forecast))


def test_the_deterministic_program_reserves_everything(tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("source,target,length_km\na,b,100\nb,c,200\n")
    text = f"[network]\ntopology = {str(tmp_path / 'n.csv')!r}\nspan_km = 100\n[demand]\n"
    text += 'kind = "table"\nlevels = 2\nprobabilities = [0, 1]\npairs = [["a","b"],["a","c"]]'
    case = open_case(parse_scenario(text))
    whole = full_problem(case.network, case.forecast)
    known = replace(whole, on_demand=False)
    solution = FullProgram(known).solve()
    # the first stage of docs/tutorials/tiny.md
    assert solution.objective == pytest.approx(32_650)
    assert solution.qkd_reserved.tolist() == [6, 3]
    assert solution.km_reserved.tolist() == [2, 1]


def ring_of_five(tmp_path: Path, limit: int) -> Scenario:
    rows = "\n".join(f"{a},{a % 5 + 1},100" for a in range(1, 6))
    (tmp_path / "ring.csv").write_text(f"source,target,length_km\n{rows}\n")
    return parse_scenario(
        f"[network]\ntopology = {str(tmp_path / 'ring.csv')!r}\nkm_wavelengths = {limit}\n"
        "[demand]\nlevels = 1\npairs = [[1,3],[2,4],[3,5],[4,1],[5,2]]"
    )


def test_limits_that_continuity_cannot_keep_are_infeasible(tmp_path: Path) -> None:
    """Five arcs of two hops on a ring: two on each fibre, yet three colours."""
    with pytest.raises(
        InfeasibleError, match=r"k = 0 .* keep continuity .* network\.km_wavelengths = 3 "
    ):
        make_plan(ring_of_five(tmp_path, 2), SIP)
    plan = make_plan(ring_of_five(tmp_path, 3), SIP)
    assert plan.status is PlanStatus.OPTIMAL
    assert "continuity (26), (27) holds" in plan.note


def test_a_plan_without_a_colouring_is_called_uncoloured(tmp_path: Path) -> None:
    forced = PolicyTable.model_validate({"name": "sip", "formulation": "routes"})
    plan = make_plan(ring_of_five(tmp_path, 2), forced)
    assert plan.status is PlanStatus.UNCOLOURED
    assert "continuity" in plan.note
    assert plan.assignment is None


def test_routes_are_moved_for_a_colouring(tmp_path: Path) -> None:
    """The shortest routes of the ring need three colours; a chord offers a way round."""
    rows = "\n".join(f"{a},{a % 5 + 1},100" for a in range(1, 6)) + "\n1,6,140\n6,3,140"
    (tmp_path / "net.csv").write_text(f"source,target,length_km\n{rows}\n")
    scenario = parse_scenario(
        f"[network]\ntopology = {str(tmp_path / 'net.csv')!r}\nkm_wavelengths = 2\n"
        "[demand]\nlevels = 1\npairs = [[1,3],[2,4],[3,5],[4,1],[5,2]]"
    )
    case = open_case(scenario)
    forced = PolicyTable.model_validate({"name": "sip", "formulation": "routes"})
    plan = make_plan(scenario, forced)
    assert plan.assignment is not None
    assert violations(coloured(case, plan)) == []
    full = FullProgram(full_problem(case.network, case.forecast)).solve()
    assert plan.objective(case.network) == pytest.approx(full.objective)


def arcs() -> list[Route]:
    return [Route((i, (i + 1) % 5, (i + 2) % 5), (i, (i + 1) % 5)) for i in range(5)]


def proper(routes: list[Route], colours: tuple[tuple[int, ...], ...], fibres: int) -> bool:
    """No colour twice on a fibre."""
    for f in range(fibres):
        here = [c for r, cs in zip(routes, colours, strict=True) if f in r.fibres for c in cs]
        if len(here) != len(set(here)):
            return False
    return True


@pytest.mark.parametrize(
    ("demand", "limit", "fits"), [(1, 2, False), (1, 3, True), (2, 5, True), (2, 4, False)]
)
def test_the_exact_colouring_decides(demand: int, limit: int, fits: bool) -> None:
    colours, verdict = exact_colouring(arcs(), [demand] * 5, limit)
    assert verdict is fits
    if colours is not None:
        assert proper(arcs(), colours, 5)
        assert highest(colours) <= limit
        assert all(len(set(c)) == demand for c in colours)


def random_intervals(rng: np.random.Generator, count: int) -> list[Route]:
    routes = []
    for _ in range(count):
        first, length = int(rng.integers(0, 20)), int(rng.integers(1, 9))
        nodes = tuple(range(first, first + length + 1))
        routes.append(Route(nodes, nodes[:-1]))
    return routes


def test_the_search_colours_paths_on_a_line_with_as_many_colours_as_the_load() -> None:
    """Interval graphs are perfect: as many colours as the load are enough."""
    rng = np.random.default_rng(0)
    for _ in range(30):
        routes = random_intervals(rng, int(rng.integers(1, 60)))
        load = max(sum(f in r.fibres for r in routes) for f in range(30))
        chosen = blocks(routes, 30, load)
        assert (chosen >= 0).all()
        assert proper(routes, tuple((int(c),) for c in chosen), 30)
        assert (blocks(routes, 30, load - 1) < 0).any() or load == 1


def test_first_fit_is_proper_for_any_demands() -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        routes = random_intervals(rng, int(rng.integers(1, 15)))
        demands = rng.integers(0, 5, len(routes)).tolist()
        colours = first_fit(routes, demands)
        assert [len(c) for c in colours] == demands
        assert proper(routes, colours, 30)


@pytest.fixture
def valid(tmp_path: Path) -> CheckedPlan:
    """Two requests over a–b–c and a–b, with limits; ρ = 1 in one scenario, 2 in the other."""
    (tmp_path / "n.csv").write_text("source,target,length_km\na,b,100\nb,c,100\na,d,900\nd,c,900\n")
    text = f"[network]\ntopology = {str(tmp_path / 'n.csv')!r}\nkm_wavelengths = 3\n"
    text += 'qkd_wavelengths = 14\n[demand]\nkind = "table"\nlevels = 3\n'
    text += 'probabilities = [0, 1, 1]\npairs = [["a","c"],["a","b"]]'
    case = open_case(parse_scenario(text))
    plan = coloured(case, make_plan(case.scenario, SIP))
    assert violations(plan) == []
    return plan


def path(plan: CheckedPlan, k: int, r: int, **changes: object) -> CheckedPlan:
    """Replace parts of one request's lightpaths."""
    lines = [list(line) for line in plan.lightpaths]
    lines[k][r] = replace(lines[k][r], **changes)
    return replace(plan, lightpaths=tuple(tuple(line) for line in lines))


def at(plan: CheckedPlan, k: int, r: int) -> Lightpaths:
    return plan.lightpaths[k][r]


#: Equation that must be named, and how the valid plan is broken.
PLANTED = {
    "a request without a path": (22, lambda p: path(p, 0, 0, links=(), fibres=(), km=(), qkd=())),
    "a path that ends early": (
        22,
        lambda p: path(
            p,
            0,
            0,
            links=at(p, 0, 0).links[:1],
            fibres=at(p, 0, 0).fibres[:1],
            km=at(p, 0, 0).km[:1],
            qkd=at(p, 0, 0).qkd[:1],
        ),
    ),
    "two paths for one request": (
        22,
        lambda p: path(p, 0, 0, km=tuple((*w, 2) for w in at(p, 0, 0).km)),
    ),
    "a path the wrong way": (
        22,
        lambda p: path(p, 0, 1, links=tuple((b, a) for a, b in at(p, 0, 1).links)),
    ),
    "a fibre that is not there": (22, lambda p: path(p, 0, 1, fibres=(4,))),
    "a fibre between other nodes": (22, lambda p: path(p, 0, 1, links=((0, 2),))),
    "too few KM wavelengths reserved": (
        23,
        lambda p: replace(p, km_reserved=[0] * 4),
    ),
    "a KM wavelength short in one scenario": (
        23,
        lambda p: replace(p, km_reserved=[1, 1, 0, 0]),
    ),
    "too few QKD wavelengths reserved": (24, lambda p: replace(p, qkd_reserved=[0] * 4)),
    "on-demand QKD wavelengths forgotten": (
        24,
        lambda p: replace(p, qkd_reserved=[5, 5, 0, 0], qkd_on_demand=[[0] * 4] * 2),
    ),
    "a QKD wavelength too few": (
        25,
        lambda p: path(p, 0, 1, qkd=(at(p, 0, 1).qkd[0][1:],)),
    ),
    "a QKD wavelength too many": (25, lambda p: path(p, 0, 1, qkd=((0, 1, 2, 3, 4, 5, 6, 7),))),
    "a QKD wavelength counted twice": (
        25,
        lambda p: path(p, 0, 1, qkd=((*at(p, 0, 1).qkd[0][:2], at(p, 0, 1).qkd[0][0]),)),
    ),
    "one channel where two are needed": (
        25,
        lambda p: path(p, 1, 0, qkd=tuple(w[:3] for w in at(p, 1, 0).qkd)),
    ),
    "QKD wavelengths change on the way": (
        26,
        lambda p: path(p, 0, 0, qkd=(at(p, 0, 0).qkd[0], (11, 12, 13))),
    ),
    "one QKD wavelength changes on the way": (
        26,
        lambda p: path(p, 0, 0, qkd=(at(p, 0, 0).qkd[0], (*at(p, 0, 0).qkd[0][:2], 13))),
    ),
    "the KM wavelength changes on the way": (
        27,
        lambda p: path(p, 0, 0, km=(at(p, 0, 0).km[0], (2,))),
    ),
    "more KM wavelengths than there are": (28, lambda p: replace(p, km_limit=1)),
    "a KM wavelength that does not exist": (28, lambda p: path(p, 0, 1, km=((7,),))),
    "more QKD wavelengths than there are": (29, lambda p: replace(p, qkd_limit=5)),
    "a QKD wavelength that does not exist": (29, lambda p: path(p, 0, 1, qkd=((20, 21, 22),))),
    "two requests on one QKD wavelength": (
        30,
        lambda p: path(p, 0, 1, qkd=(at(p, 0, 0).qkd[0],)),
    ),
    "two requests on one KM wavelength": (31, lambda p: path(p, 0, 1, km=(at(p, 0, 0).km[0],))),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_violations_are_found(name: str, valid: CheckedPlan) -> None:
    equation, plant = PLANTED[name]
    found = violations(plant(valid))
    assert equation in {v.equation for v in found}, [str(v) for v in found]


def test_violations_of_every_equation_are_planted() -> None:
    assert len(PLANTED) >= 20
    assert {equation for equation, _ in PLANTED.values()} == set(range(22, 32))
