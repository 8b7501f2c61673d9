"""Short rules: their parts against independent answers, and themselves in the kernel."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog

from qnetsim.arrays import FloatArray
from qnetsim.case import Case, open_case
from qnetsim.errors import UsageError
from qnetsim.forecast import LevelDistribution
from qnetsim.optimize import marginal_loads, reservations
from qnetsim.policies.registry import make_policy
from qnetsim.policies.rules.belief_grid import BeliefGrid
from qnetsim.policies.rules.fibre_loads import FibreLoad, fibre_loads
from qnetsim.policies.rules.pool_program import PoolProgram
from qnetsim.policies.rules.regime_filter import RegimeFilter, RegimeOptions, told_regimes
from qnetsim.policies.rules.stock_policy import LevelLoads
from qnetsim.scenario import parse_scenario
from tests.support.helpers import nsfnet, run

RULES = ["base-stock", "belief", "conditional-quantile", "dynamic-program", "mpc"]

STORES = """
[run]
slots = {slots}
[network]
topology = "nsfnet"
[demand]
requests = 10
[key_management]
store_bits = {store}
key_lifetime_slots = 1000
[regimes]
means = [1.0, 6.0]
mean_slots = 20
"""


def stores(slots: int, channels: int) -> Case:
    """NSFNET with regimes and stores of so many channel-slots."""
    return open_case(parse_scenario(STORES.format(slots=slots, store=channels * 1000)))


@pytest.mark.parametrize("name", [n for n in RULES if n != "conditional-quantile"])
def test_without_stores_and_regimes_they_reserve_what_sip_reserves(name: str) -> None:
    case = open_case(nsfnet(run__slots="100"))
    np.testing.assert_array_equal(
        run(case, make_policy(name, {})).cost, run(case, make_policy("sip", {})).cost
    )


def test_quantiles_of_one_level_are_those_of_the_loads() -> None:
    case = open_case(nsfnet(run__slots="10", cost__on_demand_multiplier="0.7"))
    forecast = case.forecast
    loads = LevelLoads(case.setting)
    generator = np.random.default_rng(3)
    for _ in range(50):
        weights = generator.integers(0, 9, forecast.level_count)
        weights[generator.integers(forecast.level_count)] += 1
        law = LevelDistribution.of_weights([*map(int, weights)])
        seen = forecast.with_levels(law)
        routes = case.setting.shortest_routes()
        expected = reservations(case.network, marginal_loads(case.network, seen, routes))
        np.testing.assert_array_equal(loads.quantile(law.probabilities), expected.channels)


def test_the_filter_is_the_sum_over_all_ways_of_the_regimes() -> None:
    laws = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.3, 0.3, 0.4]])
    found = RegimeFilter(laws, 5.0)
    levels = [0, 2, 2, 1, 0]
    for level in levels:
        found.see(level)
    weight = np.zeros(3)
    for way in itertools.product(range(3), repeat=len(levels) + 1):
        chance = 1 / 3
        for now, then, level in zip(way, way[1:], levels, strict=False):
            chance *= laws[now, level] * (0.8 if now == then else 0.1)
        weight[way[-1]] += chance
    np.testing.assert_allclose(found.belief, weight / weight.sum(), rtol=1e-12)


def test_a_level_that_no_regime_has_tells_nothing() -> None:
    found = RegimeFilter(np.array([[1.0, 0.0], [1.0, 0.0]]), 4.0)
    found.belief = np.array([1.0, 0.0])
    found.see(1)
    np.testing.assert_allclose(found.belief, [0.75, 0.25])


@pytest.mark.parametrize("regimes", [1, 2, 3, 4, 5, 16])
def test_weights_of_a_grid_make_up_the_belief(regimes: int) -> None:
    grid = BeliefGrid(regimes)
    generator = np.random.default_rng(regimes)
    for sharpness in (0.03, 0.3, 3.0):
        for belief in generator.dirichlet(np.full(regimes, sharpness), 100):
            weights = grid.weights(belief)
            assert (weights >= 0).all()
            assert (weights > 0).sum() <= regimes
            np.testing.assert_allclose(weights @ grid.beliefs, belief, atol=1e-7)


def average_of_all_policies(load: FibreLoad, steps: FloatArray) -> float:
    """Least average cost of a fibre whose regime of the last slot is known, by linear programming.

    Over shares x(s, i, a) of slots that begin with pool s after regime i and reserve up to a.
    """
    pools, top = range(load.cap + 1), load.cap + int(load.values[-1])
    regimes = len(load.laws)
    acts = [(s, i, a) for s in pools for i in range(regimes) for a in range(s, top + 1)]
    cost = []
    balance = np.zeros((len(pools) * regimes, len(acts)))
    for column, (s, i, a) in enumerate(acts):
        total = float(a - s)
        balance[s * regimes + i, column] += 1
        for j, law in enumerate(load.laws):
            for value, chance in zip(load.values, law, strict=True):
                weight = steps[i, j] * chance
                total += weight * load.price * max(value - a, 0)
                left = int(min(max(a - value, 0), load.cap))
                balance[left * regimes + j, column] -= weight
        cost.append(total)
    matrix = np.vstack([balance, np.ones(len(acts))])
    right = np.append(np.zeros(len(balance)), 1.0)
    return float(linprog(cost, A_eq=matrix, b_eq=right).fun)


@pytest.mark.parametrize("cap", [0, 1, 3, 8])
@pytest.mark.parametrize("price", [0.5, 1.5, 4.0])
def test_value_iteration_finds_the_least_average_cost(cap: int, price: float) -> None:
    values = np.array([0.0, 1.0, 2.0, 5.0])
    load = FibreLoad(values, np.array([[0.4, 0.3, 0.2, 0.1]]), price, cap)
    one = RegimeFilter(load.laws, 1)
    found = PoolProgram(load, one, BeliefGrid(1)).average
    assert found == pytest.approx(average_of_all_policies(load, one.steps), rel=1e-6)


def test_value_iteration_finds_it_for_regimes_that_show_themselves() -> None:
    """Loads that only one regime has tell which one ruled, as the linear program is told."""
    values = np.array([0.0, 1.0, 3.0, 6.0])
    load = FibreLoad(values, np.array([[0.6, 0.0, 0.4, 0.0], [0.0, 0.3, 0.0, 0.7]]), 4.0, 5)
    told = RegimeFilter(load.laws, 10)
    found = PoolProgram(load, told, BeliefGrid(2)).average
    assert found == pytest.approx(average_of_all_policies(load, told.steps), rel=1e-6)


def test_the_kernel_pays_what_the_program_expects() -> None:
    """With hidden regimes and stores; the mean of a long run, by its batches."""
    case = stores(8000, channels=30)
    policy = make_policy("dynamic-program", {})
    paid = run(case, policy).columns
    options = RegimeOptions()
    told = told_regimes(options, case.setting)
    loads = fibre_loads(case.setting, told, case.setting.shortest_routes())
    grid = BeliefGrid(2)
    reserved = case.network.costs.qkd_reserved
    expected = sum(
        PoolProgram(load, told, grid).average * price
        for load, price in zip(loads, reserved, strict=True)
    )
    each = (paid["qkd_reserved_cost"] + paid["qkd_on_demand_cost"])[100:]
    batches = np.array([part.mean() for part in np.array_split(each, 40)])
    error = batches.std(ddof=1) / np.sqrt(batches.size)
    assert abs(batches.mean() - expected) < 4 * error
    assert error < 0.04 * expected


def test_with_stores_each_rule_costs_less_than_the_one_that_knows_less() -> None:
    case = stores(1000, channels=10)

    def cost(name: str, **options: object) -> float:
        return float(run(case, make_policy(name, options)).cost.mean())

    program, rolling = cost("dynamic-program"), cost("mpc")
    assert program == pytest.approx(rolling, rel=0.01)
    constant = min(cost("base-stock", level=level) for level in range(4, 20, 2))
    assert max(program, rolling) < constant < cost("sip")


@pytest.mark.parametrize("name", ["dynamic-program", "mpc"])
def test_a_store_greater_than_any_slot_needs_changes_no_decision(name: str) -> None:
    enough, great = (
        run(stores(60, channels), make_policy(name, {})).columns["qkd_channels"]
        for channels in (1000, 10**9)
    )
    np.testing.assert_array_equal(enough, great)


def test_a_stock_of_so_many_channels_for_each_request() -> None:
    case = stores(5, channels=100)
    result = run(case, make_policy("base-stock", {"level": 2.5}))
    requests = case.setting.requests_per_fibre(case.setting.shortest_routes())
    reserved = result.columns["qkd_channels"]
    np.testing.assert_array_equal(reserved[0], np.ceil(2.5 * requests))


def test_counts_of_many_groups_and_of_one_give_the_same() -> None:
    case = stores(300, channels=40)
    plain = make_policy("conditional-quantile", {})
    by_groups = make_policy("conditional-quantile", {})
    prepare = by_groups.prepare

    def without_shortcut(*args: object) -> None:
        prepare(*args)  # type: ignore[arg-type]
        by_groups._loads = None  # type: ignore[attr-defined]

    by_groups.prepare = without_shortcut  # type: ignore[method-assign,assignment]
    np.testing.assert_array_equal(run(case, plain).cost, run(case, by_groups).cost)


LEVELS_OF_THEIR_OWN = """
[run]
slots = 12
[network]
topology = "nsfnet"
qkd_wavelengths = 60
[demand]
coupling = "{coupling}"
{requests}
[key_management]
store_bits = 9000
key_lifetime_slots = 3
"""
PAIRS = "pairs = [[1, 5], [2, 9], [3, 14], [1, 5]]"
OWN = "".join(
    f'[[request]]\nsource = 1\ntarget = {node}\nmean = {mean}\ngroup = "{group}"\n'
    for node, mean, group in ((5, 2.0, "a"), (9, 1.0, "a"), (14, 4.0, "b"))
)


@pytest.mark.parametrize(("coupling", "requests"), [("independent", PAIRS), ("grouped", OWN)])
@pytest.mark.parametrize("name", RULES)
def test_rules_serve_requests_with_levels_of_their_own(
    name: str, coupling: str, requests: str
) -> None:
    text = LEVELS_OF_THEIR_OWN.format(coupling=coupling, requests=requests)
    result = run(open_case(parse_scenario(text)), make_policy(name, {}))
    assert result.columns["served"].sum() > 0
    assert (result.columns["qkd_channels"] <= 20).all()


def test_means_are_refused_where_they_mean_nothing() -> None:
    with pytest.raises(UsageError, match="2 to 16 numbers"):
        make_policy("belief", {"means": [1.0]})
    with pytest.raises(UsageError, match="2 to 16 numbers"):
        make_policy("mpc", {"means": [1.0, -2.0]})
    independent = open_case(nsfnet(run__slots="2", demand__coupling='"independent"'))
    with pytest.raises(UsageError, match="leave the option out"):
        run(independent, make_policy("dynamic-program", {"means": [1.0, 6.0]}))


@pytest.mark.parametrize("option", ["fit", "mean_slots"])
@pytest.mark.parametrize("policy", ["belief", "dynamic-program", "mpc"])
def test_options_of_regimes_are_refused_where_there_are_none(policy: str, option: str) -> None:
    plain = open_case(nsfnet(run__slots="2"))
    with pytest.raises(UsageError, match=f"{option}: the demand has no regimes, so it says nothi"):
        run(plain, make_policy(policy, {option: 200}))
    run(plain, make_policy(policy, {"fit": 0}))
    run(plain, make_policy(policy, {option: 200, "means": [1.0, 5.0]}))


def test_means_of_the_options_go_before_the_scenarios() -> None:
    case = stores(10, channels=1)
    told = told_regimes(RegimeOptions(means=(2.0, 3.0, 4.0), mean_slots=7), case.setting)
    assert told.count == 3
    assert told.steps[0].tolist() == pytest.approx([6 / 7, 1 / 14, 1 / 14])
    assert told_regimes(RegimeOptions(), case.setting).steps[0, 1] == pytest.approx(1 / 20)
