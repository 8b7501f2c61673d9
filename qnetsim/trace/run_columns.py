"""The columns of every trace: world, decisions, slots, totals, trust, rounds."""

from __future__ import annotations

from qnetsim.trace.column import Column, Kind, index
from qnetsim.vocabulary import (
    CAUSES,
    COST_COLUMNS,
    FLOWS,
    HELD_OUT,
    PLAN_STATUS,
    POOLS,
    ROUND_STATUS,
)


def _pool_columns() -> tuple[Column, ...]:
    meaning = {
        "produced": "bits that entered the pool in the slot",
        "consumed": "bits that requests took from the pool in the slot",
        "expired": "bits whose lifetime ended at the slot's end",
        "overflowed": "bits beyond store_bits at the slot's end",
        "stored": "bits left in the pool after the slot's end",
    }
    return tuple(
        Column("slots", f"{pool}_{flow}_bits", ("slot", "fibre"), "i8", "bit", meaning[flow])
        for pool in POOLS
        for flow in FLOWS
    )


#: The format that brought FEL rounds.
SINCE_ROUNDS = (1, 3)
#: The format that brought the key layer: yields, faults, waiting, trust.
SINCE_KEY_LAYER = (1, 2)
_FAULT_COLUMNS: tuple[tuple[str, Kind, str, str, tuple[str, ...]], ...] = (
    ("tick_ns", "i8", "ns", "when it happens, from the run's start", ()),
    ("fibre", "i8", "1", "fibre that goes down or up", ()),
    ("down", "u1", "1", "failure or repair", ("repair", "failure")),
    ("cause", "u1", "1", "what failed", CAUSES),
    ("element", "i8", "1", "fibre, relay counted from the fibre's first end, or node", ()),
)


_ROUND_COLUMNS: tuple[tuple[str, Kind, str, str], ...] = (
    ("started_ns", "i8", "ns", "when the round began, from the run's start"),
    ("duration_ns", "i8", "ns", "how long it took"),
    ("waited_ns", "i8", "ns", "for how long of that all computing was done and keys were missing"),
    ("round_workers", "i8", "1", "workers that took part to the end"),
    ("round_messages", "i8", "1", "messages that were sent or given up"),
    ("loss", "f8", "1", "Taylor loss before the step; not a number where it is not known"),
    ("accuracy", "f8", "1", "share of the samples classified rightly after the step"),
)

#: The format that brought them; files without them are of the formats before.
SINCE_HELD_OUT = (1, 6)
_HELD_OUT_MEANINGS = (
    "area under the receiver's curve on the training records after the step",
    "Taylor loss on the records that are held out, after the step",
    "share of the held-out records classified rightly after the step",
    "area under the receiver's curve on the held-out records after the step",
)
#: Figures of rounds on records that are held out; not a number where a task holds none out.
HELD_OUT_COLUMNS = tuple(
    Column(
        "rounds",
        name,
        ("round",),
        "f8",
        "1",
        meaning,
        since=SINCE_HELD_OUT,
        running=True,
    )
    for name, meaning in zip(HELD_OUT, _HELD_OUT_MEANINGS, strict=True)
)

_SLOT = "slot number, from 0"
_FIBRE = "fibre number, in the order of the topology"

