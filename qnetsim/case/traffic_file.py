"""Write demand of others as files that scenarios read: a recording, or a table of means."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from qnetsim.plain_text import spreadsheet_cell
from qnetsim.trace.files.demand_file import COLUMNS
from qnetsim.trace.hdf5.files import replacing
from qnetsim.traffic import Traffic

#: Rows that are turned into text together.
ROWS_AT_ONCE = 10**5


def write_recording(traffic: Traffic, path: Path, force: bool = False) -> None:
    """Write demand as ``slot,source,target,rate``, for ``recording.file``.

    Raises
    ------
    TraceError, UsageError
        The file cannot be written, exists, or is read by the same command.
    """
    _write(path, COLUMNS, _rows(traffic), force)


def write_means(traffic: Traffic, path: Path, force: bool = False) -> None:
    """Write the mean rate of each node pair, for ``demand.means``.

    The mean is over all slots from the first row to the last; a slot without a row of the pair
    counts as one without demand.

    Raises
    ------
    TraceError, UsageError
        As :func:`write_recording`.
    """
    column = "mean" if traffic.unit == "level" else "mean_rate_bps"
    _write(path, ("source", "target", column), _means(traffic), force)


def _write(
    path: Path, header: tuple[str, ...], rows: Iterator[tuple[object, ...]], force: bool
) -> None:
    with (
        replacing(path, force) as fresh,
        fresh.open("w", encoding="utf-8", newline="") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)


def _rows(traffic: Traffic) -> Iterator[tuple[object, ...]]:
    names = [spreadsheet_cell(name) for name in traffic.names]
    flows = traffic.flows
    for first in range(0, len(flows.slots), ROWS_AT_ONCE):
        part = slice(first, first + ROWS_AT_ONCE)
        for slot, a, b, rate in zip(
            flows.slots[part].tolist(),
            flows.sources[part].tolist(),
            flows.targets[part].tolist(),
            flows.rates[part].tolist(),
            strict=True,
        ):
            yield slot, names[a], names[b], f"{rate:.15g}"


def _means(traffic: Traffic) -> Iterator[tuple[object, ...]]:
    names = [spreadsheet_cell(name) for name in traffic.names]
    flows = traffic.flows
    a, b = flows.ends
    slots = traffic.last_slot - traffic.first_slot + 1
    pairs, which = np.unique(a * len(names) + b, return_inverse=True)
    totals = np.bincount(which, weights=flows.rates)
    for pair, total in zip(pairs.tolist(), totals.tolist(), strict=True):
        yield names[pair // len(names)], names[pair % len(names)], f"{total / slots:.15g}"
