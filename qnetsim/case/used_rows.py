"""Which rows of a recording there are, and what becomes of each in a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qnetsim.arrays import IntArray
from qnetsim.plain_text import counted

if TYPE_CHECKING:
    from qnetsim.traffic.placing import SlotStart


@dataclass(frozen=True)
class RowsInFile:
    """Which rows of a recording there are, and which are used.

    Attributes
    ----------
    slots : ndarray of int64, shape (rows,)
        Slot of each row in slots of the file, from the first one.
    ahead : int
        Rows ahead of the first slot, which are left out.
    begins : SlotStart
        What the first slot is.
    forecast_slots : int
        First slots, which make the forecast.
    slots_each : int
        Slots of a run in one of the file.
    notes : tuple of str
    """

    slots: IntArray
    ahead: int
    begins: SlotStart
    forecast_slots: int
    slots_each: int
    notes: tuple[str, ...]

    def remedy(self, run_slots: int, replications: int) -> str:
        """What makes a run simulate a row, where it simulates none."""
        early = self.forecast_slots
        target = int(self.slots[self.slots >= early].min())
        ways = []
        setting = self.begins.setting(target - early)
        # rows of a forecast would be left out by a later start
        if setting and target > early and not (self.slots < early).any():
            ways.append(f"give {setting}")
        longest = (int(self.slots.max()) + 1 - early) * self.slots_each
        need = -(-((target - early) * self.slots_each + 1) // replications)
        if need * replications <= longest:
            ways.append(f"raise run.slots to {need}")
        else:
            ways.append(f"give run.replications = 1 and run.slots = {longest}")
        return ", or ".join(ways)

    def use(self, run_slots: int) -> RowsUsed:
        """Which rows a run of so many slots, all replications together, uses."""
        end = self.forecast_slots + -(-run_slots // self.slots_each)
        early = int((self.slots < self.forecast_slots).sum())
        late = int((self.slots >= end).sum())
        return RowsUsed(
            first_slot=int(self.slots.min()),
            last_slot=int(self.slots.max()),
            start=self.begins.text,
            forecast=early,
            simulated=len(self.slots) - early - late,
            ahead=self.ahead,
            after=late,
            simulated_slots=(self.forecast_slots, end - 1),
            notes=self.notes,
        )


@dataclass(frozen=True)
class RowsUsed:
    """Rows of a recording by what becomes of them in a run.

    Attributes
    ----------
    first_slot, last_slot : int
        Of the rows, in slots of the file from its first one.
    start : str
        What the first slot is.
    forecast, simulated, ahead, after : int
        Rows that make the forecast, that are simulated, and that are left out: ahead of the first
        slot, and after the last one that is simulated.
    simulated_slots : tuple of (int, int)
        First and last slot of the file that is simulated.
    notes : tuple of str
        What else has to be said of the file.
    """

    first_slot: int
    last_slot: int
    start: str
    forecast: int
    simulated: int
    ahead: int
    after: int
    simulated_slots: tuple[int, int]
    notes: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it in one line."""
        rows = self.forecast + self.simulated + self.ahead + self.after
        left = self.ahead + self.after
        parts = [
            f"{counted(rows, 'row')} in slots {self.first_slot} to {self.last_slot}, where slot 0 "
            f"is {self.start}",
            f"{counted(self.simulated, 'row')} simulated (slots {self.simulated_slots[0]} to "
            f"{self.simulated_slots[1]})",
        ]
        if self.forecast:
            parts.append(f"{counted(self.forecast, 'row')} for the forecast")
        parts.append(f"{counted(left, 'row')} left out")
        return "; ".join([*parts, *self.notes])
