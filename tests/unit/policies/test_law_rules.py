"""Rules that say a law of each level: parts against independent answers, and in the kernel."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from qnetsim.arrays import FloatArray
from qnetsim.case import Case, load, open_case
from qnetsim.errors import UsageError
from qnetsim.forecast import LevelDistribution
from qnetsim.forecast.level_path import LevelPath
from qnetsim.optimize import marginal_loads, reservations
from qnetsim.policies.chosen import policy_table
from qnetsim.policies.registry import make_policy
from qnetsim.policies.rules.baum_welch import baum_welch, long_run
from qnetsim.policies.rules.history_law import HistoryLaw
from qnetsim.policies.rules.job_law_filter import JobLawFilter, capped_sums
from qnetsim.policies.rules.kept_keys import KeyRetention
from qnetsim.policies.rules.law_policy import LawPolicy
from qnetsim.policies.rules.linear_law import LinearLaw, PairPast
from qnetsim.policies.rules.period_law import PeriodLaw
from qnetsim.policies.rules.pooled_law import PooledLaw
from qnetsim.policies.rules.regime_filter import fitted_regimes
from qnetsim.policies.rules.score_counts import ScoreCounts
from qnetsim.policies.rules.summed_loads import SummedLoads
from qnetsim.policies.rules.training_worlds import training_levels
from qnetsim.scenario import RegimesTable, parse_scenario
from tests.support import SCENARIOS
from tests.support.helpers import nsfnet, run

RULES = ["autoregression", "history-quantile", "hybrid", "periods"]

JOBS = """
[run]
slots = {slots}
[network]
topology = {topology!r}
{network}
[demand]
pairs = "all"
coupling = "independent"
levels = 6
mean = {mean}
[jobs]
count = {count}
members = 1
periods = {periods}
sizes = {sizes}
more_rounds = {more}
gap_slots = {gap}
delay = {delay}
drop_out = {drop_out}
[key_management]
store_bits = {store}
key_lifetime_slots = 3
"""


def small(folder: Path, slots: int = 200, **changes: object) -> Case:
    """Four nodes in a ring, one or more jobs."""
    path = folder / "ring.csv"
    path.write_text("source,target,length_km\na,b,200\nb,c,300\nc,d,400\nd,a,90\n")
    keys: dict[str, object] = {
        "slots": slots,
        "topology": str(path),
        "network": "",
        "mean": 0.2,
        "count": 1,
        "periods": [2, 3],
        "sizes": [3, 4],
        "more": 3.0,
        "gap": 2.0,
        "delay": 0.2,
        "drop_out": 0.3,
        "store": 0,
        **changes,
    }
    return open_case(parse_scenario(JOBS.format(**keys)))


def independent(**network: object) -> Case:
    lines = "\n".join(f"{key} = {value}" for key, value in network.items())
    text = (
        f'[run]\nslots = 30\n[network]\ntopology = "nsfnet"\n{lines}\n'
        '[demand]\npairs = "all"\ncoupling = "independent"\nmean = 1.5\n'
    )
    return open_case(parse_scenario(text))


@pytest.mark.parametrize(
    "network",
    [{}, {"fibre_spans": '[["1", "2", 70.0], ["4", "11", 400.0]]', "key_rate": '"inverse"'}],
)
def test_quantiles_of_sums_are_those_of_the_convolved_loads(network: dict) -> None:
    case = independent(**network)
    forecast = case.forecast
    routes = case.setting.shortest_routes()
    sums = SummedLoads(case.setting, routes)
    generator = np.random.default_rng(3)
    for _ in range(3):
        laws = [
            LevelDistribution.of_weights([*map(int, generator.integers(1, 9, 10))])
            for _ in range(forecast.groups)
        ]
        from dataclasses import replace

        seen = replace(forecast, distributions=tuple(laws), kinds=tuple(range(len(laws))))
        expected = reservations(case.network, marginal_loads(case.network, seen, routes))
        below = sums.cumulative(np.array([law.probabilities for law in laws]))
        found = sums.quantile(below, sums.critical(np.zeros(case.network.fibres)))
        np.testing.assert_array_equal(found, expected.channels)


def test_a_law_that_is_the_forecast_reserves_what_sip_reserves() -> None:
    class Forecasting(LawPolicy):
        def level_law(self, setting):  # type: ignore[no-untyped-def]
            law = setting.forecast.probabilities[setting.forecast.kind]
            return SimpleNamespace(laws=lambda: law, see=lambda levels: None)

    case = independent()
    first = run(case, Forecasting()).columns["qkd_channels"][0]
    np.testing.assert_array_equal(
        first, run(case, make_policy("sip", {})).columns["qkd_channels"][0]
    )


def test_quantiles_are_those_that_past_loads_exceed_as_often_as_they_should() -> None:
    """A law that is much too certain ends at the right reservation all the same."""

    class Certain(LawPolicy):
        def level_law(self, setting):  # type: ignore[no-untyped-def]
            law = np.zeros((setting.forecast.groups, 10))
            law[:, 1:3] = 0.5
            return SimpleNamespace(laws=lambda: law, see=lambda levels: None)

    text = (
        '[run]\nslots = 1500\n[network]\ntopology = "nsfnet"\n'
        '[demand]\npairs = "all"\ncoupling = "independent"\nmean = 1.5\n'
    )
    result = run(open_case(parse_scenario(text)), Certain())
    short = result.columns["on_demand_channels"][500:] > 0
    # prices ask for a quarter; the law gives sums less than half their spread
    assert 0.2 < short.mean() < 0.3


def brute_force_laws(case: Case, levels: np.ndarray) -> FloatArray:
    """Law of every pair's next level with one place, by the sum over all that may have happened."""
    law = case.forecast.jobs
    assert law is not None
    table = law.table
    background = case.forecast.background.probabilities[0]
    top = len(background) - 1
    more = table.more_rounds / (1 + table.more_rounds)
    rate = float(law.round_rate) / (1 + table.more_rounds) * 2 / 6
    # a state of a pair: None, or (asks in slot, period, size, age)
    states: list = [None]
    for part, period, size in itertools.product((0, 1), table.periods, table.sizes):
        states += [(part, period, size, age) for age in range(period + 1)]
    index = {state: i for i, state in enumerate(states)}
    steps = np.zeros((len(states), len(states)))
    share = 1 / (2 * len(table.periods) * len(table.sizes))
    for state, i in index.items():
        if state is None:
            steps[i, i] += 1 - rate
            for other, j in index.items():
                if other is not None and other[3] == 0:
                    steps[i, j] += rate * share
            continue
        part, period, size, age = state
        late = 1.0 if age < period - 1 else table.delay if age == period - 1 else 0.0
        if late:
            steps[i, index[part, period, size, age + 1]] += late
        steps[i, index[part, period, size, 0]] += (1 - late) * more
        # whoever is free may be asked again in the same slot
        free = (1 - late) * (1 - more)
        steps[i] += free * steps[0] if i else 0.0
    told = np.zeros((len(states), top + 1))
    for state, i in index.items():
        asks = np.zeros(top + 1)
        asks[0] = 1.0
        if state is not None and state[3] == state[0]:
            stays = 1.0 - table.drop_out if state[0] == 0 else 1.0
            asks[0], asks[state[2]] = 1.0 - stays, stays
        for a, b in itertools.product(range(top + 1), repeat=2):
            told[i, min(a + b, top)] += background[a] * asks[b]
    start = long_run(steps)
    found = []
    for pair in range(levels.shape[1]):
        belief = start.copy()
        for level in levels[:, pair]:
            belief = belief * told[:, level]
            belief = belief / belief.sum() @ steps
        found.append(belief @ told)
    return np.array(found)


