"""Work of a group goes to one process while there is other work for the others."""

from __future__ import annotations

from collections.abc import Hashable
from concurrent.futures import Future

from qnetsim.pool_queue import PoolQueue, Work


def queue(*groups: Hashable) -> PoolQueue:
    made = PoolQueue()
    for number, group in enumerate(groups):
        made.put(Work(Future(), abs, (number,), group))
    return made


def taken(made: PoolQueue, last: Hashable = None, others: tuple[Hashable, ...] = ()) -> Hashable:
    work = made.take(last, others)
    return (*work.given, work.group)


def test_without_groups_it_comes_in_order() -> None:
    made = queue(None, None, None)
    assert [taken(made) for _ in range(3)] == [(0, None), (1, None), (2, None)]
    assert len(made) == 0


def test_a_process_goes_on_with_its_group_and_leaves_those_of_others() -> None:
    made = queue("a", "b", "a", "b", "c")
    assert taken(made, None) == (0, "a")
    assert taken(made, None, ("a",)) == (1, "b")
    assert taken(made, "b", ("a",)) == (3, "b")
    assert taken(made, "b", ("a",)) == (4, "c")
    # nothing is left but the group of the other one
    assert taken(made, "c", ("a",)) == (2, "a")


def test_processes_without_a_group_of_their_own_spread_over_those_that_are_left() -> None:
    made = queue("a", "a", "b", "b", "c", "c")
    assert taken(made, None, ("a", "b", "c", "a")) == (2, "b")
    assert taken(made, None, ("a", "b", "c", "a", "b")) == (4, "c")
    assert taken(made, None, ("a", "b", "c", "a", "b", "c")) == (0, "a")


def test_all_that_waits_is_counted_and_can_be_taken() -> None:
    made = queue("a", "b", "a")
    taken(made, "a")
    assert len(made) == 2
    assert [work.given for work in made.empty()] == [(2,), (1,)]
    assert len(made) == 0
    assert made.empty() == []
