"""Rows of demand as they stand in a file, before slots and units are settled."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from qnetsim.errors import TrafficError
from qnetsim.plain_text import counted

#: Rows and slots of a file, and problems that are spelled out.
MOST_ROWS = 5 * 10**7
MOST_SLOTS = 10**8
MOST_PROBLEMS = 20
#: Rows that are left out, and why.
OWN = "from a node to itself: no demand on the network"
ZERO = "of a request that stands for no time"
MULTICAST = "of multicast demand, which joins no two nodes"


class Problems:
    """Problems of one file, of which the first are spelled out."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._texts: list[str] = []
        self._count = 0

    def add(self, text: str) -> None:
        """Note a problem."""
        self._count += 1
        if self._count <= MOST_PROBLEMS:
            self._texts.append(text)

    def refuse(self) -> None:
        """Refuse a file that has any.

        Raises
        ------
        TrafficError
        """
        if self._count > MOST_PROBLEMS:
            more = counted(self._count - MOST_PROBLEMS, "bad cell")
            self._texts.append(f"{self._name}: and {more} more")
        if self._count:
            raise TrafficError(self._texts)


@dataclass
class TrafficRows:
    """Rows of a file, column by column.

    Attributes
    ----------
    kind : str
        What the file is, in words.
    counts : str
        What ``at`` counts: ``'slot'``, ``'time'`` (ns since 1970 or since zero) or ``'nothing'``.
    unit : str
        That the file itself says; empty where it says none.
    slot_s : float
        That the file itself says; zero where it says none.
    names : dict
        Position of each node's name.
    places : list of str
        Where each name stands first.
    at, source, target, value : array
        Slot or time, positions of the ends, rate or amount in the unit of the file.
    of_row : array
        Row of the file that each of them is a part of; empty where each is one of its own.
    left : dict
        Rows that are left out, by what they are.
    notes : list of str
        What else has to be said.
    """

    kind: str
    counts: str = "slot"
    unit: str = ""
    slot_s: float = 0.0
    names: dict[str, int] = field(default_factory=dict)
    places: list[str] = field(default_factory=list)
    at: array[int] = field(default_factory=lambda: array("q"))
    source: array[int] = field(default_factory=lambda: array("q"))
    target: array[int] = field(default_factory=lambda: array("q"))
    value: array[float] = field(default_factory=lambda: array("d"))
    of_row: array[int] = field(default_factory=lambda: array("q"))
    left: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, at: int, source: str, target: str, value: float, where: str) -> None:
        """Add a row.

        Raises
        ------
        TrafficError
            There are too many.
        """
        if source == target:
            self.leave(OWN)
            return
        if len(self.at) == MOST_ROWS:
            raise TrafficError([f"{where}: is row {MOST_ROWS + 1:,}, too many to read"])
        self.at.append(at)
        self.source.append(self.node(source, where))
        self.target.append(self.node(target, where))
        self.value.append(value)

    def leave(self, what: str) -> None:
        """Count a row that is left out."""
        self.left[what] = self.left.get(what, 0) + 1

    def node(self, name: str, where: str) -> int:
        """Position of a name."""
        place = self.names.setdefault(name, len(self.names))
        if place == len(self.places):
            self.places.append(where)
        return place


def rate_of(text: str) -> float | str:
    """The number in a cell, or what is wrong with it."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if re.fullmatch(r"\d+,\d+", text):
        point = text.replace(",", ".")
        return f"{text!r} is not a rate; write a point for the decimal comma: {point}"
    if "_" in text or not math.isfinite(value) or value < 0:
        return (
            f"{text!r} is not a rate; give a number >= 0, such as 3.5, or 0 where there was no "
            "demand"
        )
    return value


def name_problem(names: Iterable[str]) -> str | None:
    """What is wrong with names of nodes."""
    for name in names:
        if not name:
            return "a node has no name; give one"
        if not name.isprintable() or len(name) > 200:
            return f"{name[:50]!r} is not a name of a node; give at most 200 printable characters"
    return None
