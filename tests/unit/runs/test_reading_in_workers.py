"""Traces that are read in several processes: the same comparison, and the same errors."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from qnetsim.analysis import compare_traces
from qnetsim.errors import TraceError, UsageError
from qnetsim.runs.batch import run_policies
from qnetsim.runs.workers import FEW_ITEMS, map_in_workers
from tests.support.helpers import nsfnet

IN_TWO = partial(map_in_workers, workers=2)
#: Stores fill at first, so that a warm-up is looked for and cut.
STORES = {"key_management__store_bits": "50000", "key_management__key_lifetime_slots": "9"}


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    replications = FEW_ITEMS // 2
    scenario = nsfnet(
        run__slots="30",
        run__replications=str(replications),
        run__warmup_slots="7",
        demand__requests="20",
        **STORES,
    )
    folder = tmp_path_factory.mktemp("many")
    return run_policies(scenario, ["level:level=4,label=level", "random"], folder)


def square_in(number: int) -> tuple[int, int]:
    if number in {7, 20}:
        raise UsageError(f"number {number}")
    return number**2, os.getpid()


def end(number: int) -> int:
    os._exit(number)


def test_results_come_in_order_from_other_processes() -> None:
    numbers = range(100, 100 + FEW_ITEMS)
    found = map_in_workers(square_in, numbers, 2)
    assert [square for square, _ in found] == [number**2 for number in numbers]
    assert os.getpid() not in {process for _, process in found}


def test_few_items_and_one_worker_start_no_process() -> None:
    few = range(100, 99 + FEW_ITEMS)
    for items, workers in ((few, 2), (range(100, 200), 1)):
        assert {process for _, process in map_in_workers(square_in, items, workers)} == {
            os.getpid()
        }


def test_the_first_of_the_items_that_fails_says_so() -> None:
    with pytest.raises(UsageError, match=r"^number 7$"):
        map_in_workers(square_in, range(FEW_ITEMS), 2)
    with pytest.raises(TraceError, match="a worker process died"):
        map_in_workers(end, range(FEW_ITEMS), 2)


def test_a_comparison_is_the_same_in_several_processes(traces: list[Path]) -> None:
    here, there = compare_traces(traces), compare_traces(traces, each=IN_TWO)
    assert here.warm_up.slots == 7
    assert here.warm_up == there.warm_up
    for ours, theirs in zip(here.policies, there.policies, strict=True):
        assert (ours.name, ours.cost, ours.difference) == (
            theirs.name,
            theirs.cost,
            theirs.difference,
        )
        for one, other in zip(ours.runs, theirs.runs, strict=True):
            assert (one.trace, one.cost_by_kind) == (other.trace, other.cost_by_kind)
            assert one.consumed_bits.tobytes() == other.consumed_bits.tobytes()
            assert one.provenance == other.provenance


def test_of_several_bad_traces_the_first_is_named(traces: list[Path], tmp_path: Path) -> None:
    bad, worse = tmp_path / "bad.h5", tmp_path / "worse.h5"
    bad.write_bytes(b"no trace")
    listed = [*traces[:9], bad, *traces[9:], worse]
    told = []
    for each in (map, IN_TWO):
        with pytest.raises(TraceError) as error:
            compare_traces(listed, each=each)
        told.append(str(error.value))
    assert told[0] == told[1]
    assert str(bad) in told[0]
