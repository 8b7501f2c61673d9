"""Intervals of all means: batch means against a known variance, and both bases against numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import signal, stats

from qnetsim.analysis import compare_traces, run_metrics
from qnetsim.analysis.batch_means import (
    NORMAL_95,
    BatchCheck,
    batch_check,
    batch_starts,
    in_pairs,
    lag_one,
    most_batches,
    ratio_interval,
)
from qnetsim.analysis.interval_rows import WAITS, interval_rows
from qnetsim.analysis.mean_intervals import Intervals, over_batches, over_replications
from qnetsim.analysis.paired import OF_BATCHES, t_quantile
from qnetsim.analysis.quantile_intervals import quantile_interval
from qnetsim.arrays import FloatArray
from qnetsim.cli.show.comparison import comparison_json
from qnetsim.runs.batch import run_policies
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace import open_trace
from qnetsim.vocabulary import BILL_COLUMNS
from tests.support.helpers import nsfnet
from tests.support.output_analysis import batched_series

SIP = PolicyTable(name="sip")
#: Correlation of neighbours of the autoregressive series.
PHI = 0.8


def autoregressive(seed: int, count: int) -> FloatArray:
    """A stationary AR(1) series with mean 0 and unit shocks."""
    rng = np.random.default_rng(seed)
    start = rng.normal() / np.sqrt(1 - PHI**2)
    shocks = rng.normal(size=count)
    series, _ = signal.lfilter([1.0], [1.0, -PHI], shocks, zi=[PHI * start])
    return np.asarray(series, dtype=np.float64)


def halves(values: FloatArray) -> float:
    parts, check = batched_series({"values": values})
    found = ratio_interval(*parts["values"], float(values.mean()))
    assert found.high is not None
    return (found.high - found.estimate) / float(stats.t.ppf(0.975, check.batches - 1))


def test_batch_means_give_the_variance_of_an_autoregressive_mean() -> None:
    count = 4000
    # the variance of its mean is 1/(1 − φ)² over the number of values
    known = 1 / (1 - PHI) ** 2 / count
    variances = [halves(autoregressive(seed, count)) ** 2 for seed in range(100)]
    assert np.mean(variances) == pytest.approx(known, rel=0.1)
    # values taken for independent make it too small, nine times here
    naive = [autoregressive(seed, count).var() / count for seed in range(20)]
    assert np.mean(naive) < 0.2 * known


def test_the_check_is_one_half_of_von_neumanns_ratio() -> None:
    values = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0])
    ratio = float((np.diff(values) ** 2).sum() / ((values - values.mean()) ** 2).sum())
    assert lag_one(values) == pytest.approx(1 - ratio / 2)
    assert lag_one(np.full(8, 2.5)) == 0.0


def test_the_check_fails_by_chance_in_one_of_twenty() -> None:
    rng = np.random.default_rng(3)
    for figures in (1, 3):
        for count in (10, 20):
            failed = []
            for _ in range(2000):
                parts = {str(n): (rng.normal(size=count), np.ones(count)) for n in range(figures)}
                failed.append(not batch_check(parts, tuple(parts)).passed)
            assert np.mean(failed) == pytest.approx(0.05, abs=0.015)


def test_each_figure_has_its_share_of_the_level() -> None:
    for number, quantile in enumerate(NORMAL_95, start=1):
        assert quantile == pytest.approx(stats.norm.ppf(1 - 0.05 / number), rel=1e-12)


def test_a_figure_that_does_not_vary_hides_no_other() -> None:
    """Costs may be equal in all slots while what is in the pools creeps."""
    level = np.cumsum(np.random.default_rng(1).normal(size=4000)) + 1e6
    _, check = batched_series({"cost": np.full(4000, 8350.1), "pool": level})
    assert check.correlations["cost"] == 0.0
    assert (check.passed, check.alike) == (False, ("pool",))
    assert check.limit == pytest.approx(NORMAL_95[0] * np.sqrt(8 / 99))


def test_batches_are_halved_and_then_refused() -> None:
    assert most_batches(19) is None
    assert most_batches(25) == 10
    assert most_batches(40) == 20
    slow = np.cumsum(np.random.default_rng(1).normal(size=4000))
    _, check = batched_series({"values": slow})
    assert (check.batches, check.passed) == (10, False)


def test_pairs_of_batches_are_batches_of_twice_the_length() -> None:
    values = np.random.default_rng(2).normal(size=107)
    sums = [np.add.reduceat(values, batch_starts(107, count)) for count in (20, 10)]
    np.testing.assert_allclose(in_pairs(sums[0]), sums[1])


def test_batches_share_out_all_slots() -> None:
    starts = [*batch_starts(107, 20), 107]
    assert starts[0] == 0
    assert set(np.diff(starts)) == {5, 6}


def test_a_ratio_of_equal_parts_is_a_mean() -> None:
    values = np.array([2.0, 4.0, 9.0])
    found = ratio_interval(values, np.ones(3), 5.0)
    error = values.std(ddof=1) / np.sqrt(3)
    assert found.high == pytest.approx(5 + stats.t.ppf(0.975, 2) * error)


def test_every_figure_of_a_run_has_the_interval_of_its_batches(tmp_path: Path) -> None:
    scenario = nsfnet(run__slots="205", demand__coupling='"independent"', yields__noise_counts="40")
    with open_trace(simulate(scenario, SIP, tmp_path / "t.h5")) as trace:
        run = run_metrics(trace)
        found = over_batches(trace, run)
        cost = sum(trace.column(f"slots/{name}") for name in BILL_COLUMNS)
        consumed, produced = (
            trace.column(f"slots/reservation_{flow}_bits")
            + trace.column(f"slots/on_demand_{flow}_bits")
            for flow in ("consumed", "produced")
        )
    assert (found.method, found.parts) == ("batch means", 20)
    starts = batch_starts(205, 20)
    lengths = np.diff([*starts, 205])
    mean = float(cost.mean())
    off = (np.add.reduceat(cost, starts) - mean * lengths) / lengths.mean()
    half = stats.t.ppf(0.975, 19) * off.std(ddof=1) / np.sqrt(20)
    assert found.of["cost_per_slot"].estimate == pytest.approx(run.cost)
    assert found.half("cost_per_slot") == pytest.approx(half)
    sums = [np.add.reduceat(bits, starts, axis=0) for bits in (consumed, produced)]
    rates = sums[0].sum(axis=0) / sums[1].sum(axis=0)
    off = ((sums[0] - rates * sums[1]) / sums[1].mean(axis=0)).mean(axis=1)
    half = stats.t.ppf(0.975, 19) * off.std(ddof=1) / np.sqrt(20)
    assert found.of["utilisation"].estimate == pytest.approx(run.utilisation.mean())
    assert found.half("utilisation") == pytest.approx(half)
    assert found.half("served") == 0.0


def test_a_comparison_has_intervals_over_its_replications(tmp_path: Path) -> None:
    scenario = nsfnet(run__slots="30", run__replications="4")
    paths = run_policies(scenario, [SIP, PolicyTable(name="evf")], tmp_path)
    comparison = compare_traces(paths)
    for policy in comparison.policies:
        assert (policy.intervals.method, policy.intervals.parts) == ("replications", 4)
        assert policy.intervals.of["cost_per_slot"] == policy.cost
        used = np.array([run.utilisation.mean() for run in policy.runs])
        half = stats.t.ppf(0.975, 3) * used.std(ddof=1) / 2
        assert policy.intervals.half("utilisation") == pytest.approx(half)
    table = interval_rows(comparison)
    assert table.columns[:2] == ("policy", "cost per slot")
    one = compare_traces([path for path in paths if "sip" in path.name][:1])
    assert one.policies[0].intervals.method == "batch means"
    assert over_replications(one.policies[0].runs).method == "none"


def test_the_quantiles_of_batches_are_those_of_scipy() -> None:
    for degrees, quantile in OF_BATCHES.items():
        assert quantile == pytest.approx(stats.t.ppf(0.975, degrees), rel=1e-10)
        assert t_quantile(degrees, 0.95) == quantile
    assert t_quantile(19, 0.9) == pytest.approx(stats.t.ppf(0.95, 19), rel=1e-10)


#: Keys that are kept, run out, and are waited for.
SCARCE = {
    "run__slots": "400",
    "network__qkd_wavelengths": "60",
    "demand__requests": "30",
    "demand__coupling": '"independent"',
    "key_management__store_bits": "60000",
    "key_management__key_lifetime_slots": "5",
    "key_management__patience_s": "3.0",
}


def test_what_keys_do_has_the_interval_of_its_batches(tmp_path: Path) -> None:
    """The busiest fibre and the time until pools are empty, against numpy, after a cut."""
    scenario = nsfnet(**SCARCE, run__warmup_slots="40")
    with open_trace(simulate(scenario, SIP, tmp_path / "t.h5")) as trace:
        run = run_metrics(trace)
        found = over_batches(trace, run)
        bits = [
            sum(trace.column(f"slots/{pool}_{name}_bits") for pool in ("reservation", "on_demand"))
            for name in ("consumed", "produced", "stored")
        ]
        waited = trace.column("slots/waited")[40:]
        served = trace.column("slots/served")[40:]
        edges = np.append(0.0, trace.column("slots/wait_upto_s"))
    starts = np.array(batch_starts(360, found.parts))
    count = len(starts)
    quantile = stats.t.ppf(0.975, count - 1) / np.sqrt(count)
    consumed, produced = (np.add.reduceat(b[40:], starts, axis=0) for b in bits[:2])
    # a fibre that made no keys used none
    rates = consumed.sum(axis=0) / np.maximum(produced.sum(axis=0), 1)
    busiest = int(rates.argmax())
    off = (consumed - rates * produced)[:, busiest] / produced[:, busiest].mean()
    assert found.of["busiest_utilisation"].estimate == pytest.approx(rates.max())
    assert found.half("busiest_utilisation") == pytest.approx(quantile * off.std(ddof=1))
    # spells between slots after which a fibre keeps nothing
    times, events = np.zeros(count), np.zeros(count)
    for levels in bits[2].T:
        held = 0
        for slot, level in enumerate(levels):
            if level == 0 and held and slot >= 40:
                batch = int(np.searchsorted(starts, slot - 40, side="right")) - 1
                times[batch] += held
                events[batch] += 1
            held = held + 1 if level else 0
    mean = times.sum() / events.sum()
    assert found.of["depletion_s"].estimate == pytest.approx(mean)
    off = (times - mean * events) / events.mean()
    assert found.half("depletion_s") == pytest.approx(quantile * off.std(ddof=1))
    # waits: the first bin is of those served at once
    sums = np.add.reduceat(waited, starts, axis=0)
    counts = np.column_stack([np.add.reduceat(served, starts) - sums.sum(axis=1), sums])
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        expected = quantile_interval(edges, counts, share, run.waits.percentile(share))
        assert found.waits_s[name] == expected
    assert found.waits_s["p99"].high > 0
    assert "pending" not in found.of
    assert "max" not in found.waits_s


def test_what_keys_do_has_an_interval_over_replications(tmp_path: Path) -> None:
    scenario = nsfnet(**SCARCE | {"run__slots": "120"}, run__replications="4")
    comparison = compare_traces(run_policies(scenario, [SIP], tmp_path))
    [policy] = comparison.policies
    runs, found = policy.runs, policy.intervals
    used = np.array([run.utilisation for run in runs])
    busiest = used[:, used.mean(axis=0).argmax()]
    half = stats.t.ppf(0.975, 3) * busiest.std(ddof=1) / 2
    assert found.of["busiest_utilisation"].estimate == policy.keys.busiest_utilisation
    assert found.half("busiest_utilisation") == pytest.approx(half)
    pending, arrived = (np.array([getattr(r, n) for r in runs]) for n in ("pending", "arrived"))
    off = (pending - policy.pending * arrived) / arrived.mean()
    assert found.half("pending") == pytest.approx(stats.t.ppf(0.975, 3) * off.std(ddof=1) / 2)
    times = np.array([(run.depletion_s or 0.0) * run.depletions for run in runs])
    events = np.array([run.depletions for run in runs])
    off = (times - times.sum() / events.sum() * events) / events.mean()
    assert found.half("depletion_s") == pytest.approx(stats.t.ppf(0.975, 3) * off.std(ddof=1) / 2)
    assert found.waits_s.keys() == {"p50", "p90", "p95", "p99"}
    # the table and JSON show the same ends
    wide = [name for name in WAITS if found.waits_s[name].low != found.waits_s[name].high]
    assert wide
    table = interval_rows(comparison)
    [row] = table.rows
    shown = dict(zip(table.columns, row, strict=True))
    for name in wide:
        ends = found.waits_s[name]
        assert shown[WAITS[name]] == f"{ends.low:.4g} … {ends.high:.4g} s"
    p99 = found.waits_s["p99"]
    assert shown["busiest"] == f"± {found.half('busiest_utilisation'):.2%}"
    [told] = comparison_json(comparison)["policies"]
    assert told["intervals"]["wait_percentiles_s"]["p99"] == {
        "estimate": p99.estimate,
        "low": p99.low,
        "high": p99.high,
    }


def test_the_sentence_names_figures_whose_batches_are_alike() -> None:
    alike = BatchCheck(10, {"cost_per_slot": 0.1, "blocked": 0.2, "pool_bits": 0.83}, 0.6)
    told = Intervals("batch means", 10, alike).sentence
    assert "more alike than chance allows (0.60) in bits in pools (0.83)" in told
    fine = BatchCheck(20, {"cost_per_slot": 0.1, "blocked": 0.2, "pool_bits": 0.3}, 0.46)
    told = Intervals("batch means", 20, fine).sentence
    assert "their correlation is 0.30 at most, within what chance allows (0.46)" in told
