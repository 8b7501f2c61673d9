"""Simulated time: one total order (tick, priority, entity) on top of SimPy's event queue."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import simpy
from simpy.core import SimTime
from simpy.events import NORMAL, Event, EventPriority


class Priority(IntEnum):
    """Order of what happens at one instant."""

    END_OF_SLOT = 1
    FAULTS = 2
    DECISION = 3
    PRODUCTION = 4
    ARRIVALS = 5
    FEL = 6


class Clock(simpy.Environment):
    """A SimPy environment whose events are ordered by (tick, priority, entity).

    SimPy orders by (time, priority, order of scheduling). Here its priority is
    ``priority * 2**32 + entity``, which leaves nothing to the order of scheduling.

    Attributes
    ----------
    scheduled : int
        Events scheduled so far; a measure of work that does not depend on the machine.
    """

    def __init__(self) -> None:
        self.scheduled = 0
        super().__init__(initial_time=0)

    def schedule(self, event: Event, priority: EventPriority = NORMAL, delay: SimTime = 0) -> None:
        """Count and schedule an event."""
        self.scheduled += 1
        super().schedule(event, priority, delay)

    def at(self, tick: int, priority: Priority, entity: int = 0) -> Event:
        """Return an event that happens at this instant, in this place of the order.

        Raises
        ------
        ValueError
            If the tick has passed.
        """
        if tick < self.now:
            raise ValueError(f"tick {tick} has passed; the clock stands at {self.now}")
        event: Any = Event(self)
        event._ok = True
        event._value = None
        order = EventPriority((int(priority) << 32) + entity)
        self.schedule(event, order, tick - self.now)
        return event  # type: ignore[no-any-return]
