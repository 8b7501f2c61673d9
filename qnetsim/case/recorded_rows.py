"""Rows of recorded demand, as its file has them: qnetsim's own lists, and formats of others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qnetsim.csv_rows import read_csv
from qnetsim.errors import CsvError, QnetsimError
from qnetsim.input_files import read_start
from qnetsim.plain_text import counted
from qnetsim.scenario import RecordingTable
from qnetsim.trace.files.demand_file import COLUMNS, DemandRows, read_demand
from qnetsim.trace.hdf5.files import is_hdf5
from qnetsim.traffic import Columns, Traffic, TrafficSettings, read_traffic
from qnetsim.traffic.csv_lists import find_columns

#: Bytes of a file in which its header must be.
HEAD_BYTES = 2**16


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
    start : str
        What the first slot is; empty where the first slot is that of the list.
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
    start: str = ""
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
            return RecordedRows(rows.cells, table.first_slot, table.rate_unit, "", notes, rows)
        traffic = read_traffic(table.file, settings)
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
    left = traffic.read - traffic.used
    notes = (*traffic.notes, *((f"{counted(left, 'row')} left out",) if left else ()))
    return RecordedRows(cells, 0, traffic.unit, traffic.start, notes, traffic=traffic)


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
    wanted = [getattr(named, key) or key for key in COLUMNS]
    if is_hdf5(path):
        return tuple(wanted)
    others = (table.first_time, table.untimed, named.time, named.arrival, named.holding)
    if table.directions == "sum" or table.nodes or any(key is not None for key in others):
        return None
    start = read_start(path, HEAD_BYTES, "file of recorded demand")
    text = start.decode("utf-8-sig", "replace").replace("\r", "\n")
    lines = (line for line in text.split("\n") if line.strip() and line.strip()[0] != "#")
    try:
        header = read_csv(str(path), next(lines, ""))
    except CsvError:
        # the reader of lists says what is wrong with it
        return tuple(wanted)
    found = find_columns(header, settings)
    if "slot" not in found or "holding" in found or not found.keys() & {*COLUMNS[1:]}:
        return None
    return tuple(
        header.header[found[key]] if key in found else name
        for key, name in zip(COLUMNS, wanted, strict=True)
    )
