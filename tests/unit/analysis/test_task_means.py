"""Means of FEL tasks and their intervals, against numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from qnetsim.analysis.fel_tasks import TaskRun
from qnetsim.analysis.task_means import task_means


def a_run(done: int, finished: float, waited: float, bits: int) -> TaskRun:
    """A task of three rounds, of which ``done`` took a step."""
    numbers = np.arange(done, dtype=np.float64)
    return TaskRun(
        name="1 wine",
        rounds=3,
        done=done,
        lost=3 - done,
        finished_s=finished,
        setup_s=1.0,
        started_s=numbers,
        ended_s=numbers + 0.5,
        waited_s=np.full(done, waited),
        loss=1 / (1 + numbers),
        accuracy=0.5 + numbers / 10,
        workers=np.full(done, 4),
        key_bits=bits,
        key_bits_before=np.zeros(done),
        key_bits_by_kind={},
    )


RUNS = [a_run(3, 10.0, 0.1, 6000), a_run(3, 14.0, 0.2, 9000), a_run(2, 9.0, 0.3, 4000)]


def half(values: list[float]) -> float:
    return float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5)


def test_means_have_t_intervals() -> None:
    found = task_means(RUNS)
    for name, values in (
        ("done", [3, 3, 2]),
        ("lost", [0, 0, 1]),
        ("accuracy", [0.7, 0.7, 0.6]),
        ("loss", [1 / 3, 1 / 3, 1 / 2]),
        # only where all rounds took a step
        ("trained_s", [10, 14]),
    ):
        interval = getattr(found, name)
        assert interval.estimate == pytest.approx(np.mean(values))
        assert interval.high - interval.estimate == pytest.approx(half(values))


def test_shares_have_the_interval_of_the_linearised_ratio() -> None:
    found = task_means(RUNS)
    busy, waited = np.array([1.5, 1.5, 1.0]), np.array([0.3, 0.6, 0.6])
    ratio = waited.sum() / busy.sum()
    assert found.waited is not None
    assert found.waited.high is not None
    assert found.waited.estimate == pytest.approx(ratio)
    off = (waited - ratio * busy) / busy.mean()
    assert found.waited.high - ratio == pytest.approx(half(off.tolist()))
    assert found.kbit is not None
    assert found.kbit.estimate == pytest.approx(19 / 8)


def test_a_single_run_has_values_and_no_intervals() -> None:
    found = task_means(RUNS[:1])
    assert (found.done.estimate, found.done.low) == (3.0, None)
    none = task_means([replace(a_run(0, 1.0, 0.0, 0), finished_s=None)] * 2)
    assert (none.workers, none.waited, none.trained_s, none.loss) == (None, None, None, None)