def test_the_filter_over_jobs_is_exact_where_one_job_of_a_pair_is_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qnetsim.policies.rules import job_law_filter

    monkeypatch.setattr(job_law_filter, "CHAINS", 1)
    case = small(tmp_path)
    levels = LevelPath(case.forecast, None, 1, ("x",)).draw(0, 60).astype(np.int64)
    found = JobLawFilter(case.forecast)
    for row in levels:
        found.see(row)
    np.testing.assert_allclose(found.laws(), brute_force_laws(case, levels), atol=1e-9)


def test_the_filter_begins_near_the_long_run() -> None:
    case = open_case(load(SCENARIOS / "fel-rounds.toml"))
    law = JobLawFilter(case.forecast).laws()
    np.testing.assert_allclose(law.sum(axis=1), 1.0)
    np.testing.assert_allclose(law[0], case.forecast.levels.probabilities, atol=0.003)


def test_more_jobs_than_chains_are_expected_in_the_long_run(tmp_path: Path) -> None:
    case = small(tmp_path, count=40, sizes=[1], gap=30.0)
    law = JobLawFilter(case.forecast).laws()
    levels = np.arange(6)
    assert law[0] @ levels == pytest.approx(case.forecast.levels.probabilities @ levels, rel=0.03)


def test_the_filter_begins_in_the_midst_of_long_jobs(tmp_path: Path) -> None:
    case = small(tmp_path, periods=[50], more=2000.0, gap=40_000.0)
    law = JobLawFilter(case.forecast).laws()
    np.testing.assert_allclose(law[0], case.forecast.levels.probabilities, atol=1e-3)
    found = JobLawFilter(case.forecast)
    before = found._beliefs.copy()
    np.testing.assert_allclose(found._onward(before, found._rates), before, atol=1e-12)


