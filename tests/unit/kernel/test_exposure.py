"""Keys that trusted relays saw, of requests and of FEL messages, and paths that are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qnetsim.kernel import Relay
from qnetsim.kernel.key_managers import KEPT_TABLES, KeyManagers, _proportional
from qnetsim.kernel.serving.state import REQUEST
from qnetsim.network import Route, RouteTable
from tests.support.helpers import Scripted, run
from tests.support.lines import context_of, line_case

#: Level 1 in every slot.
ALWAYS = 'kind = "table"\nprobabilities = [0, 1]'


@pytest.fixture
def managers(tmp_path: Path) -> KeyManagers:
    return KeyManagers(context_of(line_case(tmp_path)))


def test_relays_inside_fibres_and_nodes_between_them_see_a_key(managers: KeyManagers) -> None:
    managers.expose(Route((0, 1, 2, 3), (0, 1, 2)), 24)
    # the fibre in the middle is one segment, so no relay is in it
    assert managers.seen_by_fibre_relays.tolist() == [24, 0, 24]
    assert managers.seen_by_nodes.tolist() == [0, 24, 24, 0]
    managers.expose(Route((2, 1, 0), (1, 0)), 8)
    assert managers.seen_by_fibre_relays.tolist() == [32, 0, 24]
    assert managers.seen_by_nodes.tolist() == [0, 32, 24, 0]
    # nobody is between the ends of a single segment
    managers.expose(Route((2, 1), (1,)), 8)
    assert managers.seen_by_nodes.tolist() == [0, 32, 24, 0]
    assert {name: seen.tolist() for name, seen in managers.totals.items()} == {
        "relay_bits": [32, 0, 24],
        "node_bits": [0, 32, 24, 0],
    }


def table() -> RouteTable:
    return RouteTable.of([[Route((0, 1, 2), (0, 1))] * 2])


def test_paths_of_a_table_are_made_once(managers: KeyManagers) -> None:
    one, other = table(), table()
    made = managers._paths_of(one)
    assert made.routes is one
    assert managers._paths_of(one) is made
    # tables are told apart by who they are: comparing their arrays takes time, and says no more
    assert managers._paths_of(other).routes is other
    again = replace(one)
    assert managers._paths_of(again).routes is again
    assert managers._paths_of(one) is made


def test_a_few_tables_are_kept(managers: KeyManagers) -> None:
    tables = [table() for _ in range(KEPT_TABLES)]
    made = [managers._paths_of(routes) for routes in tables]
    assert all(managers._paths_of(t) is known for t, known in zip(tables, made, strict=True))
    managers._paths_of(table())
    assert len(managers._paths) == 1
    assert managers._paths_of(tables[0]) is not made[0]


def test_pools_are_what_lies_between_head_and_tail(managers: KeyManagers) -> None:
    managers.state.tail[:] = np.arange(10, 16).reshape(2, 3)
    managers.state.head[1] = 4
    assert managers.pool_bits.tolist() == [[10, 11, 12], [9, 10, 11]]


@pytest.mark.parametrize("relayed", [False, True])
def test_queue_and_log_grow_to_twice_what_asks(tmp_path: Path, relayed: bool) -> None:
    case = line_case(tmp_path, pairs='["a", "c"], ["a", "b"]')
    relay = Relay(case.network, case.forecast, 1, 0) if relayed else None
    managers = KeyManagers(context_of(case, relay=relay))
    assert len(managers.state.queue) == 4
    assert len(managers.state.log) == (12 if relayed else 0)
    slots: Any = SimpleNamespace(phase=np.array([0, 1]))
    managers.state.size[0] = 5
    managers.state.queue[:, REQUEST] = 7, 8, 9, 7
    managers._make_room(slots)
    # five wait and two arrive
    assert len(managers.state.queue) == 14
    assert managers.state.queue[:4, REQUEST].tolist() == [7, 8, 9, 7]
    assert len(managers.state.log) == (42 if relayed else 0)
    managers.state.size[0] = 2
    managers._make_room(slots)
    assert len(managers.state.queue) == 14


@pytest.mark.parametrize("kernel", ["loop", "numpy"])
@pytest.mark.parametrize("requests", [1, 2, 3, 4, 5])
def test_every_delivery_is_carried(tmp_path: Path, requests: int, kernel: str) -> None:
    """However many rows the log has room for at first."""
    pairs = ", ".join(['["a", "c"]'] * requests)
    case = line_case(tmp_path, more=ALWAYS, pairs=pairs)
    relay = Relay(case.network, case.forecast, 1, 0)
    rows = np.ones((6, 3), dtype=np.int64)
    found = run(case, Scripted(rows, rows, hold=3), kernel=kernel, relay=relay)
    assert found.columns["served"].tolist() == [requests] * 6
    assert relay.deliveries == 6 * requests
    assert relay.bits == 6000 * requests


@pytest.mark.parametrize(
    ("need", "requests", "answer"),
    [
        ([[0, 0], [3, 4], [6, 8]], 5, True),
        ([[0, 0], [3, 4], [6, 9]], 5, False),
        ([[1, 0], [3, 4]], 5, False),
        ([[0, 0], [3, 4]], 2**30 - 1, True),
        # sums of levels have 31 bits
        ([[0, 0], [3, 4]], 2**30, False),
        ([[0, 0]], 5, False),
    ],
)
def test_levels_are_added_up_where_that_is_exact(
    need: list[list[int]], requests: int, answer: bool
) -> None:
    assert _proportional(np.array(need), requests) is answer