COLUMNS: tuple[Column, ...] = (
    index("fibres", "fibre", _FIBRE),
    Column("fibres", "source", ("fibre",), "str", "", "name of the first end point"),
    Column("fibres", "target", ("fibre",), "str", "", "name of the second end point"),
    Column("fibres", "length_km", ("fibre",), "f8", "km", "length of the fibre"),
    Column("fibres", "segments", ("fibre",), "i8", "1", "segments N of the MDI-QKD chain"),
    Column("fibres", "channel_bits", ("fibre",), "i8", "bit", "bits of one channel in a slot"),
    *(
        Column("fibres", name, ("fibre",), "f8", "1", f"price of one unit in a slot: {name}")
        for name in COST_COLUMNS
    ),
    index("world", "slot", _SLOT),
    index("world", "group", "group of requests that share one level"),
    index("world", "request", "request number"),
    Column("world", "levels", ("slot", "group"), "i2", "1", "realised demand level k"),
    Column("world", "request_group", ("request",), "i8", "1", "group of the request"),
    Column("world", "request_source", ("request",), "str", "", "source node of the request"),
    Column("world", "request_target", ("request",), "str", "", "target node of the request"),
    index("world", "fibre", _FIBRE, since=SINCE_KEY_LAYER),
    Column(
        "world",
        "yield_ppm",
        ("slot", "fibre"),
        "i4",
        "1",
        "factor on what a channel of the fibre yields in the slot",
        since=SINCE_KEY_LAYER,
        fill=10**6,
    ),
    Column(
        "world",
        "arrival_ns",
        ("slot", "request"),
        "i8",
        "ns",
        "when the request arrives, from the slot's start",
        since=SINCE_KEY_LAYER,
    ),
    Column(
        "world",
        "holding_slots",
        ("slot", "request"),
        "i4",
        "1",
        "slots for which the request is served",
        since=SINCE_KEY_LAYER,
        fill=1,
    ),
    Column(
        "world",
        "request_class",
        ("request",),
        "i8",
        "1",
        "priority class of the request; 0 is served first",
        since=SINCE_KEY_LAYER,
    ),
    index("faults", "event", "failure or repair, in order of time", since=SINCE_KEY_LAYER),
    *(
        Column("faults", name, ("event",), kind, units, meaning, since=SINCE_KEY_LAYER, flags=flags)
        for name, kind, units, meaning, flags in _FAULT_COLUMNS
    ),
    index("decisions", "slot", _SLOT),
    index("decisions", "fibre", _FIBRE),
    Column("decisions", "controller", ("fibre",), "i8", "1", "controller that owns the fibre"),
    Column("decisions", "qkd_channels", ("slot", "fibre"), "i4", "1", "QKD channels reserved, q_e"),
    Column(
        "decisions", "km_wavelengths", ("slot", "fibre"), "i4", "1", "KM wavelengths reserved, x_e"
    ),
    Column(
        "decisions",
        "plan_status",
        ("slot",),
        "u1",
        "1",
        "status of the plan behind the decision",
        flags=PLAN_STATUS,
    ),
    Column(
        "decisions",
        "decide_s",
        ("slot",),
        "f8",
        "s",
        "wall-clock time that the policies took to decide",
        volatile=True,
    ),
    index("slots", "slot", _SLOT),
    index("slots", "fibre", _FIBRE),
    *_pool_columns(),
    Column(
        "slots",
        "on_demand_channels",
        ("slot", "fibre"),
        "i4",
        "1",
        "QKD channels lit on demand, billed for the whole slot",
    ),
    Column(
        "slots",
        "on_demand_wavelengths",
        ("slot", "fibre"),
        "i4",
        "1",
        "KM wavelengths lit on demand, billed for the whole slot",
    ),
    Column("slots", "arrived", ("slot",), "i4", "1", "requests that arrived in the slot"),
    Column("slots", "served", ("slot",), "i4", "1", "requests served in the slot"),
    Column("slots", "blocked", ("slot",), "i4", "1", "requests blocked in the slot"),
    Column("slots", "waiting", ("slot",), "i4", "1", "requests that wait after the slot's end"),
    *(
        Column("slots", name, ("slot",), "i4", "1", meaning, since=SINCE_KEY_LAYER)
        for name, meaning in (
            ("interrupted", "sessions that ended unserved in the slot, after their first keys"),
            ("holding", "sessions that go on after the slot's end"),
            ("rerouted", "deliveries in the slot over a way around an outage"),
        )
    ),
    Column(
        "slots",
        "exposed_bits",
        ("slot",),
        "i8",
        "bit",
        "key bits seen in clear by trusted relays in the slot, summed over the relays",
        since=SINCE_KEY_LAYER,
    ),
    Column(
        "slots",
        "fel_key_bits",
        ("slot",),
        "i8",
        "bit",
        "end-to-end key bits that messages of FEL tasks took in the slot",
        since=SINCE_ROUNDS,
    ),
    Column(
        "slots",
        "wait_upto_s",
        ("wait_bin",),
        "f8",
        "s",
        "longest waiting time of the bin",
        since=SINCE_KEY_LAYER,
    ),
    index(
        "slots",
        "wait_bin",
        "bin of waiting times; who did not wait is in none",
        since=SINCE_KEY_LAYER,
    ),
    Column(
        "slots",
        "waited",
        ("slot", "wait_bin"),
        "i4",
        "1",
        "requests first served in the slot, by how long they waited",
        since=SINCE_KEY_LAYER,
    ),
    *(
        Column("slots", name, ("slot",), "f8", "1", f"cost of the slot: {name}")
        for name in COST_COLUMNS
    ),
    Column(
        "slots",
        "blocking_cost",
        ("slot",),
        "f8",
        "1",
        "cost of the slot: requests blocked in it",
        since=(1, 1),
    ),
    Column(
        "slots",
        "exposure_cost",
        ("slot",),
        "f8",
        "1",
        "cost of the slot: key bits seen by trusted relays",
        since=SINCE_KEY_LAYER,
    ),
    index("ledger", "fibre", _FIBRE),
    *(
        Column(
            "ledger",
            f"{pool}_{flow}_bits",
            ("fibre",),
            "i8",
            "bit",
            f"{flow}, whole run",
            running=True,
        )
        for pool in POOLS
        for flow in FLOWS
    ),
    index("trust", "fibre", _FIBRE, since=SINCE_KEY_LAYER),
    index("trust", "node", "node number, in the order of the topology", since=SINCE_KEY_LAYER),
    Column("trust", "node_name", ("node",), "str", "", "name of the node", since=SINCE_KEY_LAYER),
    Column(
        "trust",
        "relay_bits",
        ("fibre",),
        "i8",
        "bit",
        "key bits that each trusted relay inside the fibre's chain saw in clear, whole run",
        since=SINCE_KEY_LAYER,
        running=True,
    ),
    Column(
        "trust",
        "node_bits",
        ("node",),
        "i8",
        "bit",
        "key bits that the node saw in clear between two fibres of a route, whole run",
        since=SINCE_KEY_LAYER,
        running=True,
    ),
    index("rounds", "round", "rounds of all tasks, task by task", since=SINCE_ROUNDS),
    index("rounds", "kind", "kind of message", since=SINCE_ROUNDS),
    Column("rounds", "kind_step", ("kind",), "i8", "1", "step of the protocol", since=SINCE_ROUNDS),
    Column(
        "rounds",
        "kind_purpose",
        ("kind",),
        "str",
        "",
        "what the message is for",
        since=SINCE_ROUNDS,
    ),
    Column("rounds", "task", ("round",), "i8", "1", "FEL task, from 0", since=SINCE_ROUNDS),
    Column(
        "rounds",
        "number",
        ("round",),
        "i8",
        "1",
        "round of the task; 0: set-up",
        since=SINCE_ROUNDS,
    ),
    *(
        Column("rounds", name, ("round",), kind, units, meaning, since=SINCE_ROUNDS, running=True)
        for name, kind, units, meaning in _ROUND_COLUMNS
    ),
    Column(
        "rounds",
        "round_status",
        ("round",),
        "u1",
        "1",
        "how far the round came",
        flags=ROUND_STATUS,
        since=SINCE_ROUNDS,
        running=True,
    ),
    Column(
        "rounds",
        "round_key_bits",
        ("round", "kind"),
        "i8",
        "bit",
        "end-to-end key bits that the messages took, by step and purpose",
        since=SINCE_ROUNDS,
        running=True,
    ),
)