def test_equal_periods_and_sizes_make_no_more_states(tmp_path: Path) -> None:
    once = small(tmp_path, periods=[2, 3], sizes=[3, 4])
    twice = small(tmp_path, periods=[2, 3] * 2, sizes=[3, 4] * 3)
    laws = [JobLawFilter(case.forecast) for case in (once, twice)]
    assert laws[0]._beliefs.shape == laws[1]._beliefs.shape
    np.testing.assert_allclose(laws[0].laws(), laws[1].laws(), atol=1e-12)


def test_too_many_states_are_refused(tmp_path: Path) -> None:
    case = small(tmp_path, periods=list(range(900, 1000)), sizes=[1, 2])
    with pytest.raises(UsageError, match="have 380201 states on a pair; allowed: at most 50000"):
        JobLawFilter(case.forecast)


def test_the_filter_tells_more_than_the_long_run_and_than_period_detection() -> None:
    case = open_case(load(SCENARIOS / "fel-rounds.toml"))
    forecast = case.forecast
    levels = LevelPath(forecast, None, 3, ("x",)).draw(0, 300).astype(np.int64)
    laws = {
        "filter": JobLawFilter(forecast),
        "periods": PeriodLaw(forecast, 9, 5),
        "linear": LinearLaw(forecast, 16),
        "history": HistoryLaw(forecast),
        "pool": PooledLaw([PeriodLaw(forecast, 9, 5), LinearLaw(forecast, 16)]),
    }
    score = dict.fromkeys(laws, 0.0)
    for t, row in enumerate(levels):
        for name, law in laws.items():
            told = law.laws()
            if t > 100:
                chance = told[np.arange(91), row]
                score[name] += np.log(np.maximum(chance, 1e-4)).mean() / 199
            law.see(row)
    rest = np.log(forecast.levels.probabilities)[levels[101:]].mean()
    assert rest < score["history"] < score["periods"] < score["filter"]
    assert score["linear"] < score["filter"]
    assert max(score["periods"], score["linear"]) < score["pool"]


def test_capped_sums_are_sums() -> None:
    a, b = np.random.default_rng(1).dirichlet(np.ones(5), (2, 3))
    found = capped_sums(a, b)
    for row, one, other in zip(found, a, b, strict=True):
        whole = np.convolve(one, other)
        np.testing.assert_allclose(row, [*whole[:4], whole[4:].sum()])


def test_fitted_regimes_are_those_of_the_law_and_likelihoods_never_fall() -> None:
    case = open_case(load(SCENARIOS / "regimes.toml"))
    law = case.scenario.regimes
    assert law is not None
    found = fitted_regimes(case.forecast, law, 2, 20_000)
    assert (np.diff(found.likelihoods) >= -1e-12).all()
    means = found.laws @ np.arange(10)
    assert means[0] == pytest.approx(1.0, abs=0.05)
    assert np.diag(found.steps) == pytest.approx(0.98, abs=0.005)
    np.testing.assert_allclose(found.steps.sum(axis=1), 1.0)


