"""A column of a trace: its place, dimensions, type, unit and meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["u1", "i2", "i4", "i8", "f8", "str"]


@dataclass(frozen=True)
class Column:
    """One dataset of a trace.

    ``dims`` names its dimensions; a first dimension ``slot`` grows during the run. A
    ``volatile`` column holds wall-clock times and stays out of the content digest. ``flags`` names
    the values 0, 1, … of a column of flags. ``since`` is the format that brought the column; in
    older files it reads as ``fill``, and so do rows that were never written. A ``running``
    column is rewritten at every flush. ``counter`` is the path of the column that says how many
    rows there are up to the end of each slot, where the first dimension is one of its own.
    """

    group: str
    name: str
    dims: tuple[str, ...]
    kind: Kind
    units: str
    meaning: str
    volatile: bool = False
    flags: tuple[str, ...] = ()
    since: tuple[int, int] = (1, 0)
    fill: int = 0
    running: bool = False
    counter: str = ""

    @property
    def path(self) -> str:
        """Place in the file."""
        return f"{self.group}/{self.name}"

    @property
    def grows(self) -> bool:
        """Whether rows are appended slot by slot."""
        return self.dims[0] == "slot"

    @property
    def fixed(self) -> bool:
        """Whether it is whole before the first slot."""
        return not (self.grows or self.counter or self.running)


def index(group: str, dim: str, meaning: str, since: tuple[int, int] = (1, 0)) -> Column:
    """The column that numbers a dimension of a group."""
    return Column(group, dim, (dim,), "i8", "1", meaning, since=since)
