"""The columns of requests that are followed one by one."""

from __future__ import annotations

from qnetsim.trace.column import Column, Kind, index
from qnetsim.vocabulary import REQUEST_CAUSES, REQUEST_FATES

#: The format that brought them; files without them are of the format before.
SINCE_REQUESTS = (1, 5)
#: Dimensions of the tables, and the column that counts the rows up to the end of each slot.
COUNTERS = {"entry": "entries", "turn": "turns", "way": "ways", "hop": "hops"}
#: Those of short tables, whose chunks are not packed: such a chunk can be written before it is full
#: and stays where it is, so that readers have it as soon as rows of other tables lead there.
UNPACKED = ("way", "hop")


def _upto(dim: str) -> Column:
    meaning = f"rows over {dim} up to the end of the slot"
    return Column("requests", COUNTERS[dim], ("slot",), "i8", "1", meaning, since=SINCE_REQUESTS)


def _row(
    dim: str,
    name: str,
    kind: Kind,
    meaning: str,
    *,
    units: str = "1",
    flags: tuple[str, ...] = (),
    fill: int = 0,
) -> Column:
    return Column(
        "requests",
        name,
        (dim,),
        kind,
        units,
        meaning,
        flags=flags,
        fill=fill,
        since=SINCE_REQUESTS,
        counter=f"requests/{COUNTERS[dim]}",
    )


REQUEST_COLUMNS: tuple[Column, ...] = (
    index("requests", "slot", "slot number, from 0", since=SINCE_REQUESTS),
    *(_upto(dim) for dim in COUNTERS),
    _row("entry", "entry", "i8", "request that was followed, in the order in which fates fell"),
    _row("entry", "end_slot", "i8", "slot in which its fate fell"),
    _row("entry", "request", "i8", "number of the request"),
    _row("entry", "arrival_slot", "i8", "slot in which it arrived"),
    _row("entry", "level", "i2", "its demand level k"),
    _row(
        "entry",
        "wait_ns",
        "i8",
        "time from its arrival to its first keys, or to its end without any",
        units="ns",
    ),
    _row("entry", "service_slot", "i8", "slot of its first keys; -1 for none", fill=-1),
    _row("entry", "first_way", "i8", "way of its first keys; -1 for none", fill=-1),
    _row("entry", "deliveries", "i4", "slots in which it got keys"),
    _row("entry", "detours", "i4", "deliveries over a way around an outage"),
    _row("entry", "fate", "u1", "what became of it", flags=REQUEST_FATES),
    _row(
        "entry",
        "cause",
        "u1",
        "why it got no keys when it last asked in vain",
        flags=REQUEST_CAUSES,
    ),
    _row("entry", "cause_fibre", "i4", "fibre of the cause; -1 for none", fill=-1),
    _row("turn", "turn", "i8", "turn of a request that had several, in order of entry and time"),
    _row("turn", "turn_entry", "i8", "entry of the request that the turn is of"),
    _row("turn", "turn_tick_ns", "i8", "when it begins, from the run's start", units="ns"),
    _row(
        "turn",
        "turn_cause",
        "u1",
        "why the request gets no keys from then on; with none it gets them in every slot",
        flags=REQUEST_CAUSES,
    ),
    _row("turn", "turn_fibre", "i4", "fibre of the cause; -1 for none", fill=-1),
    _row("turn", "turn_way", "i8", "way of the keys; -1 for none", fill=-1),
    _row("way", "way", "i8", "way over which keys went, in the order in which they come up"),
    _row("way", "way_end", "i8", "end of its fibres among the hops"),
    _row("hop", "hop", "i8", "fibre of a way, way by way"),
    _row("hop", "hop_fibre", "i4", "its number"),
)