def test_one_step_of_baum_and_welch_is_the_sum_over_all_ways(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from qnetsim.policies.rules import baum_welch as module

    monkeypatch.setattr(module, "MOST_ROUNDS", 1)
    path = np.array([0, 2, 1, 1, 0])
    laws, steps = module._first_guess(path[None], 2, 3)
    found = baum_welch([path], 2, 3)
    moves, there, total = np.zeros((2, 2)), np.zeros((2, 3)), 0.0
    start = long_run(steps)
    for way in itertools.product(range(2), repeat=5):
        chance = start[way[0]] * laws[way[0], path[0]]
        for a, b, level in zip(way, way[1:], path[1:], strict=False):
            chance *= steps[a, b] * laws[b, level]
        total += chance
        for a, b in itertools.pairwise(way):
            moves[a, b] += chance
        for a, level in zip(way, path, strict=True):
            there[a, level] += chance
    assert found.likelihoods[0] == pytest.approx(np.log(total) / 5)
    np.testing.assert_allclose(found.steps, moves / moves.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found.laws, there / there.sum(axis=1, keepdims=True))


def test_fitted_regimes_are_the_likeliest_of_all_rounds() -> None:
    from qnetsim.policies.rules.baum_welch import _forward_backward

    draws = np.random.default_rng(5)
    for _ in range(12):  # short paths: some lose likelihood in the last round
        path = draws.integers(0, 5, 16)
        found = baum_welch([path], 3, 5)
        likelihood = np.log(_forward_backward(path[None], found.laws, found.steps)[2]).mean()
        assert likelihood >= max(found.likelihoods) - 1e-12
        assert (np.diff(found.likelihoods) >= 0).all()


def test_a_fitted_filter_costs_nearly_what_the_told_one_does() -> None:
    case = open_case(load(SCENARIOS / "regimes.toml", slots=400))
    told = run(case, make_policy("belief", {})).cost.mean()
    fitted = run(case, make_policy("belief", {"fit": 20_000})).cost.mean()
    assert fitted == pytest.approx(told, rel=0.01)
    with pytest.raises(UsageError, match="fit: allowed"):
        make_policy("belief", {"fit": 99})


def test_worlds_to_fit_to_are_none_that_is_run() -> None:
    case = open_case(load(SCENARIOS / "regimes.toml", seed=0))
    run_ = [next(case.realisation(i).chunks()).levels[:200, 0] for i in range(5)]
    table = RegimesTable.model_validate(case.scenario.regimes)
    for path in training_levels(case.forecast, table, 5, 200):
        assert not any((path[:, 0] == levels).all() for levels in run_)


@pytest.mark.parametrize("name", RULES)
def test_they_do_not_peek(name: str, tmp_path: Path) -> None:
    """What a rule reserves up to a slot does not change with what comes in it and later."""
    case = small(tmp_path, slots=60)
    chunk = next(case.realisation(0).chunks())
    other = chunk.levels.copy()
    other[30:] = 5 - other[30:]
    from dataclasses import replace

    found = [
        run(case, make_policy(name, {}), chunks=[replace(chunk, levels=levels)]).columns[
            "qkd_channels"
        ]
        for levels in (chunk.levels, other)
    ]
    np.testing.assert_array_equal(found[0][:31], found[1][:31])
    assert (found[0][31:] != found[1][31:]).any()


@pytest.mark.parametrize("name", [*RULES, "job-filter", "conditional-quantile"])
def test_they_keep_to_limits_and_use_stores(name: str, tmp_path: Path) -> None:
    case = small(tmp_path, 80, network="qkd_wavelengths = 18\nkm_wavelengths = 2", store=9000)
    result = run(case, make_policy(name, {}))
    assert result.columns["qkd_channels"].max() <= 6
    assert result.columns["km_wavelengths"].max() <= 2
    assert result.columns["served"].sum() > 0


@pytest.mark.parametrize(
    "demand",
    [
        'requests = 12\ncoupling = "comonotone"',
        'requests = 5\ncoupling = "copula"\ncorrelation = 0.4',
    ],
)
@pytest.mark.parametrize("name", RULES)
def test_other_couplings_are_served(name: str, demand: str) -> None:
    text = f'[run]\nslots = 25\n[network]\ntopology = "nsfnet"\n[demand]\n{demand}\n'
    assert run(open_case(parse_scenario(text)), make_policy(name, {})).columns["served"].sum() > 0


@pytest.mark.parametrize("coupling", ["comonotone", "independent"])
@pytest.mark.parametrize("name", RULES)
def test_demand_of_one_level_is_served(name: str, coupling: str) -> None:
    text = (
        '[run]\nslots = 5\n[network]\ntopology = "nsfnet"\n[demand]\nkind = "table"\nlevels = 1\n'
        f'probabilities = [1]\nrequests = 3\ncoupling = "{coupling}"\n'
    )
    result = run(open_case(parse_scenario(text)), make_policy(name, {}))
    assert not result.columns["qkd_channels"].any()


def test_a_filter_over_jobs_needs_jobs() -> None:
    with pytest.raises(UsageError, match=r"no jobs; give the scenario \[jobs\]"):
        run(independent(), make_policy("job-filter", {}))


def test_boosted_levels_are_fitted_once_and_beat_the_long_run() -> None:
    pytest.importorskip("sklearn")
    case = open_case(load(SCENARIOS / "fel-rounds.toml", slots=150))
    options = {"fit": 800, "trees": 20}
    first = run(case, make_policy("boosted-levels", options)).cost
    np.testing.assert_array_equal(first, run(case, make_policy("boosted-levels", options)).cost)
    assert first[50:].mean() < run(case, make_policy("sip", {})).cost[50:].mean()


def test_counts_over_a_score_are_a_weighted_mean_of_what_followed() -> None:
    counts = ScoreCounts(1, 5)
    kinds = np.zeros(2, dtype=np.int64)
    assert not counts.laws(kinds, np.array([1.0, 2.0])).any()
    counts.add(kinds, np.array([1.0, 4.0]), np.array([3, 0]))
    law = counts.laws(kinds, np.array([1.5, 9.0]))
    # at 1.5 the first counts three quarters, the second nothing; two more by what was seen at all
    np.testing.assert_allclose(law[0], np.array([1.0, 0, 0, 1.75, 0]) / 2.75)
    np.testing.assert_allclose(law[1], np.array([2.0, 0, 0, 1.0, 0]) / 3.0)


def test_the_past_of_a_pair_has_the_sums_of_its_ends_without_itself() -> None:
    case = independent()
    past = PairPast(case.forecast, 3)
    levels = np.random.default_rng(2).integers(0, 9, 91)
    past.see(levels)
    pairs = case.forecast.pairs
    for g, (a, b) in enumerate(pairs[:20]):
        sums = sum(
            int(levels[h]) * ((a in pair) + (b in pair)) for h, pair in enumerate(pairs) if h != g
        )
        assert past.features[g].tolist() == [1.0, levels[g], 0, 0, sums, 0, 0]


def test_kept_keys_are_those_that_are_not_lost() -> None:
    kept = KeyRetention(np.array([100, 100]))
    assert kept.share.tolist() == [0.0, 0.0]
    kept.begin(np.array([0, 0]))
    kept.end(np.array([30, 5]), np.array([10, 5]))
    kept.begin(np.array([2000, 0]))
    assert kept.share.tolist() == pytest.approx([20 / 30, 0.0])
    # of 20 old channels and 10 new ones 25 are used: five of the new are left, and all of them lost
    kept.end(np.array([10, 0]), np.array([25, 0]))
    kept.begin(np.array([0, 0]))
    assert kept.share[0] == pytest.approx(20 / 35)


def test_with_stores_the_filter_costs_less_than_a_plan_that_counts_stores_alone() -> None:
    case = open_case(load(SCENARIOS / "fel-rounds-stores.toml", slots=200))
    found = {name: run(case, make_policy(name, {})).cost.mean() for name in ("job-filter", "mpc")}
    assert found["job-filter"] < 0.95 * found["mpc"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("hybrid", {"of": ["period"]}, "'hybrid': of: allowed: a list of autoregression, boosted-"),
        ("hybrid", {"of": []}, "'hybrid': of: allowed: a list of autoregression"),
        ("hybrid", {"off": 1}, "'hybrid': off: no such option; allowed options: of"),
        ("belief", {"fit": "x"}, r"fit: allowed: an integer 100 .. 1000000, or 0; .*belief:fit=V"),
        ("belief", {"fit": 5}, "fit: allowed: an integer 100 .. 1000000, or 0; allowed options"),
        ("belief", {"fti": 5}, "fti: no such option; .*; give belief:fit=VALUE"),
        ("boosted-levels", {"lags": 0}, "lags: allowed: an integer 1 .. 200; .*:lags=VALUE"),
        ("belief", {"fit": 500, "mean_slots": 4}, "mean_slots: is fitted too; leave mean_slots or"),
        ("hybrid", {"of": ["periods", "periods"]}, "of: allowed: .*, each once at most"),
        ("level", {}, "level: must be given; allowed: an integer 0 .. 1000000; .*level=VALUE"),
    ],
)
def test_wrong_options_are_told_with_what_is_allowed(
    name: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        make_policy(name, options)


def test_much_that_nobody_asks_for_is_refused() -> None:
    case = open_case(nsfnet(run__slots="5"))
    with pytest.raises(UsageError, match=r"'periods': much: is 10, .* level 9; allowed: 0 \.\. 9"):
        run(case, make_policy("periods", {"much": 10}))


def test_options_that_are_lists_are_told_where_they_stand() -> None:
    with pytest.raises(UsageError, match=r"of: is a list, which stands in \[\[policy\]\]") as wrong:
        make_policy("hybrid", {"of": "periods"})
    assert "=VALUE" not in str(wrong.value)
    with pytest.raises(UsageError, match=r"a list stands in \[\[policy\]\] of a scenario"):
        policy_table("hybrid:of=[periods,job-filter]")
