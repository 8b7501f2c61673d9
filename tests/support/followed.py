"""Followed requests of a run, in the words of the reference."""

from __future__ import annotations

from typing import Any

import numpy as np

from qnetsim.vocabulary import REQUEST_CAUSES, REQUEST_FATES
from tests.support.helpers import Result

#: Columns of an entry that are plain numbers.
PLAIN = (
    "end_slot",
    "request",
    "arrival_slot",
    "level",
    "wait_ns",
    "service_slot",
    "deliveries",
    "detours",
    "cause_fibre",
)


def ways_of(rows: dict[str, Any]) -> list[tuple[int, ...]]:
    ends = rows["way_end"].tolist()
    hops = rows["hop_fibre"].tolist()
    return [tuple(hops[a:b]) for a, b in zip([0, *ends], ends, strict=False)]


def told(result: Result) -> list[dict[str, Any]]:
    """Entries with their turns; names and fibres stand for numbers."""
    rows = result.requests
    ways = [*ways_of(rows), None]
    turns: list[list[Any]] = [[] for _ in rows["fate"]]
    names = ("turn_entry", "turn_tick_ns", "turn_cause", "turn_fibre", "turn_way")
    for entry, tick, cause, fibre, way in zip(*(rows[n].tolist() for n in names), strict=True):
        turns[entry].append((tick, REQUEST_CAUSES[cause], fibre, ways[way]))
    return [
        {
            **{name: int(rows[name][i]) for name in PLAIN},
            "first_way": ways[int(rows["first_way"][i])],
            "fate": REQUEST_FATES[int(rows["fate"][i])],
            "cause": REQUEST_CAUSES[int(rows["cause"][i])],
            "turns": turns[i],
        }
        for i in range(len(turns))
    ]


def check_ways_in_order(result: Result) -> None:
    """Ways are numbered as they come up, each once."""
    rows = result.requests
    ways = ways_of(rows)
    assert len(set(ways)) == len(ways)
    seen: list[int] = []
    entries = np.arange(len(rows["fate"]))
    order = np.argsort(np.concatenate([entries, rows["turn_entry"]]), kind="stable")
    for way in np.concatenate([rows["first_way"], rows["turn_way"]])[order].tolist():
        if way >= 0 and way not in seen:
            seen.append(way)
    assert seen == list(range(len(ways)))


def check_counts(result: Result) -> None:
    """Rows up to each slot, and what the slots count, are those of the entries."""
    rows, columns = result.requests, result.columns
    slots = np.arange(len(columns["served"]))
    ended = rows["end_slot"]
    assert columns["entries"].tolist() == np.searchsorted(ended, slots, side="right").tolist()
    of_turns = ended[rows["turn_entry"]]
    assert columns["turns"].tolist() == np.searchsorted(of_turns, slots, side="right").tolist()
    assert columns["ways"][-1] == len(rows["way_end"])
    ends = np.concatenate([[0], rows["way_end"]])
    assert columns["hops"].tolist() == ends[columns["ways"]].tolist()
    for fate in ("blocked", "interrupted"):
        lost = ended[rows["fate"] == REQUEST_FATES.index(fate)]
        assert np.bincount(lost, minlength=len(slots)).tolist() == columns[fate].tolist()
