"""The rows of a recording checked: slots, node pairs and levels; each bad row gets its own line."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qnetsim.case.recorded_rows import (
    RecordedRows,
    settings_of,
)
from qnetsim.case.summed_rows import id_of
from qnetsim.network import Topology
from qnetsim.network.node_names import NodeNames
from qnetsim.scenario import RecordingTable
from qnetsim.scenario.tables.fields import MAX_LEVELS
from qnetsim.traffic import Traffic
from qnetsim.traffic.placing import refuse_late_start
from qnetsim.traffic.traffic_settings import AMOUNTS, RATES
from qnetsim.units import exact

#: Bad rows that are spelled out.
MOST_PROBLEMS = 20
#: Highest number of a slot in a file.
MOST_NUMBER = 10**15


class CheckedRows(NamedTuple):
    """Slots, node pairs and levels of rows, and how many rows lie ahead of the first slot."""

    slots: list[int]
    pairs: list[tuple[str, str]]
    levels: list[int]
    ahead: int


def checked_rows(
    path: Path,
    rows: RecordedRows,
    table: RecordingTable,
    slot_s: float,
    level_bits: int,
    topology: Topology,
) -> CheckedRows:
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
    slots: list[int] = []
    pairs: list[tuple[str, str]] = []
    levels: list[int] = []
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
    found = CheckedRows(slots, pairs, levels, ahead=0)
    if rows.first_slot is None:
        refuse_late_start(str(path), np.array(slots, dtype=np.int64), settings_of(table))
        return found
    return _from_first_slot(path, found, first)


def _from_first_slot(path: Path, found: CheckedRows, first: int) -> CheckedRows:
    """The rows from the first slot on, which is 0 here, and how many lie ahead of it.

    Raises
    ------
    ValueError
        All of them do.
    """
    kept = [i for i, slot in enumerate(found.slots) if slot >= 0]
    if len(kept) == len(found.slots):
        return found
    if not kept:
        raise ValueError(f"{path}: all of its rows are ahead of recording.first_slot = {first}")
    return CheckedRows(
        [found.slots[i] for i in kept],
        [found.pairs[i] for i in kept],
        [found.levels[i] for i in kept],
        ahead=len(found.slots) - len(kept),
    )


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
