"""Recorded demand made part of a scenario: rows become requests and levels, bad rows are named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import frozen
from qnetsim.case.recorded_rows import (
    recorded_rows,
    refuse_no_file,
)
from qnetsim.case.row_checks import checked_rows
from qnetsim.case.summed_rows import summed_by_id
from qnetsim.case.used_rows import RowsInFile
from qnetsim.errors import QnetsimError, SettingError
from qnetsim.network import Network, Topology, build_network
from qnetsim.network.node_names import NodeNames
from qnetsim.plain_text import counted
from qnetsim.scenario import DemandTable, RecordingTable, Scenario
from qnetsim.trace.files.demand_file import demand_digest
from qnetsim.units import exact

#: Longest recording in slots of a run, and most levels in one.
MOST_SLOTS = 10**8
MOST_LEVELS = 2 * 10**9


@dataclass(frozen=True)
class RecordedDemand:
    """Demand of a file on a network.

    Attributes
    ----------
    pairs : tuple of (str, str)
        Node pair of each request. Rows of one slot and pair are requests of their own.
    levels : ndarray of int16, shape (slots, requests)
        Level in each slot of a run; zero where the file has no row. Without the slots of the
        forecast.
    forecast : ndarray of int64, shape (levels,)
        How often each level occurs in the slots of the forecast; empty without any.
    sha256 : str
    rows : RowsInFile
    """

    pairs: tuple[tuple[str, str], ...]
    levels: npt.NDArray[np.int16]
    forecast: npt.NDArray[np.int64]
    sha256: str
    rows: RowsInFile

    def window(self, replication: int, slots: int) -> npt.NDArray[np.int16]:
        """Levels of a replication: the next ``slots`` slots for each of them.

        Raises
        ------
        SettingError
            The recording is too short.
        """
        first = replication * slots
        if first + slots > len(self.levels):
            text = (
                f"the recording has {counted(len(self.levels), 'slot')} to simulate, and "
                f"replication {replication} of {counted(slots, 'slot')} ends at {first + slots}; "
                "lower run.slots or the number of replications"
            )
            raise SettingError([(("run", "slots"), text)])
        return self.levels[first : first + slots]


def with_recording(scenario: Scenario) -> Scenario:
    """Scenario with the requests, and where asked the forecast, of its recording filled in.

    Raises
    ------
    SettingError
        Naming every bad row.
    """
    table = scenario.recording
    if table is None:
        return scenario
    network = build_network(scenario.network, scenario.cost, scenario.run.slot_s)
    found = recorded_demand(scenario, network)
    highest = max(int(found.levels.max(initial=0)), len(found.forecast) - 1)
    demand = scenario.demand
    run = scenario.run
    levels = demand.levels if "levels" in demand.model_fields_set else max(highest + 1, 2)
    if highest >= levels:
        text = (
            f"is {levels}, and the recording asks for level {highest} of "
            f"{network.level_bits / scenario.run.slot_s:g} bit/s; give {highest + 1} or more"
        )
        raise SettingError([(("demand", "levels"), text)])
    if "replications" not in run.model_fields_set:
        run = run.model_copy(update={"replications": 1})
    if "slots" not in run.model_fields_set:
        run = run.model_copy(update={"slots": len(found.levels) // run.replications})
    return scenario.model_copy(
        update={
            "demand": demand_of(
                scenario.model_copy(
                    update={"demand": demand.model_copy(update={"levels": levels})}
                ),
                found,
            ),
            "run": run,
            "recording": table.model_copy(update={"sha256": found.sha256}),
        }
    )


def demand_of(scenario: Scenario, found: RecordedDemand) -> DemandTable:
    """Demand of a scenario with the requests of a recording and, where asked, its forecast."""
    assert scenario.recording is not None
    demand = scenario.demand
    changes: dict[str, object] = {"pairs": found.pairs, "coupling": "independent"}
    if scenario.recording.forecast_slots:
        shares = np.zeros(demand.levels)
        shares[: len(found.forecast)] = found.forecast / found.forecast.sum()
        changes |= {"kind": "table", "probabilities": tuple(shares.tolist())}
    return demand.model_copy(update=changes)


def recorded_demand(scenario: Scenario, network: Network) -> RecordedDemand:
    """Read the recording of a scenario.

    Raises
    ------
    SettingError
        It cannot be read, has changed, or has bad rows; each is named with its place.
    """
    assert scenario.recording is not None
    try:
        # the digest is part of the key, so that a changed file is read anew
        refuse_no_file(scenario.recording.file)
        sha256 = demand_digest(Path(scenario.recording.file))
        return _read(
            sha256, scenario.recording, scenario.run.slot_s, network.level_bits, network.topology
        )
    except (ValueError, QnetsimError) as error:
        lines = str(error).splitlines()
        raise SettingError([(("recording", "file"), line) for line in lines]) from None


@lru_cache(maxsize=2)
def _read(
    sha256: str, table: RecordingTable, slot_s: float, level_bits: int, topology: Topology
) -> RecordedDemand:
    path = Path(table.file)
    if table.sha256 not in {None, sha256}:
        raise ValueError(f"{path}: has changed: its SHA-256 is {sha256}, not {table.sha256}")
    times = exact(table.slot_s) / exact(slot_s)
    if times.denominator != 1:
        raise ValueError(
            f"{path}: its slots of {table.slot_s:g} s are no whole multiple of a slot of "
            f"{slot_s:g} s; change run.slot_s"
        )
    rows = summed_by_id(recorded_rows(table), table, NodeNames(topology))
    if not rows.cells:
        raise ValueError(f"{path}: has no row; give at least one")
    found = checked_rows(path, rows, table, slot_s, level_bits, topology)
    each = int(times)
    requests, columns = _requests(found.slots, found.pairs)
    count = max(found.slots) + 1
    if count * each > MOST_SLOTS or count * len(requests) > MOST_LEVELS:
        raise ValueError(
            f"{path}: has {counted(count * each, 'slot')} of {slot_s:g} s and "
            f"{counted(len(requests), 'request')} in one; "
            f"allowed: {MOST_SLOTS:,} slots, {MOST_LEVELS:,} levels in all"
        )
    whole = np.zeros((count, len(requests)), dtype=np.int16)
    whole[found.slots, columns] = found.levels
    if table.forecast_slots >= count:
        raise ValueError(
            f"{path}: has {counted(count, 'slot')}, and recording.forecast_slots takes "
            f"{table.forecast_slots} of them; leave at least one to simulate"
        )
    early = whole[: table.forecast_slots]
    return RecordedDemand(
        requests,
        np.repeat(whole[table.forecast_slots :], each, axis=0),
        np.bincount(early.ravel()) if early.size else np.zeros(0, dtype=np.int64),
        sha256,
        RowsInFile(
            slots=frozen(found.slots, np.int64),
            ahead=found.ahead,
            begins=rows.begins,
            forecast_slots=table.forecast_slots,
            slots_each=each,
            notes=rows.notes,
        ),
    )


def _requests(
    slots: Sequence[int], pairs: Sequence[tuple[str, str]]
) -> tuple[tuple[tuple[str, str], ...], list[int]]:
    """Requests, and the request of each row: the n-th row of a pair in a slot is its n-th."""
    seen: Counter[tuple[int, tuple[str, str]]] = Counter()
    column: dict[tuple[tuple[str, str], int], int] = {}
    columns = []
    for slot, pair in zip(slots, pairs, strict=True):
        nth = seen[slot, pair]
        seen[slot, pair] += 1
        columns.append(column.setdefault((pair, nth), len(column)))
    # in order of the pairs, so that the order of rows in a slot does not matter
    order = sorted(column, key=lambda key: (key[1], key[0]))
    rank = {column[key]: i for i, key in enumerate(order)}
    return tuple(pair for pair, _ in order), [rank[c] for c in columns]
