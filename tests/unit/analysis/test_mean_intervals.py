"""Intervals of all means: batch means against a known variance, and both bases against numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import signal, stats

from qnetsim.analysis import compare_traces, run_metrics
from qnetsim.analysis.batch_means import (
    batch_check,
    batch_starts,
    checked_batches,
    lag_one,
    ratio_interval,
)
from qnetsim.analysis.interval_rows import interval_rows
from qnetsim.analysis.mean_intervals import over_batches, over_replications
from qnetsim.analysis.paired import OF_BATCHES, t_quantile
from qnetsim.arrays import FloatArray
from qnetsim.runs.batch import run_policies
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace import open_trace
from qnetsim.vocabulary import BILL_COLUMNS
from tests.support.helpers import nsfnet

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
    check = checked_batches(values)
    assert check is not None
    starts = batch_starts(len(values), check.batches)
    sums = np.add.reduceat(values, starts)
    lengths = np.diff([*starts, len(values)]).astype(float)
    found = ratio_interval(sums, lengths, float(values.mean()))
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
    failed = [not batch_check(rng.normal(size=20)).passed for _ in range(4000)]
    assert np.mean(failed) == pytest.approx(0.05, abs=0.012)


def test_batches_are_halved_and_then_refused() -> None:
    assert checked_batches(np.zeros(19)) is None
    few = checked_batches(np.random.default_rng(1).normal(size=25))
    assert few is not None
    assert few.batches == 10
    slow = checked_batches(np.cumsum(np.random.default_rng(1).normal(size=4000)))
    assert slow is not None
    assert (slow.batches, slow.passed) == (10, False)


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
