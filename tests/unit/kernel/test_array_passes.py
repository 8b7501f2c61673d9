"""Steps over whole arrays: the values of the plain sums that they stand for, in few calls."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from qnetsim.case import open_case
from qnetsim.compiling import compiled, have_numba
from qnetsim.kernel import key_managers
from qnetsim.kernel.billing import bill
from qnetsim.kernel.key_managers import FIRST_ROWS, MOST_ROWS, KeyManagers
from qnetsim.kernel.ledger import ROWS_AT_ONCE, _summed
from qnetsim.kernel.serving import outages, sums
from qnetsim.kernel.serving.outages import Outages
from qnetsim.kernel.serving.paths import PathTable
from qnetsim.network.detours import Detours
from qnetsim.world.faults import FaultEvents
from tests.support.helpers import Scripted, nsfnet, run

#: What makes sums over slots: array steps, and plain loops as they stand and compiled.
SUMS = [None, sums, *([compiled(sums)] if have_numba() else [])]


def left_to_right(amounts: np.ndarray, prices: np.ndarray) -> list[float]:
    found = []
    for row in amounts.tolist():
        total = 0.0
        for amount, price in zip(row, prices.tolist(), strict=True):
            total += amount * price
        found.append(total)
    return found


@pytest.mark.parametrize("slots", [1, 2, 20, 21, 22, 300])
@pytest.mark.parametrize("standing", [False, True])
@pytest.mark.parametrize("made_by", SUMS)
def test_a_bill_adds_up_from_left_to_right(
    slots: int, standing: bool, made_by: ModuleType | None
) -> None:
    rng = np.random.default_rng(slots)
    prices = rng.random((4, 21)) * 10.0 ** rng.integers(-8, 8, (4, 21))
    amounts = rng.integers(0, 1000, (4, slots, 21))
    if standing:
        amounts = np.broadcast_to(amounts[:, :1], amounts.shape)
    none = np.zeros(slots, dtype=np.int64)
    names = ("qkd_reserved", "km_reserved", "qkd_on_demand", "km_on_demand")
    by_name = dict(zip(names, prices, strict=True))
    costs = replace(open_case(nsfnet()).network.costs, **by_name)
    found = bill(costs, *amounts, blocked=none, exposed=none, sums=made_by)
    for name, price, amount in zip(names, prices, amounts, strict=True):
        assert found[f"{name}_cost"].tolist() == left_to_right(amount, price)


def test_long_rows_are_summed_as_short_ones() -> None:
    rng = np.random.default_rng(3)
    for rows in [1, 31, 32, 63, 64, 65, 127, 1000, 1024]:
        values = rng.integers(0, 2**50, (rows, 5))
        np.testing.assert_array_equal(_summed(values), values.sum(axis=0))
    assert ROWS_AT_ONCE > 1


def test_a_quiet_interval_has_the_phases_of_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is down stays down: one phase a slot, laid out at once."""
    events = FaultEvents(
        tick=np.array([25]),
        fibre=np.array([2]),
        down=np.array([1], dtype=np.uint8),
        cause=np.zeros(1, dtype=np.uint8),
        element=np.array([2]),
    )
    made = Outages(4, 10, 0)
    made.add(events)
    made.phases(0, 3, lambda known: len(known))
    monkeypatch.setattr(outages.np, "repeat", None)
    found = made.phases(3, 5, lambda known: len(known))
    assert found.first.tolist() == [0, 1, 2, 3, 4, 5]
    assert found.tick.tolist() == [30, 40, 50, 60, 70]
    assert found.table.tolist() == [1] * 5
    assert found.down[found.mask].tolist() == [[False, False, True, False]] * 5


def test_exposure_and_whole_slots_are_counted_path_by_path() -> None:
    case = open_case(nsfnet(network__span_km="40"))
    routes = case.setting.shortest_routes()
    need = case.network.request_bits(case.forecast.level_count, "quantum")
    detours = Detours(case.network.topology, case.setting.planning_lengths)
    paths = PathTable(case.network, case.forecast, routes, need, detours, "wait")
    rng = np.random.default_rng(5)
    slots = rng.integers(0, 3, routes.levels)
    carried = np.zeros(paths.count, dtype=np.int64)
    for level, count in enumerate(slots.tolist()):
        for path in routes.choice[:, level].tolist():
            carried[path] += count * level * case.network.level_bits
    np.testing.assert_array_equal(paths.carried_whole(slots), carried)
    by_fibre = np.zeros(case.network.fibres, dtype=np.int64)
    by_node = np.zeros(len(case.network.topology.nodes), dtype=np.int64)
    for path, bits in enumerate(carried.tolist()):
        route = paths.route(path)
        by_fibre[list(route.fibres)] += bits
        by_node[list(route.nodes[1:-1])] += bits
    found = paths.exposure(carried)
    np.testing.assert_array_equal(found[0], by_fibre)
    np.testing.assert_array_equal(found[1], by_node)
    assert by_node.any()


def calls_of(monkeypatch: pytest.MonkeyPatch, slots: int, quick_s: float) -> list[int]:
    """Rows of each call that serves a plain run."""
    honest = KeyManagers._serve_rows
    rows = []

    def serve(self, given, flows, row, end, paths) -> int:  # type: ignore[no-untyped-def]
        rows.append(end - row)
        return honest(self, given, flows, row, end, paths)

    monkeypatch.setattr(KeyManagers, "_serve_rows", serve)
    monkeypatch.setattr(key_managers, "STOP_S", quick_s)
    scenario = nsfnet(run__slots=str(slots), demand__requests="5")
    channels = np.ones((slots, 21), int)
    run(scenario, Scripted(channels, channels, hold=slots))
    return rows


def test_slots_that_are_quick_are_served_many_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    assert calls_of(monkeypatch, 5 * 1024, 60.0) == [128, 256, 512, 128, *[1024] * 4]
    assert FIRST_ROWS == 128
    assert MOST_ROWS >= 1024


def test_slots_that_are_slow_are_served_few_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    assert calls_of(monkeypatch, 1024, 0.0) == [FIRST_ROWS] * 8
