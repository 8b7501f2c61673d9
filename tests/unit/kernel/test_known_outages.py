"""Failures and repairs: when they hold, when they are known, and how they cut slots."""

from __future__ import annotations

import numpy as np
import pytest

from qnetsim.kernel.serving.outages import Outages
from qnetsim.world.faults import FaultEvents


def outages(*events: tuple[int, int, int]) -> Outages:
    """Three fibres, slots of ten ticks, known after four; events are (tick, fibre, down)."""
    made = Outages(3, 10, 4)
    made.add(FaultEvents.of([(tick, fibre, 0, fibre, down) for tick, fibre, down in events]))
    return made


#: Two things on fibre 1 fail, one after the other, and fibre 0 fails for a moment.
EVENTS = ((3, 1, 1), (5, 1, 1), (12, 1, 0), (15, 0, 1), (16, 0, 0), (20, 1, 0))


@pytest.mark.parametrize(
    ("tick", "known"),
    [
        (0, ()),
        (6, ()),
        (7, (1,)),
        (8, (1,)),
        (18, (1,)),
        (19, (0, 1)),
        (20, (1,)),
        (23, (1,)),
        (24, ()),
        (99, ()),
    ],
)
def test_outages_are_known_after_a_delay(tick: int, known: tuple[int, ...]) -> None:
    followed = outages(*EVENTS)
    assert followed.known_at(tick) == known
    # looking ahead changes nothing
    assert followed.known_at(tick) == known


def cut(followed: Outages, first: int, slots: int) -> tuple[list[int], dict[int, tuple[str, int]]]:
    """First phases of the slots, and by tick what is down and how many are known to be."""
    phases = followed.phases(first, slots, len)
    down = ["".join(str(f) for f in np.flatnonzero(row)) for row in phases.down]
    ticks = phases.tick.tolist()
    holds = zip((down[m] for m in phases.mask), phases.table.tolist(), strict=True)
    return phases.first.tolist(), dict(zip(ticks, holds, strict=True))


def test_slots_are_cut_where_something_changes() -> None:
    first, holds = cut(outages(*EVENTS), 0, 3)
    assert first == [0, 5, 10, 12]
    assert holds == {
        0: ("", 0),
        3: ("1", 0),
        5: ("1", 0),
        7: ("1", 1),
        9: ("1", 1),
        10: ("1", 1),
        12: ("1", 1),
        15: ("01", 1),
        16: ("1", 1),
        19: ("1", 2),
        20: ("", 1),
        24: ("", 0),
    }


def test_intervals_go_on_where_the_last_one_ended() -> None:
    followed = outages(*EVENTS)
    assert cut(followed, 0, 1) == (
        [0, 5],
        {0: ("", 0), 3: ("1", 0), 5: ("1", 0), 7: ("1", 1), 9: ("1", 1)},
    )
    assert followed.known_at(10) == (1,)
    assert cut(followed, 1, 1) == (
        [0, 5],
        {10: ("1", 1), 12: ("1", 1), 15: ("01", 1), 16: ("1", 1), 19: ("1", 2)},
    )
    # what happens at the start of a slot holds from then on
    assert cut(followed, 2, 2) == ([0, 2, 3], {20: ("", 1), 24: ("", 0), 30: ("", 0)})
    assert followed.known_at(40) == ()


def test_without_events_every_slot_is_one_phase() -> None:
    followed = outages()
    assert cut(followed, 4, 2) == ([0, 1, 2], {40: ("", 0), 50: ("", 0)})


def test_each_set_of_fibres_is_one_mask() -> None:
    phases = outages(*EVENTS).phases(0, 3, len)
    assert phases.down.tolist() == [[False] * 3, [False, True, False], [True, True, False]]
    assert phases.mask.tolist() == [0, 1, 1, 1, 1, 1, 1, 2, 1, 1, 0, 0]


def test_events_of_later_chunks_are_put_in_order() -> None:
    """What is known late of one chunk comes after what happens early in the next one."""
    followed = outages((8, 2, 1))
    followed.add(FaultEvents.of([(11, 0, 0, 0, 1)]))
    assert cut(followed, 0, 2) == (
        [0, 2, 6],
        {0: ("", 0), 8: ("2", 0), 10: ("2", 0), 11: ("02", 0), 12: ("02", 1), 15: ("02", 2)},
    )


def test_what_held_before_an_interval_is_no_mask_of_it() -> None:
    followed = outages(*EVENTS)
    followed.phases(0, 2, len)
    assert followed.phases(2, 1, len).down.tolist() == [[False] * 3]
