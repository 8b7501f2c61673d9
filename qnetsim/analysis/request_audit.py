"""Whether the requests that a trace follows fit its slots."""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.plain_text import counted
from qnetsim.trace import Trace
from qnetsim.trace.request_columns import COUNTERS
from qnetsim.vocabulary import RequestCause, RequestFate


def unlike_requests(trace: Trace) -> str | None:
    """Say where the requests that were followed do not fit the slots; None where they do."""
    end = trace.column("requests/end_slot")
    return (
        _miscounted(trace, end)
        or _outside(trace)
        or _unlike_counts(trace, end, str(trace.provenance["scenario"]["trace"]["requests"]))
    )


def _miscounted(trace: Trace, end: IntArray) -> str | None:
    """Rows are counted slot by slot, in order."""
    for name in COUNTERS.values():
        if (np.diff(trace.column(f"requests/{name}"), prepend=0) < 0).any():
            return f"requests/{name} counts back"
    if (np.diff(end) < 0).any():
        return "requests/end_slot is not in order"
    slots = trace.followed_slots
    upto = np.searchsorted(end, np.arange(slots), side="right")
    wrong = trace.column("requests/entries", 0, slots) != upto
    if wrong.any():
        slot = int(np.argmax(wrong))
        return f"slot {slot}: requests/entries does not count the entries up to there"
    return None


def _outside(trace: Trace) -> str | None:
    """Numbers lead to rows that there are, and the names of fates and causes are known."""
    entries, ways = (len(trace.column(f"requests/{name}")) for name in ("fate", "way_end"))
    limits = {
        "request": (0, len(trace.column("world/request"))),
        "arrival_slot": (0, trace.slots),
        "service_slot": (-1, trace.slots),
        "first_way": (-1, ways),
        "fate": (0, len(RequestFate)),
        "cause": (0, len(RequestCause)),
        "cause_fibre": (-1, len(trace.column("fibres/fibre"))),
        "turn_entry": (0, entries),
        "turn_cause": (0, len(RequestCause)),
        "turn_fibre": (-1, len(trace.column("fibres/fibre"))),
        "turn_way": (-1, ways),
        "hop_fibre": (0, len(trace.column("fibres/fibre"))),
    }
    for name, (least, bound) in limits.items():
        values = trace.column(f"requests/{name}")
        wrong = (values < least) | (values >= bound)
        if wrong.any():
            row = int(np.argmax(wrong))
            return f"row {row}: requests/{name} is {values[row]}; allowed: {least} .. {bound - 1}"
    return None


def _unlike_counts(trace: Trace, end: IntArray, followed: str) -> str | None:
    """As many were lost, and got their first keys, as the slots count."""
    fate = trace.column("requests/fate")
    got = trace.column("requests/service_slot")
    # a run that was cut short has no entries of requests whose fate was open
    complete = trace.status == "complete" and followed == "all"
    for name, slots, exact in (
        ("blocked", end[fate == RequestFate.BLOCKED], followed != "sample"),
        ("interrupted", end[fate == RequestFate.INTERRUPTED], followed != "sample"),
        ("served", got[got >= 0], complete),
    ):
        due = trace.column(f"slots/{name}", 0, trace.followed_slots)
        found = np.bincount(slots, minlength=len(due))
        wrong = found != due if exact else found > due
        if wrong.any():
            slot = int(np.argmax(wrong))
            return (
                f"slot {slot}: {counted(found[slot], 'request')} that were followed are {name}, "
                f"and the slot counts {due[slot]}"
            )
    return None
