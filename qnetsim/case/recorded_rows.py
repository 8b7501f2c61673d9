"""Rows of recorded demand, as its file has them: qnetsim's own lists, and formats of others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qnetsim.case.any_demand import names_of, read_any_demand
from qnetsim.csv_rows import read_csv
from qnetsim.errors import CsvError, QnetsimError
from qnetsim.input_files import read_start
from qnetsim.plain_text import counted
from qnetsim.scenario import RecordingTable
from qnetsim.trace.files.demand_file import COLUMNS, DemandRows, read_demand
from qnetsim.trace.hdf5.files import is_hdf5
from qnetsim.traffic import Columns, Traffic, TrafficSettings
from qnetsim.traffic.archives import PACKED
from qnetsim.traffic.csv_lists import find_columns
from qnetsim.traffic.placing import SlotStart, first_slot

#: Bytes of a file in which its header must be.
HEAD_BYTES = 2**16
#: First bytes of what is no list: archives, packed files, text of two bytes for each character.
OF_OTHERS = (b"PK", *PACKED, b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class RecordedRows:
    """Rows of a recording, unchecked.

    Attributes
    ----------
    cells : tuple of tuple of (str, str, str, str)
        Slot, source, target and rate of each row, as text.
    first_slot : int or None
        Number of the first slot in ``cells``; None where nobody said it.
    unit : str
        Of the rates, as in ``recording.rate_unit``.
    begins : SlotStart
        What the first slot is.
    notes : tuple of str
        What has to be said of the file.
    own : DemandRows or None
        The list that they come from.
    traffic : Traffic or None
        The demand in the format of others that they come from.
    """

    cells: tuple[tuple[str, str, str, str], ...]
    first_slot: int | None
    unit: str
    begins: SlotStart
    notes: tuple[str, ...] = ()
    own: DemandRows | None = None
    traffic: Traffic | None = None

    def where(self, row: int) -> str:
        """Place of a row, for messages, as it follows the name of the file."""
        if self.own is not None:
            return self.own.where(row)
        slot, source, target, _ = self.cells[row]
        return f": slot {slot}, {source}–{target}"


def recorded_rows(table: RecordingTable) -> RecordedRows:
    """Read the rows of a recording.

    Raises
    ------
    ValueError
        The file cannot be read; with one line for each problem.
    """
    path = Path(table.file)
    settings = settings_of(table)
    try:
        names = _list_of_slots(path, table, settings)
        if names is not None:
            rows = read_demand(path, names)
            unused = ", ".join(rows.unused[:20])
            notes = (f"columns that are not used: {unused}",) if unused else ()
            begins = first_slot(table.first_slot or 0)
            return RecordedRows(rows.cells, table.first_slot, table.rate_unit, begins, notes, rows)
        traffic = read_any_demand(table.file, settings)
    except QnetsimError as error:
        raise ValueError(str(error)) from None
    flows = traffic.flows
    cells = tuple(
        (str(slot), traffic.names[a], traffic.names[b], f"{rate:.15g}")
        for slot, a, b, rate in zip(
            flows.slots.tolist(),
            flows.sources.tolist(),
            flows.targets.tolist(),
            flows.rates.tolist(),
            strict=True,
        )
    )
    said = traffic.notes
    if traffic.read != len(cells):
        said = (
            f"they come from {traffic.used:,} of the file's {counted(traffic.read, 'row')}",
            *said,
        )
    return RecordedRows(cells, 0, traffic.unit, traffic.begins, said, traffic=traffic)


def refuse_no_file(file: str) -> None:
    """Refuse what ``qnetsim demand import`` reads, and a scenario cannot keep a digest of.

    Raises
    ------
    ValueError
        Saying how it becomes a file.
    """
    _, topohub, name = file.rpartition("topohub:")
    what = f"topohub:{name}" if topohub else file
    if topohub or Path(file).is_dir():
        noun = "a name" if topohub else "a folder"
        raise ValueError(
            f"{what}: is {noun}, not a file of recorded demand; `qnetsim demand import {what} "
            "--out demand.csv` makes one of it"
        )


def settings_of(table: RecordingTable) -> TrafficSettings:
    """What a ``[recording]`` table says of its file."""
    columns = Columns() if table.columns is None else Columns(**dict(table.columns))
    return TrafficSettings(
        columns=columns,
        rate_unit=table.rate_unit,
        rate_factor=table.rate_factor,
        slot_s=table.slot_s,
        first_slot=table.first_slot,
        first_time=table.first_time,
        directions=table.directions or "sum",
        untimed=table.untimed,
        nodes=table.nodes,
        of_recording=True,
    )


def _list_of_slots(
    path: Path, table: RecordingTable, settings: TrafficSettings
) -> tuple[str, ...] | None:
    """Columns of a list by slot whose rows stay apart; None for all else."""
    named = settings.columns
    wanted = names_of(named)
    others = (table.first_time, table.untimed, named.time, named.arrival, named.holding)
    if table.directions == "sum" or table.nodes or any(key is not None for key in others):
        return None
    if is_hdf5(path):
        return wanted if not named.ignore else None
    start = read_start(path, HEAD_BYTES, "file of recorded demand")
    if b"\0" in start or start.startswith(OF_OTHERS) or start.lstrip().startswith((b"<", b"{")):
        return None
    text = start.decode("utf-8-sig", "replace").replace("\r", "\n")
    lines = (line for line in text.split("\n") if line.strip() and line.strip()[0] != "#")
    try:
        header = read_csv(str(path), next(lines, ""))
    except CsvError:
        # the reader of lists says what is wrong with it
        return wanted
    found = find_columns(header, settings)
    if "slot" not in found or "holding" in found or not found.keys() & {*COLUMNS[1:]}:
        return None
    return tuple(
        header.header[found[key]] if key in found else name
        for key, name in zip(COLUMNS, wanted, strict=True)
    )
