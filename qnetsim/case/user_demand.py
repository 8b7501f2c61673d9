"""Recorded demand made part of a scenario: rows become requests and levels, bad rows are named."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import frozen
from qnetsim.case.recorded_rows import (
    RecordedRows,
    recorded_rows,
    refuse_no_file,
    settings_of,
)
from qnetsim.case.summed_rows import id_of, summed_by_id
from qnetsim.case.used_rows import RowsInFile
from qnetsim.errors import QnetsimError, SettingError
from qnetsim.network import Network, Topology, build_network
from qnetsim.network.node_names import NodeNames
from qnetsim.plain_text import counted
from qnetsim.scenario import DemandTable, RecordingTable, Scenario
from qnetsim.scenario.tables.fields import MAX_LEVELS
from qnetsim.trace.files.demand_file import demand_digest
from qnetsim.traffic import Traffic
from qnetsim.traffic.placing import refuse_late_start
from qnetsim.traffic.traffic_settings import AMOUNTS, RATES
from qnetsim.units import exact

#: Bad rows that are spelled out.
MOST_PROBLEMS = 20
#: Longest recording in slots of a run, and most levels in one.
MOST_SLOTS = 10**8
MOST_LEVELS = 2 * 10**9
#: Highest number of a slot in a file.
MOST_NUMBER = 10**15


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
    found = _checked(path, rows, table, slot_s, level_bits, topology)
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


class _Checked(NamedTuple):
    """Slots, node pairs and levels of rows, and how many rows lie ahead of the first slot."""

    slots: list[int]
    pairs: list[tuple[str, str]]
    levels: list[int]
    ahead: int


def _checked(
    path: Path,
    rows: RecordedRows,
    table: RecordingTable,
    slot_s: float,
    level_bits: int,
    topology: Topology,
) -> _Checked:
    """Check all rows.

    Raises
    ------
    ValueError
        With one line for each bad row.
    """
    place = {name: i for i, name in enumerate(topology.nodes)}
    names = NodeNames(topology)
    component = topology.components()
    if rows.traffic is not None:
        _refuse_unknown(rows.traffic, names)
    cells = _as_named(rows.cells, names)
    factor = _levels_in_one(rows, table, slot_s, level_bits)
    # a factor or a share of a slot has made parts of whole levels
    whole = rows.unit == "level" and (rows.traffic is None or table.rate_factor == 1)
    known: dict[str, int | str] = {}
    first = rows.first_slot or 0
    ahead = 0
    slots = []
    pairs = []
    levels = []
    problems = []
    for row, (slot, source, target, rate) in enumerate(cells):
        wrong = _slot_problem(slot, first) or _pair_problem(source, target, names, component)
        if not wrong:
            if rate not in known:
                known[rate] = _level(rate, factor, whole)
            level = known[rate]
            if isinstance(level, int):
                slots.append(int(float(slot)) - first)
                a, b = sorted((source, target), key=place.__getitem__)
                pairs.append((a, b))
                levels.append(level)
                continue
            wrong = level
        problems.append(f"{path}{rows.where(row)}: {wrong}")
    if problems:
        more = len(problems) - MOST_PROBLEMS
        raise ValueError(
            "\n".join(
                problems[:MOST_PROBLEMS] + ([f"{path}: and {more} bad rows more"] * (more > 0))
            )
        )
    if rows.first_slot is None:
        refuse_late_start(str(path), np.array(slots, dtype=np.int64), settings_of(table))
    elif ahead := sum(slot < 0 for slot in slots):
        kept = [i for i, slot in enumerate(slots) if slot >= 0]
        if not kept:
            raise ValueError(f"{path}: all of its rows are ahead of recording.first_slot = {first}")
        slots = [slots[i] for i in kept]
        pairs = [pairs[i] for i in kept]
        levels = [levels[i] for i in kept]
    return _Checked(slots, pairs, levels, ahead)


def _refuse_unknown(traffic: Traffic, names: NodeNames) -> None:
    """Refuse demand of others that names nodes which the network does not have.

    Raises
    ------
    ValueError
        With the place of each name.
    """
    lines = []
    for name in traffic.names:
        try:
            names.find(id_of(name, names))
        except LookupError as error:
            lines.append(f"{traffic.places[name]}: {_not_a_node(name, error, names)}")
    if lines:
        more = len(lines) - MOST_PROBLEMS
        lines = lines[:MOST_PROBLEMS] + [f"and {more} names more"] * (more > 0)
        raise ValueError("\n".join(lines))


def _not_a_node(name: str, error: LookupError, names: NodeNames) -> str:
    """Why a name is not that of one node."""
    if names.known(name):
        return str(error.args[0])
    where = Path(names.topology.name).name
    return f"{name!r} is not a node of {where}; {names.instead_of(name)}"


def _levels_in_one(
    rows: RecordedRows, table: RecordingTable, slot_s: float, level_bits: int
) -> Fraction:
    """Levels in one of the unit of the rates: level = ⌈rate · Δ / bits of a level⌉."""
    # traffic has its factor in its rates
    times = exact(table.rate_factor) if rows.traffic is None else Fraction(1)
    if rows.unit == "level":
        return times
    if rows.unit in AMOUNTS:
        bps = AMOUNTS[rows.unit] / exact(table.slot_s)
    else:
        bps = Fraction(RATES[rows.unit])
    return times * bps * exact(slot_s) / level_bits


def _as_named(
    cells: tuple[tuple[str, str, str, str], ...], names: NodeNames
) -> Iterator[tuple[str, str, str, str]]:
    """Rows with the ids of nodes; ``qnetsim demand`` writes some with an apostrophe ahead."""
    known: dict[str, str] = {}
    for slot, source, target, rate in cells:
        for name in (source, target):
            if name not in known:
                known[name] = id_of(name, names)
        yield slot, known[source], known[target], rate


def _slot_problem(text: str, first: int) -> str | None:
    allowed = "give an integer >= 0"
    if "_" in text:
        return f"slot {text!r} is not a number; {allowed}"
    try:
        value = float(text)
    except ValueError:
        return f"slot {text!r} is not a number; {allowed}"
    if not abs(value) <= MOST_NUMBER or value != int(value) or (value < 0 and first >= 0):
        early = f", or recording.first_slot = {int(value)}" if -MOST_NUMBER <= value < 0 else ""
        return f"slot {text!r} is not a slot; {allowed}{early}"
    return None


def _pair_problem(
    source: str, target: str, names: NodeNames, component: Sequence[int]
) -> str | None:
    found = []
    for key, node in (("source", source), ("target", target)):
        try:
            found.append(names.find(node))
        except LookupError as error:
            return f"{key} {_not_a_node(node, error, names)}"
    if source == target:
        return f"joins node {source!r} to itself; give two different nodes"
    if component[found[0]] != component[found[1]]:
        return f"no path joins {source!r} and {target!r}"
    return None


def _level(text: str, factor: Fraction, whole: bool) -> int | str:
    """Level of a rate, or what is wrong with the rate."""
    if "_" in text:
        return f"rate {text!r} is not a number; give a number >= 0"
    try:
        rate = float(text)
    except ValueError:
        return f"rate {text!r} is not a number; give a number >= 0"
    if not math.isfinite(rate) or rate < 0:
        return f"rate {text!r} is not a rate; give a number >= 0"
    if whole and rate != int(rate):
        return f"rate {text!r} is not a level; give an integer >= 0, or another rate_unit"
    level = math.ceil(exact(rate) * factor)
    if level >= MAX_LEVELS:
        return (
            f"rate {text!r} is level {level}; allowed: levels below {MAX_LEVELS} "
            "(check rate_unit, or raise network.key_rate_bps)"
        )
    return level


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
