"""Decisions as controllers post them: what is refused, where they stand and for how long."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qnetsim.case import Case
from qnetsim.errors import PolicyError
from qnetsim.kernel.clock import Clock
from qnetsim.kernel.controllers import RESERVATION_MAX, Controller, DecisionBoard, check_routes
from qnetsim.network import BLOCKED, Route, RouteTable
from qnetsim.policies import Decision, Policy
from tests.support.lines import context_of, line_case

ONES = np.ones(3, dtype=np.int64)
MIDDLE = np.array([0, 1, 0])
#: The path of the only request.
PATH = Route((0, 1, 2), (0, 1))


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return line_case(tmp_path)


def board_of(case: Case, *owners: int) -> DecisionBoard:
    return DecisionBoard(case.setting, np.array(owners or (0, 0, 0)))


@pytest.mark.parametrize("hold", [0, -1, True, 1.0, "1", None])
def test_a_hold_that_is_no_positive_integer_is_refused(case: Case, hold: object) -> None:
    with pytest.raises(PolicyError, match=r"hold_slots is .*; it must be an integer >= 1"):
        board_of(case).post(0, 0, Decision(ONES, ONES, hold))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("slot", "hold", "stands"),
    [(0, 1, 1), (0, np.int64(2), 2), (0, 6, 6), (2, 4, 4), (2, 5, 4), (5, 9, 1)],
)
def test_a_decision_stands_as_long_as_it_holds_and_the_run_lasts(
    case: Case, slot: int, hold: int, stands: int
) -> None:
    board = board_of(case)
    assert board.post(0, slot, Decision(ONES, ONES, hold)) == stands
    assert board.until() == slot + stands


def test_what_is_no_decision_is_refused(case: Case) -> None:
    with pytest.raises(PolicyError, match="decide returned tuple, not a Decision"):
        board_of(case).post(0, 0, (ONES, ONES))


@pytest.mark.parametrize(
    ("slots", "slot_s", "rate", "most"),
    [
        # as many as a signed 32-bit number holds
        (6, 1.0, 1000.0, 2**31 - 1),
        # as many as give 2**53 bits in a slot
        (6, 1.0, 2.0**30, 2**23),
        (6, 1.0, 2.0**30 + 4, 2**23 - 1),
        # as many as give 2**62 bits in the run
        (2**12, 1.0, 2.0**30, 2**20),
    ],
)
def test_reservations_have_bounds(
    tmp_path: Path, slots: int, slot_s: float, rate: float, most: int
) -> None:
    board = board_of(line_case(tmp_path, slots=slots, slot_s=slot_s, rate=rate))
    channels, wavelengths = np.array([0, most, 1]), np.array([0, RESERVATION_MAX, 1])
    board.post(0, 0, Decision(channels, wavelengths))
    found = board.rows(0, 1)
    np.testing.assert_array_equal(found, [[channels], [wavelengths]])
    for less in (channels - 1, channels + MIDDLE):
        with pytest.raises(PolicyError, match=rf"qkd_channels must lie in 0 \.\. {most}$"):
            board.post(0, 0, Decision(less, wavelengths))
    for less in (wavelengths - 1, wavelengths + MIDDLE):
        with pytest.raises(PolicyError, match=r"km_wavelengths must lie in 0 \.\. 2147483647$"):
            board.post(0, 0, Decision(channels, less))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.ma.masked_array(ONES, [0, 1, 0]), "km_wavelengths is a masked array"),
        ([[1, 2], [3]], "km_wavelengths is not an array"),
        (np.ones(3), "km_wavelengths has dtype float64; it must hold integers"),
        (np.ones(3, dtype=bool), "has dtype bool"),
        (np.ones((3, 3), dtype=int), r"has shape \(3, 3\); it must be \(3,\), or \(2, 3\)"),
        (np.ones((2, 2), dtype=int), r"has shape \(2, 2\)"),
        (np.ones(2, dtype=int), r"has shape \(2,\)"),
        (np.int64(3), r"has shape \(\)"),
    ],
)
def test_what_is_no_row_of_integers_is_refused(case: Case, value: object, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        board_of(case).post(0, 0, Decision(ONES, value, 2))  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["int8", "uint64", "int64"])
def test_rows_are_kept_as_64_bit_copies(case: Case, dtype: str) -> None:
    board = board_of(case)
    mine = np.array([1, 2, 3], dtype=dtype)
    board.post(0, 0, Decision(mine, mine, 2))
    mine[:] = 7
    channels, wavelengths = board.rows(0, 2)
    assert channels.dtype == wavelengths.dtype == np.int64
    assert channels.tolist() == wavelengths.tolist() == [[1, 2, 3]] * 2


def test_a_controller_without_fibres_decides_on_none(case: Case) -> None:
    board = board_of(case, 1, 1, 1)
    none = np.zeros(0, dtype=int)
    assert board.post(0, 0, Decision(none, none, 3)) == 3


@pytest.mark.parametrize("owners", [(0, 0, 0), (0, 1, 0)])
def test_schedules_are_read_from_the_slot_at_which_they_start(
    case: Case, owners: tuple[int, ...]
) -> None:
    """Rows of a schedule belong to the slots from its first one on."""
    board = board_of(case, *owners)
    rows = np.arange(12).reshape(4, 3)
    for controller, owned in enumerate(board.owned):
        board.post(controller, 1, Decision(rows[:, owned], 10 + rows[:, owned], 4))
    assert board.until() == 5
    channels, wavelengths = board.rows(2, 4)
    np.testing.assert_array_equal(channels, rows[1:3])
    np.testing.assert_array_equal(wavelengths, 10 + rows[1:3])


def test_controllers_decide_for_times_of_their_own(case: Case) -> None:
    board = board_of(case, 0, 1, 1)
    assert [owned.tolist() for owned in board.owned] == [[0], [1, 2]]
    board.post(0, 0, Decision([4], [5], 2))
    # fibres whose controller has not decided yet have nothing
    assert [rows.tolist() for rows in board.rows(0, 1)] == [[[4, 0, 0]], [[5, 0, 0]]]
    assert board.until() == 2
    board.post(1, 0, Decision([6, 7], [8, 9], 3))
    assert board.until() == 2
    board.post(0, 2, Decision([1], [2], 4))
    assert board.until() == 3
    assert [rows.tolist() for rows in board.rows(2, 3)] == [[[1, 6, 7]], [[2, 8, 9]]]


def test_only_a_single_controller_may_route(case: Case) -> None:
    routes = RouteTable.of([[PATH] * 2])
    board = board_of(case, 0, 1, 0)
    with pytest.raises(PolicyError, match="only a single controller may route"):
        board.post(1, 0, Decision([1], [1], 1, routes))
    assert board.routes is None


def test_routes_stand_until_others_are_given(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    board = board_of(case)
    routes, other = RouteTable.of([[PATH] * 2]), RouteTable.of([[PATH] * 2])
    checked: list[RouteTable] = []
    monkeypatch.setattr(
        "qnetsim.kernel.controllers.check_routes", lambda table, *rest: checked.append(table)
    )
    for given, stand in ((None, None), (routes, routes), (None, routes), (routes, routes)):
        board.post(0, 0, Decision(ONES, ONES, 1, given))
        assert board.routes is stand
    board.post(0, 0, Decision(ONES, ONES, 1, other))
    assert board.routes is other
    # the same table is looked through once
    assert [table is other for table in checked] == [False, True]


def test_bad_routes_do_not_stand(case: Case) -> None:
    board = board_of(case)
    with pytest.raises(PolicyError, match="2 requests; the scenario has 1"):
        board.post(0, 0, Decision(ONES, ONES, 1, RouteTable.of([[PATH] * 2] * 2)))
    assert board.routes is None


def test_times_of_decisions_add_up_and_are_told_once(case: Case) -> None:
    board = board_of(case, 0, 1, 1)
    for slot, seconds in ((2, 0.5), (2, 0.25), (3, 2.0), (4, 1.0)):
        board.took(slot, seconds)
    assert board.decide_seconds(2, 4).tolist() == [0.75, 2.0]
    assert board.decide_seconds(4, 6).tolist() == [1.0, 0.0]
    assert board.decide_seconds(2, 4).tolist() == [0.0, 0.0]


def check(case: Case, table: object) -> None:
    check_routes(table, case.network, case.forecast.pairs)  # type: ignore[arg-type]


@pytest.mark.parametrize("route", [PATH, Route((2, 1, 0), (1, 0)), BLOCKED])
def test_simple_paths_either_way_and_no_path_are_routes(case: Case, route: Route) -> None:
    check(case, RouteTable.of([[route, PATH]]))


def test_routes_that_nobody_takes_may_lead_elsewhere(case: Case) -> None:
    check(case, RouteTable((PATH, Route((2, 3), (2,))), np.array([[0, 0]])))


def test_a_table_without_levels_points_nowhere(case: Case) -> None:
    check(case, RouteTable((), np.zeros((1, 0), dtype=int)))


@pytest.mark.parametrize(
    "route",
    [
        Route((0, 1, 2), (0,)),
        Route((0, 1, 2), (0, 1, 2)),
        Route((0, 1), (0, 1)),
        Route((0, 1, 2), (0, 2)),
        Route((0, 1, 2), (1, 0)),
        Route((0, 2), (0,)),
        # -2 is fibre 1 counted from the end
        Route((0, 1, 2), (0, -2)),
        Route((0, 1, 2), (0, 3)),
        Route((0, 1, 0, 1, 2), (0, 0, 0, 1)),
        Route((), (0,)),
    ],
)
def test_what_is_no_simple_path_is_refused(case: Case, route: Route) -> None:
    with pytest.raises(PolicyError, match="is not a simple path of the topology"):
        check(case, RouteTable.of([[PATH, route]]))


def test_every_route_is_looked_at(case: Case) -> None:
    """Also those after a blocked one, and those that nobody takes."""
    broken = Route((0, 2), (0,))
    with pytest.raises(PolicyError, match="is not a simple path"):
        check(case, RouteTable((BLOCKED, PATH, broken), np.array([[0, 1]])))


@pytest.mark.parametrize("choice", [[[0, -1]], [[1, 0]], [[0, 2]]])
def test_choices_outside_the_routes_are_refused(case: Case, choice: list[list[int]]) -> None:
    with pytest.raises(PolicyError, match=r"choice points outside routes\.routes"):
        check(case, RouteTable((PATH,), np.array(choice)))


@pytest.mark.parametrize(
    "route", [Route((0, 1), (0,)), Route((1, 2), (1,)), Route((0, 1, 2, 3), (0, 1, 2))]
)
def test_routes_that_end_elsewhere_are_refused(case: Case, route: Route) -> None:
    with pytest.raises(PolicyError, match=r"request 0 joins \(0, 2\), its route .* does not"):
        check(case, RouteTable.of([[PATH, route]]))


def test_what_is_no_table_of_all_requests_is_refused(case: Case) -> None:
    with pytest.raises(PolicyError, match="routes is a list, not a RouteTable"):
        check(case, [PATH])
    with pytest.raises(PolicyError, match="routes has 2 requests; the scenario has 1"):
        check(case, RouteTable.of([[PATH] * 2] * 2))
    with pytest.raises(PolicyError, match="routes has 0 requests; the scenario has 1"):
        check(case, RouteTable((PATH,), np.zeros((0, 2), dtype=int)))


def test_a_controller_wakes_when_its_decision_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = line_case(tmp_path, slots=300)
    clock, asked, checked = Clock(), list[tuple[int, int, int]](), list[int]()

    class Patient(Policy):
        def decide(self, observation: Any) -> Decision:
            number, slot = observation
            asked.append((number, slot, int(clock.now)))
            return Decision([1], [1], 120)

    times = iter([1.0, 1.5, 2.0, 2.25, 7.0, 8.0])
    clocks = SimpleNamespace(perf_counter=lambda: next(times))
    monkeypatch.setattr("qnetsim.kernel.controllers.time", clocks)
    board = board_of(case, 0, 1, 0)
    observe: Any = lambda number, slot: (number, slot)  # noqa: E731
    controller = Controller(1, Patient(), board, observe)
    context = context_of(case, check=lambda: checked.append(int(clock.now)))
    clock.process(controller.process(clock, context))
    clock.run()
    ticks = [slot * 10**9 for slot in (0, 120, 240)]
    assert asked == [(1, slot, tick) for slot, tick in zip((0, 120, 240), ticks, strict=True)]
    # it may be stopped ahead of every decision
    assert checked == ticks
    seconds = board.decide_seconds(0, 300)
    assert {int(slot): float(seconds[slot]) for slot in np.flatnonzero(seconds)} == {
        0: 0.5,
        120: 0.25,
        240: 1.0,
    }
