"""The first decision in which two runs differ, and their sums from there on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.errors import TraceError
from qnetsim.plain_text import counted
from qnetsim.trace import Trace, open_trace
from qnetsim.trace.schema import WORLD
from qnetsim.vocabulary import BILL_COLUMNS, COST_COLUMNS

#: What a policy reserves on each fibre.
RESERVED = ("qkd_channels", "km_wavelengths")
#: After how many slots sums are given, beside all of them.
SUMMED_SLOTS = (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)
#: Slots that are read at once.
BLOCK_SLOTS = 16_384
#: Sums from the first difference on, by name: the columns that they add up.
SUMS = {
    "cost": tuple(f"slots/{name}" for name in BILL_COLUMNS),
    "reservation_bits": ("slots/reservation_consumed_bits",),
    "on_demand_bits": ("slots/on_demand_consumed_bits",),
    "blocked": ("slots/blocked",),
}
#: The same sums in words.
SUM_LABELS = {
    "cost": "cost",
    "reservation_bits": "reserved keys used, bit",
    "on_demand_bits": "keys on demand, bit",
    "blocked": "blocked",
}


@dataclass(frozen=True)
class FibreChange:
    """A fibre on which two decisions differ: reserved by the first and by the second.

    ``label`` is the fibre's own name, "" for none, ``name`` how it is shown.
    """

    source: str
    target: str
    qkd_channels: tuple[int, int]
    km_wavelengths: tuple[int, int]
    label: str
    name: str


@dataclass(frozen=True)
class SumsToSlot:
    """Sums of both runs from the first difference to the end of a slot.

    Attributes
    ----------
    slot : int
        The last slot that is summed.
    sums : dict of (float, float)
        Of the first and of the second run, by the names of ``SUMS``.
    """

    slot: int
    sums: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Divergence:
    """Comparison of two runs, decision by decision.

    Attributes
    ----------
    slots : int
        Slots that both have.
    world : str
        How their worlds differ first; empty for the same world.
    slot : int or None
        First slot in which what is reserved differs; None where it never does.
    fibres : tuple of FibreChange
        All fibres on which it differs in that slot.
    marks : tuple of SumsToSlot
        Sums from there on; from slot 0 where no decision differs.
    """

    slots: int
    world: str
    slot: int | None
    fibres: tuple[FibreChange, ...]
    marks: tuple[SumsToSlot, ...]

    @property
    def same(self) -> bool:
        """Whether the worlds are equal and no decision differs."""
        return self.slot is None and not self.world


def diverge(one: Path | str, other: Path | str) -> Divergence:
    """Compare two traces.

    Raises
    ------
    TraceError
        They are of other networks, or one holds no slot.
    """
    with open_trace(one) as a, open_trace(other) as b:
        return divergence_of(a, b)


def divergence_of(a: Trace, b: Trace) -> Divergence:
    """Compare two open traces; see :func:`diverge`."""
    slots = min(a.slots, b.slots)
    if not slots:
        raise TraceError(f"{(a if not a.slots else b).path}: holds no complete slot")
    refuse_other_fibres(a, b)
    slot = first_difference(a, b, slots)
    changes = () if slot is None else _fibre_changes(a, b, slot)
    marks = tuple(_sums_to_slots(a, b, slot or 0, slots))
    return Divergence(
        slots=slots,
        world=world_difference(a, b),
        slot=slot,
        fibres=changes,
        marks=marks,
    )


def refuse_other_fibres(a: Trace, b: Trace) -> None:
    """Refuse two traces whose fibres are not the same.

    Raises
    ------
    TraceError
    """
    one, other = (
        [*(t.column(f"fibres/{end}").tolist() for end in ("source", "target")), t.fibre_labels()]
        for t in (a, b)
    )
    if one != other:
        raise TraceError(
            f"{a.path} and {b.path} are runs on other networks: {len(one[0])} and "
            f"{counted(len(other[0]), 'fibre')}, or others; give traces of one network"
        )


def _blocks(
    a: Trace, b: Trace, name: str, first: int, slots: int
) -> Iterator[tuple[int, npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Rows of a column in both traces, block by block, each with its first slot."""
    for start in range(first, slots, BLOCK_SLOTS):
        end = min(start + BLOCK_SLOTS, slots)
        yield start, a.column(name, start, end), b.column(name, start, end)


