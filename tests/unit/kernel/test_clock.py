"""Simulated time: what is scheduled is counted, and nothing happens in the past."""

from __future__ import annotations

import pytest

from qnetsim.kernel.clock import Clock, Priority


def test_what_is_scheduled_is_counted() -> None:
    clock = Clock()
    assert (clock.now, clock.scheduled) == (0, 0)
    clock.at(5, Priority.FEL)
    clock.at(0, Priority.FAULTS, 7)
    assert clock.scheduled == 2
    clock.run()
    assert (clock.now, clock.scheduled) == (5, 2)


def test_an_event_happens_now_or_later() -> None:
    clock = Clock()
    clock.at(5, Priority.FEL)
    clock.run()
    clock.at(5, Priority.FEL)
    with pytest.raises(ValueError, match="tick 4 has passed; the clock stands at 5"):
        clock.at(4, Priority.FEL)
