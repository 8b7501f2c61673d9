"""What a user says of a file of foreign demand: its columns, its units, where its time begins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from qnetsim.errors import argument

#: Units of a rate: what one of them is in bit/s.
RATES = {"bps": 1, "kbps": 10**3, "Mbps": 10**6, "Gbps": 10**9}
#: Units of an amount in a slot: what one of them is in bits.
AMOUNTS = {"bits": 1, "bytes": 8}
#: Names under which lists have their columns, where the user names none.
USUAL = {
    "slot": ("slot",),
    "time": ("time", "timestamp", "datetime", "date"),
    "source": ("source", "src", "from", "origin"),
    "target": ("target", "destination", "dst", "dest", "to"),
    "rate": ("rate", "bandwidth", "demand", "traffic", "value", "bw"),
    "arrival": ("arrival", "arrival_time"),
    "holding": ("holding", "holding_time", "duration"),
}


@dataclass(frozen=True)
class Columns:
    """Names of the columns; None where the usual names are looked for."""

    slot: str | None = None
    time: str | None = None
    source: str | None = None
    target: str | None = None
    rate: str | None = None
    arrival: str | None = None
    holding: str | None = None
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrafficSettings:
    """What a user says of a file.

    Attributes
    ----------
    columns : Columns
    rate_unit : str, optional
        A key of ``RATES`` or ``AMOUNTS``, or ``'level'``; None where the file says it.
    rate_factor : float
        What every rate is multiplied by.
    slot_s : float, optional
        Length of a slot; None where the file says it.
    first_slot : int, optional
        Number that the file gives the first slot.
    first_time : str, optional
        When the first slot begins.
    directions : str
        ``'sum'``: the rows of one slot and node pair are one request, in either direction;
        ``'keep'``: each is a request of its own.
    untimed : int or str, optional
        Slots for which demand without times stands; ``'in_turn'``: one row after the other, each
        for a slot.
    nodes : tuple of str
        Names of the nodes, for matrices that have none.
    of_recording : bool
        Whether messages speak of keys of a ``[recording]`` table.
    """

    columns: Columns = field(default_factory=Columns)
    rate_unit: str | None = None
    rate_factor: float = 1.0
    slot_s: float | None = None
    first_slot: int | None = None
    first_time: str | None = None
    directions: Literal["sum", "keep"] = "sum"
    untimed: int | Literal["in_turn"] | None = None
    nodes: tuple[str, ...] = ()
    of_recording: bool = False

    def named(self, key: str, value: str = "") -> str:
        """A setting as the user knows it, for a message: ``--slot-s 300``."""
        if self.of_recording:
            return f"recording.{key} = {value}" if value else f"recording.{key}"
        return argument(key, value)

    def quoted(self, value: str) -> str:
        """Text as it is written where settings are given."""
        return f'"{value}"' if self.of_recording else value

    def column_named(self, column: str, value: str = "NAME") -> str:
        """The setting that names a column, for a message: ``--column time=NAME``."""
        if self.of_recording:
            return f'recording.columns.{column} = "{value}"'
        return f"{argument('column')} {column}={value}"
