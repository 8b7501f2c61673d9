"""Demand of others on the slots of qnetsim: rates by slot and node pair."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from qnetsim.arrays import BoolArray, FloatArray, IntArray
from qnetsim.errors import TrafficError
from qnetsim.plain_text import counted
from qnetsim.traffic.placing import REQUESTS, SlotStart, placed_on_slots, refuse_several_times
from qnetsim.traffic.raw_rows import MOST_ROWS, MOST_SLOTS, TrafficRows
from qnetsim.traffic.traffic_settings import AMOUNTS, RATES, TrafficSettings
from qnetsim.units import TICKS_PER_SECOND


@dataclass(frozen=True)
class RatesBySlot:
    """Rates by slot and pair of nodes.

    Attributes
    ----------
    slots, sources, targets : ndarray of int64, shape (rows,)
        Slot from 0, and positions of the ends.
    rates : ndarray of float64, shape (rows,)
    """

    slots: IntArray
    sources: IntArray
    targets: IntArray
    rates: FloatArray

    @property
    def ends(self) -> tuple[IntArray, IntArray]:
        """The smaller and the larger position of each row."""
        return np.minimum(self.sources, self.targets), np.maximum(self.sources, self.targets)

    def ordered(self) -> RatesBySlot:
        """The same rows by slot, pair and direction."""
        a, b = self.ends
        order = np.lexsort((self.sources, b, a, self.slots))
        return RatesBySlot(
            self.slots[order], self.sources[order], self.targets[order], self.rates[order]
        )


@dataclass(frozen=True)
class Traffic:
    """Demand by slot and node pair.

    Attributes
    ----------
    kind : str
        What the file is, in words.
    names : tuple of str
        Of nodes, as in the file.
    places : Mapping from str to str
        Where each name stands first.
    flows : RatesBySlot
        In order; rates in bit/s, or levels; ends by position in ``names``.
    unit : str
        ``'bps'`` or ``'level'``.
    slot_s : float or None
        Length of a slot; None where nobody said it.
    begins : SlotStart
        What slot 0 is.
    read, used : int
        Rows of the file, and those of them that are in the result.
    notes : tuple of str
        What was left out, added up or taken for granted.
    """

    kind: str
    names: tuple[str, ...]
    places: Mapping[str, str]
    flows: RatesBySlot
    unit: str
    slot_s: float | None
    begins: SlotStart
    read: int
    used: int
    notes: tuple[str, ...]

    @property
    def start(self) -> str:
        """What slot 0 is, in words."""
        return self.begins.text

    @property
    def first_slot(self) -> int:
        """First slot that has a row."""
        return int(self.flows.slots[0])

    @property
    def last_slot(self) -> int:
        """Last slot that has a row."""
        return int(self.flows.slots[-1])

    @property
    def pairs(self) -> int:
        """Node pairs, whatever the direction."""
        a, b = self.flows.ends
        return len(np.unique(a * len(self.names) + b))


def settled(name: str, rows: TrafficRows, settings: TrafficSettings) -> Traffic:
    """Put rows on slots, in one unit.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    rows : TrafficRows
    settings : TrafficSettings

    Raises
    ------
    TrafficError
        The unit or the length of a slot is not known, or the slots begin where nobody said.
    """
    if not rows.at:
        left = "".join(f" ({text})" for text in _reasons(rows))
        raise TrafficError(
            [f"{name}: has no demand between two nodes{left}; give at least one row"]
        )
    slot_s = _slot_length(name, rows, settings)
    unit, factor = _unit(name, rows, settings, slot_s)
    at = np.frombuffer(rows.at, dtype=np.int64)
    begins, slots = placed_on_slots(name, rows, settings, at, slot_s)
    inside = slots >= 0
    read, used = _counted(rows, inside)
    notes = [*rows.notes, *_left_out(name, rows, inside, begins.text)]
    slots = slots[inside]
    if int(slots.max()) >= MOST_SLOTS:
        raise TrafficError([f"{name}: reaches slot {int(slots.max()):,}; allowed: {MOST_SLOTS:,}"])
    adds_up = rows.kind == REQUESTS or (settings.rate_unit or rows.unit) in AMOUNTS
    if rows.counts == "time" and not adds_up:
        refuse_several_times(name, at[inside], slots, settings)
    flows = RatesBySlot(
        slots,
        np.frombuffer(rows.source, dtype=np.int64)[inside],
        np.frombuffer(rows.target, dtype=np.int64)[inside],
        np.frombuffer(rows.value, dtype=np.float64)[inside] * factor,
    ).ordered()
    if settings.directions == "sum":
        flows = _summed(flows, settings, notes)
    if rows.counts == "nothing" and settings.untimed != "in_turn":
        flows = _repeated(name, flows, settings.untimed or 1)
    names = tuple(rows.names)
    return Traffic(
        kind=rows.kind,
        names=names,
        places=dict(zip(names, rows.places, strict=True)),
        flows=flows,
        unit=unit,
        slot_s=slot_s,
        begins=begins,
        read=read,
        used=used,
        notes=(*notes, *_gaps(flows.slots)),
    )


def _left_out(name: str, rows: TrafficRows, inside: BoolArray, start: str) -> Iterator[str]:
    """What to say of rows that are not used.

    Raises
    ------
    TrafficError
        None is used.
    """
    if not inside.any():
        raise TrafficError([f"{name}: all of its rows are ahead of {start}, where slot 0 begins"])
    for reason in _reasons(rows):
        yield f"{reason}, left out"
    if not inside.all():
        read, used = _counted(rows, inside)
        ahead = read - used - sum(rows.left.values())
        if ahead:
            yield f"{counted(ahead, 'row')} ahead of {start}: left out"
        if rows.of_row:
            of_row = np.frombuffer(rows.of_row, dtype=np.int64)
            early = len(np.intersect1d(of_row[inside], of_row[~inside]))
            if early:
                yield (
                    f"{counted(early, 'row begins', 'rows begin')} ahead of {start}: only what "
                    "comes later is used"
                )


def _reasons(rows: TrafficRows) -> list[str]:
    return [f"{counted(count, 'row')} {what}" for what, count in rows.left.items()]


def _counted(rows: TrafficRows, inside: BoolArray) -> tuple[int, int]:
    """Rows of the file, and those of them of which something is used."""
    left = sum(rows.left.values())
    if not rows.of_row:
        return len(inside) + left, int(inside.sum())
    of_row = np.frombuffer(rows.of_row, dtype=np.int64)
    return len(np.unique(of_row)) + left, len(np.unique(of_row[inside]))


def _slot_length(name: str, rows: TrafficRows, settings: TrafficSettings) -> float | None:
    given = settings.slot_s
    if given and rows.slot_s and given != rows.slot_s:
        raise TrafficError(
            [
                f"{name}: says that its slots are {rows.slot_s:g} s long, and "
                f"{settings.named('slot_s', f'{given:g}')} is given; give {rows.slot_s:g}"
            ]
        )
    found = given or rows.slot_s or None
    if found is None and rows.counts == "time":
        times = np.unique(np.frombuffer(rows.at, dtype=np.int64))
        steps = np.diff(times)
        least = f"{int(steps.min()) / TICKS_PER_SECOND:g}" if len(steps) else "300"
        raise TrafficError(
            [
                f"{name}: has times, and no length of a slot; give "
                f"{settings.named('slot_s', least)}" + (" (the least step)" if len(steps) else "")
            ]
        )
    return found


def _unit(
    name: str, rows: TrafficRows, settings: TrafficSettings, slot_s: float | None
) -> tuple[str, float]:
    """Unit of the result, and the factor to it."""
    given = settings.rate_unit
    if given and rows.unit and given != rows.unit:
        raise TrafficError(
            [
                f"{name}: says that its unit is {rows.unit}, and "
                f"{settings.named('rate_unit', given)} is given; give {rows.unit}, or another "
                f"{settings.named('rate_factor')}"
            ]
        )
    unit = given or rows.unit
    if not unit:
        allowed = ", ".join((*RATES, *AMOUNTS, "level"))
        raise TrafficError(
            [
                f"{name}: does not say the unit of its rates; give "
                f"{settings.named('rate_unit')} ({allowed}; bits and bytes are those of a slot)"
            ]
        )
    if unit == "level":
        return "level", settings.rate_factor
    if unit in RATES:
        return "bps", RATES[unit] * settings.rate_factor
    if slot_s is None:
        raise TrafficError(
            [
                f"{name}: {unit} of a slot become a rate by its length; give "
                f"{settings.named('slot_s')}, in seconds"
            ]
        )
    return "bps", AMOUNTS[unit] * settings.rate_factor / slot_s


def _summed(flows: RatesBySlot, settings: TrafficSettings, notes: list[str]) -> RatesBySlot:
    """Rows of one slot and pair added up, whatever their direction."""
    a, b = flows.ends
    new = np.ones(len(a), dtype=bool)
    new[1:] = (np.diff(flows.slots) != 0) | (np.diff(a) != 0) | (np.diff(b) != 0)
    first = np.flatnonzero(new)
    if len(first) < len(a):
        sizes = np.diff(np.append(first, len(a)))
        turned = np.add.reduceat((flows.sources > flows.targets).astype(np.int64), first)
        both = int(((turned > 0) & (turned < sizes)).sum())
        which = f" ({counted(both, 'time')} of both directions)" if both else ""
        notes.append(
            f"{counted(len(a) - len(first), 'row')} beside another of the same slot and node "
            f"pair: added up{which}; {settings.named('directions', settings.quoted('keep'))} "
            "makes requests of their own of them"
        )
    return RatesBySlot(flows.slots[first], a[first], b[first], np.add.reduceat(flows.rates, first))


def _repeated(name: str, flows: RatesBySlot, slots: int) -> RatesBySlot:
    """The same demand in so many slots."""
    count = len(flows.slots)
    if count * slots > MOST_ROWS:
        raise TrafficError(
            [f"{name}: has {counted(count, 'row')} in {counted(slots, 'slot')}, too many"]
        )
    return RatesBySlot(
        np.repeat(np.arange(slots, dtype=np.int64), count),
        np.tile(flows.sources, slots),
        np.tile(flows.targets, slots),
        np.tile(flows.rates, slots),
    )


def _gaps(slots: IntArray) -> list[str]:
    have = len(np.unique(slots))
    whole = int(slots[-1]) - int(slots[0]) + 1
    if have == whole:
        return []
    empty = counted(whole - have, "slot between them has", "slots between them have")
    return [f"{empty} no row, and no demand"]
