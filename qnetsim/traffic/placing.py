"""Where the slots of a file begin, and which slot a row belongs to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.errors import TrafficError
from qnetsim.plain_text import counted
from qnetsim.traffic.raw_rows import TrafficRows
from qnetsim.traffic.times import EPOCH_S, date_of, shown_time
from qnetsim.traffic.traffic_settings import TrafficSettings
from qnetsim.units import TICKS_PER_SECOND, seconds_to_ticks

#: Kind of a list of requests, whose first one need not come at once.
REQUESTS = "list of requests with arrival and holding times"


@dataclass(frozen=True)
class SlotStart:
    """What slot 0 is.

    Attributes
    ----------
    text : str
    counts : str
        ``'slot'``, ``'time'`` or ``'nothing'``, as of the rows.
    at : int
        Number of the slot in the file, or nanoseconds.
    ticks : int
        Length of a slot, for times.
    """

    text: str
    counts: str
    at: int
    ticks: int = 0

    def setting(self, slot: int) -> str | None:
        """The key of a recording that makes a slot the first; None without times and slots."""
        if self.counts == "slot":
            return f"recording.first_slot = {self.at + slot}"
        if self.counts == "nothing":
            return None
        time = self.at + slot * self.ticks
        since_1970 = time >= EPOCH_S * TICKS_PER_SECOND
        shown = shown_time(time) if since_1970 else f"{time / TICKS_PER_SECOND:.15g}"
        return f'recording.first_time = "{shown}"'


def placed_on_slots(
    name: str,
    rows: TrafficRows,
    settings: TrafficSettings,
    at: IntArray,
    slot_s: float | None,
) -> tuple[SlotStart, IntArray]:
    """What slot 0 is, and the slot of each row; negative ahead of the first."""
    _refuse_wrong_start(name, rows, settings)
    if rows.counts == "nothing":
        return SlotStart("the whole demand, which has no times", rows.counts, 0), at
    if rows.counts == "slot":
        first = settings.first_slot
        if first is None:
            refuse_late_start(name, at, settings)
            first = 0
        return first_slot(first), at - first
    assert slot_s is not None
    try:
        ticks = seconds_to_ticks(slot_s)
    except ValueError as error:
        raise TrafficError([f"{settings.named('slot_s')}: {error}"]) from None
    begin = int(at.min())
    if settings.first_time is not None:
        begin = first_time(settings)
    elif begin < EPOCH_S * TICKS_PER_SECOND:
        begin = 0
        if rows.kind != REQUESTS:
            refuse_late_start(name, at // ticks, settings, slot_s)
    return SlotStart(shown_time(begin), rows.counts, begin, ticks), (at - begin) // ticks


def first_slot(number: int) -> SlotStart:
    """Slot 0 of a file that numbers its slots."""
    return SlotStart(f"slot {number} of the file", "slot", number)


def first_time(settings: TrafficSettings) -> int:
    """When slot 0 begins, in nanoseconds, as a user says.

    Raises
    ------
    TrafficError
    """
    found = date_of(settings.first_time or "")
    if isinstance(found, str):
        raise TrafficError([f"{settings.named('first_time')}: {found}"])
    return found


def _refuse_wrong_start(name: str, rows: TrafficRows, settings: TrafficSettings) -> None:
    """Refuse a start that this kind of file does not have."""
    for key, given, counts in (
        ("first_slot", settings.first_slot, "slot"),
        ("first_time", settings.first_time, "time"),
    ):
        if given is not None and rows.counts != counts:
            have = {"slot": "slots", "time": "times", "nothing": "no times"}[rows.counts]
            raise TrafficError([f"{name}: has {have}; leave {settings.named(key)} out"])
    if settings.untimed is not None and rows.counts != "nothing":
        raise TrafficError([f"{name}: has {rows.counts}s; leave {settings.named('untimed')} out"])


def refuse_late_start(
    name: str, slots: IntArray, settings: TrafficSettings, slot_s: float | None = None
) -> None:
    """Refuse slots that begin at 1, or at an epoch, unless somebody says where they begin.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    slots : ndarray of int64
        As they stand in the file.
    settings : TrafficSettings
    slot_s : float, optional
        Given where the slots were worked out from times.

    Raises
    ------
    TrafficError
    """
    least, last = int(slots.min()), int(slots.max())
    if least <= 0 or (least > 1 and least <= last - least):
        return
    key = "first_slot" if slot_s is None else "first_time"
    begin = str(least) if slot_s is None else settings.quoted(repr(least * slot_s))
    zero = "0" if slot_s is None else settings.quoted("0")
    what = "counts its slots from 1" if least == 1 else "counts its slots from an epoch"
    raise TrafficError(
        [
            f"{name}: its first row is in slot {least} and its last in slot {last}; give "
            f"{settings.named(key, begin)} where it {what}, or {settings.named(key, zero)} where "
            "there is no demand ahead of it"
        ]
    )


def refuse_several_times(
    name: str, at: IntArray, slots: IntArray, settings: TrafficSettings
) -> None:
    """Refuse rates of several times in one slot: nobody said whether they add up."""
    times, filled = len(np.unique(at)), len(np.unique(slots))
    if times > filled:
        raise TrafficError(
            [
                f"{name}: has rates of {counted(times, 'time')} in {counted(filled, 'slot')}; give "
                f"the step of its times as {settings.named('slot_s')}"
            ]
        )