def first_difference(a: Trace, b: Trace, slots: int) -> int | None:
    """First slot in which the reservations of two runs differ; None where none does."""
    found = slots
    for name in RESERVED:
        for start, x, y in _blocks(a, b, f"decisions/{name}", 0, found):
            apart = (x != y).any(axis=1)
            if apart.any():
                found = start + int(np.argmax(apart))
                break
    return None if found == slots else found


def _fibre_changes(a: Trace, b: Trace, slot: int) -> tuple[FibreChange, ...]:
    """Fibres on which the reservations of two runs differ in a slot."""
    amounts = {
        name: [t.column(f"decisions/{name}", slot, slot + 1)[0] for t in (a, b)]
        for name in RESERVED
    }
    apart = np.zeros(len(amounts[RESERVED[0]][0]), dtype=bool)
    for x, y in amounts.values():
        apart |= x != y
    sources, targets = (a.column(f"fibres/{end}") for end in ("source", "target"))
    labels = a.fibre_labels() or [""] * len(sources)
    names = a.fibre_names()

    def pair(name: str, fibre: int) -> tuple[int, int]:
        x, y = amounts[name]
        return int(x[fibre]), int(y[fibre])

    return tuple(
        FibreChange(
            str(sources[e]),
            str(targets[e]),
            pair("qkd_channels", e),
            pair("km_wavelengths", e),
            labels[e],
            names[e],
        )
        for e in np.flatnonzero(apart).tolist()
    )


def _sums_to_slots(a: Trace, b: Trace, first: int, slots: int) -> Iterator[SumsToSlot]:
    """Sums of both runs over the first ``SUMMED_SLOTS`` slots from ``first`` on."""
    ends = sorted({*(first + m for m in SUMMED_SLOTS if first + m < slots), slots})
    both = [_cumulative_sums(trace, first, ends) for trace in (a, b)]
    for i, end in enumerate(ends):
        sums = {name: (float(both[0][name][i]), float(both[1][name][i])) for name in SUMS}
        yield SumsToSlot(end - 1, sums)


def _cumulative_sums(trace: Trace, first: int, ends: list[int]) -> dict[str, FloatArray]:
    """Sums of slots ``first .. end − 1`` for each end."""
    found = {}
    for name, columns in SUMS.items():
        total = 0.0
        sums = []
        start = first
        for end in ends:
            while start < end:
                stop = min(start + BLOCK_SLOTS, end)
                total += sum(
                    float(trace.column(c, start, stop).sum(dtype=np.float64)) for c in columns
                )
                start = stop
            sums.append(total)
        found[name] = np.array(sums)
    return found


def cost_path(trace: Trace, points: int) -> tuple[IntArray, FloatArray]:
    """Cumulative cost at about so many slots, the last one among them.

    Returns
    -------
    slots : ndarray of int64
        Slots that have ended.
    cost : ndarray of float64
    """
    ends = np.unique(np.linspace(0, trace.slots, points + 1).astype(np.int64))[1:]
    parts = [
        np.sum(blocks, axis=0)
        for blocks in zip(*(trace.blocks(f"slots/{name}") for name in BILL_COLUMNS), strict=True)
    ]
    return ends, np.cumsum(np.concatenate(parts))[ends - 1]


def world_difference(a: Trace, b: Trace) -> str:
    """First value in which two worlds differ; empty where they do not."""
    if a.attribute("world_digest") == b.attribute("world_digest") != "":
        return ""
    slots = min(a.slots, b.slots)
    for column in WORLD.columns:
        if column.name in COST_COLUMNS:
            continue  # prices are no part of a world
        if column.grows and column.name != "slot":
            for start, x, y in _blocks(a, b, column.path, 0, slots):
                if x.shape != y.shape:
                    return f"{column.path} has {x.shape[1]} and {counted(y.shape[1], 'column')}"
                if (x != y).any():
                    row, at = np.argwhere(x != y)[0].tolist()
                    return (
                        f"slot {start + row}, {column.dims[1]} {at}: {column.path} is "
                        f"{x[row, at]} and {y[row, at]}"
                    )
        elif not column.grows:
            x, y = (trace.column(column.path) for trace in (a, b))
            if x.shape != y.shape:
                return f"{column.path} has {len(x)} and {counted(len(y), 'value')}"
            if (x != y).any():
                at = int(np.argmax(x != y))
                return f"{column.dims[0]} {at}: {column.path} is {x[at]} and {y[at]}"
    if a.slots != b.slots:
        return f"the worlds are {a.slots:,} and {counted(b.slots, 'slot')} long"
    return ""
