"""What is recorded of FEL rounds: one row for each, set-ups included."""

from __future__ import annotations

import numpy as np
import pytest

from qnetsim.fel.messages import KINDS, Message
from qnetsim.kernel.round_table import HELD_OUT, RoundTable, round_index
from qnetsim.vocabulary import RoundStatus


def test_rows_are_numbered_task_by_task() -> None:
    tasks, numbers = round_index([2, 1])
    assert tasks.tolist() == [0, 0, 0, 1, 1]
    assert numbers.tolist() == [0, 1, 2, 0, 1]
    assert tasks.dtype == numbers.dtype == np.int64
    assert [rows.tolist() for rows in round_index([])] == [[], []]


def test_nothing_has_happened_at_first() -> None:
    columns = RoundTable([2, 1]).columns
    assert all(len(values) == 5 for values in columns.values())
    assert columns["round_key_bits"].shape == (5, len(KINDS))
    for name, values in columns.items():
        if name in ("loss", "accuracy", *HELD_OUT):
            assert np.isnan(values).all()
        else:
            assert not values.any()
    assert columns["round_status"].dtype == np.uint8
    assert RoundTable([]).columns["round_status"].shape == (0,)


def changed(table: RoundTable, name: str) -> dict[int, object]:
    """Rows of a column that are not as they were at first."""
    fresh = RoundTable([2, 1]).columns[name]
    values = table.columns[name]
    same = (values == fresh) | ((values != values) & (fresh != fresh))
    return {int(row): values[row].item() for row in np.flatnonzero(~same)}


@pytest.fixture
def begun() -> RoundTable:
    table = RoundTable([2, 1])
    table.begin(1, 1, 70)
    return table


def test_a_round_runs_from_when_it_begins(begun: RoundTable) -> None:
    assert changed(begun, "round_status") == {4: RoundStatus.RUNNING}
    assert changed(begun, "started_ns") == {4: 70}


@pytest.mark.parametrize(("workers", "status"), [(2, RoundStatus.DONE), (0, RoundStatus.LOST)])
def test_a_round_ends(begun: RoundTable, workers: int, status: RoundStatus) -> None:
    begun.end(1, 1, 100, workers, 0.25 if workers else None, 0.5)
    assert changed(begun, "round_status") == {4: status}
    assert changed(begun, "started_ns") == {4: 70}
    assert changed(begun, "duration_ns") == {4: 30}
    assert changed(begun, "round_workers") == ({4: 2} if workers else {})
    assert changed(begun, "loss") == ({4: 0.25} if workers else {})
    assert changed(begun, "accuracy") == {4: 0.5}


@pytest.mark.parametrize("workers", [0, 3])
def test_a_set_up_has_neither_loss_nor_accuracy(workers: int) -> None:
    table = RoundTable([2, 1])
    table.begin(0, 0, 5)
    table.end(0, 0, 9, workers, 0.5, 0.5)
    assert changed(table, "round_status") == {0: RoundStatus.DONE}
    assert changed(table, "loss") == changed(table, "accuracy") == {}


def test_messages_waits_and_bits_add_up() -> None:
    table = RoundTable([2, 1])
    one, other = (Message(KINDS[kind], "a", "b", (), 1, padded=False) for kind in (0, 19))
    table.took(0, 2, one, 8)
    table.took(0, 2, one, 16)
    table.took(0, 2, other, 24)
    table.took(1, 0, one, 32)
    bits = table.columns["round_key_bits"]
    places = {(int(r), int(k)): int(bits[r, k]) for r, k in np.argwhere(bits)}
    assert places == {(2, 0): 24, (2, 19): 24, (3, 0): 32}
    table.exchanged(0, 1, 3, 5)
    table.exchanged(0, 1, 4, 6)
    assert changed(table, "round_messages") == {1: 7}
    assert changed(table, "waited_ns") == {1: 11}
