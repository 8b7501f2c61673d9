"""Each family of oracles: a scenario, what is measured in it, and what theory says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp

import numpy as np
import numpy.typing as npt

from qnetsim.plain_text import counted
from tests.support.helpers import Result
from tests.verification.oracles import chains

#: Slots of a world that are left out: stores and queues start empty.
WARM_UP = 2_000
#: One fibre, one segment, one key unit of 1000 bits a channel-slot.
FIBRE = "a,b,100"
LINE = "a,b,100\nb,c,100"
TRIANGLE = "a,b,100\na,c,100\nb,c,100"

#: What is measured in one world, by the oracle's id.
Measured = Mapping[str, float]


@dataclass(frozen=True)
class Oracle:
    """One quantity: its theory, and the limit in continuous time where that has a name.

    Attributes
    ----------
    id, quantity, formula : str
    theory : float
    limit : str
        Name and value; empty where there is none.
    """

    id: str
    quantity: str
    formula: str
    theory: float
    limit: str = ""


@dataclass(frozen=True)
class Family:
    """Oracles of one scenario.

    Attributes
    ----------
    scenario : str
        In words.
    tables : dict
        Keys of the scenario by table, over those of ``BASE``.
    measure : callable
        From the result of a world, its warm-up cut off, to what is measured.
    oracles : tuple of Oracle
    fibres : str
        Rows of the topology.
    pairs : str
        Requests of a slot.
    slots : int
        Of a world, beside the warm-up.
    """

    scenario: str
    tables: Mapping[str, Mapping[str, object]]
    measure: Callable[[Result], Measured]
    oracles: tuple[Oracle, ...]
    fibres: str = FIBRE
    pairs: str = '[["a", "b"]]'
    slots: int = 40_000


def _levels(result: Result) -> npt.NDArray[np.int64]:
    return result.levels.astype(np.int64)


def _lost(result: Result) -> float:
    """Blocked requests over those that ask for keys."""
    return float(result.columns["blocked"].sum() / (_levels(result) > 0).sum())


def _share(*probabilities: float) -> dict[str, object]:
    return {
        "kind": '"table"',
        "levels": len(probabilities),
        "probabilities": list(probabilities),
        "coupling": '"independent"',
    }


def _batch(share: float) -> dict[str, object]:
    return _share(1 - share, share)


def _sessions(holding: int, kind: str = "geometric") -> dict[str, object]:
    return {"holding": f'"{kind}"', "holding_slots": holding}


def _channels(count: int) -> dict[str, object]:
    return {"qkd_wavelengths": 3 * count}


def _many(requests: int) -> str:
    return "[" + ", ".join(['["a", "b"]'] * requests) + "]"


def _waiting(result: Result) -> Measured:
    return {"queue": float(result.columns["waiting"].mean())}


def waits() -> list[Family]:
    """Requests that wait for one channel."""

    def measure(result: Result) -> Measured:
        asked = float((_levels(result) > 0).sum())
        by_bin = result.columns["waited"].sum(axis=0)
        return {f"wait-{slots}": float(by_bin[slots - 1] / asked) for slots in range(1, 5)}

    queue = Oracle(
        "queue",
        "requests left waiting",
        "R(R−1)p²/(2(1−Rp))",
        chains.left_waiting(20, 0.04),
        "",
    )
    law = tuple(
        Oracle(
            f"wait-{slots}",
            f"share that waits for {counted(slots, 'slot')}",
            "chain of the queue, and those ahead in the slot",
            chains.slots_waited(20, 0.04, slots),
        )
        for slots in range(1, 5)
    )
    one = {"demand": _batch(0.04), "network": _channels(1)}
    return [
        Family(
            "20 requests a slot, p = 0.04, one channel, patience without end",
            {**one, "key_management": {"patience_s": 1_000_000.0}},
            _waiting,
            (queue,),
            pairs=_many(20),
        ),
        Family(
            "the same, patience 150 slots",
            {**one, "key_management": {"patience_s": 150.0}},
            measure,
            law,
            pairs=_many(20),
        ),
        Family(
            "10 requests a slot in two priority classes, p = 0.08, one channel: work is conserved",
            {
                "demand": {**_batch(0.08), "priority_shares": [1, 1]},
                "network": _channels(1),
                "key_management": {"patience_s": 1_000_000.0},
            },
            lambda result: {"classes": float(result.columns["waiting"].mean())},
            (
                Oracle(
                    "classes",
                    "requests left waiting",
                    "as for one class",
                    chains.left_waiting(10, 0.08),
                ),
            ),
            pairs=_many(10),
        ),
    ]


def sessions() -> list[Family]:
    """Sessions under limits, and the loss networks that they tend to."""
    stay = 1 - 1 / 20

    def by_rate(result: Result) -> Measured:
        blocked = result.columns["blocked"] > 0
        level = _levels(result)[:, 0]
        return {f"rate-{k}": float(blocked[level == k].sum() / (level == k).sum()) for k in (1, 2)}

    def on_line(result: Result) -> Measured:
        bits = sum(result.columns[f"{pool}_consumed_bits"] for pool in ("reservation", "on_demand"))
        return {"line": _lost(result), "line-load": float(np.asarray(bits)[:, 0].mean() / 1000)}

    roberts = chains.kaufman_roberts({1: 0.10 * 20, 2: 0.05 * 20}, 6)
    rates = chains.two_rate_loss((0.10, 0.05), stay, 6)
    line = chains.line_loss(0.06, stay, 2)
    kelly, fixed_point = chains.kelly_line(1.2, 2), chains.reduced_load_line(1.2, 2)
    return [
        Family(
            "one request a slot, p = 0.2, geometric holding of mean 20, 5 channels",
            {"demand": {**_batch(0.2), **_sessions(20)}, "network": _channels(5)},
            lambda result: {"erlang": _lost(result)},
            (
                Oracle(
                    "erlang",
                    "loss",
                    "chain Geo/Geo/5/5",
                    chains.session_loss({0: 0.8, 1: 0.2}, stay, 5),
                    f"Erlang B {chains.erlang_b(4.0, 5):.4f}",
                ),
            ),
        ),
        Family(
            "one request a slot, p = 0.025, geometric holding of mean 200, 5 channels",
            {"demand": {**_batch(0.025), **_sessions(200)}, "network": _channels(5)},
            lambda result: {"erlang-fine": _lost(result)},
            (
                Oracle(
                    "erlang-fine",
                    "loss",
                    "the same chain, slots ten times finer",
                    chains.session_loss({0: 0.975, 1: 0.025}, 1 - 1 / 200, 5),
                    f"Erlang B {chains.erlang_b(5.0, 5):.4f}",
                ),
            ),
            slots=200_000,
        ),
        Family(
            "one request a slot, p = 0.25, holding of 8 slots, 2 channels",
            {"demand": {**_batch(0.25), **_sessions(8, "fixed")}, "network": _channels(2)},
            lambda result: {"fixed": _lost(result)},
            (
                Oracle(
                    "fixed",
                    "loss",
                    "chain of the last 7 slots",
                    chains.fixed_holding_loss(0.25, 8, 2),
                    f"Erlang B {chains.erlang_b(2.0, 2):.4f}",
                ),
            ),
        ),
        Family(
            "4 requests a slot, 4 erlang in all, geometric holding of mean 20, 5 channels",
            {"demand": {**_batch(0.05), **_sessions(20)}, "network": _channels(5)},
            lambda result: {"batches": _lost(result)},
            (
                Oracle(
                    "batches",
                    "loss",
                    "chain Bin/Geo/5/5",
                    chains.session_loss(chains.binomial(4, 0.05), stay, 5),
                    f"Erlang B {chains.erlang_b(4.0, 5):.4f}",
                ),
            ),
            pairs=_many(4),
        ),
        Family(
            "one request a slot for one channel (p = 0.10) or two (0.05), geometric holding of "
            "mean 20, 6 channels",
            {"demand": {**_share(0.85, 0.10, 0.05), **_sessions(20)}, "network": _channels(6)},
            by_rate,
            tuple(
                Oracle(
                    f"rate-{k}",
                    f"loss of those for {k}",
                    "chain of both numbers",
                    rates[k - 1],
                    f"Kaufman–Roberts {roberts[k]:.4f}",
                )
                for k in (1, 2)
            ),
        ),
        Family(
            "line a–b–c, requests ab, bc, ac, p = 0.06 each, geometric holding of mean 20, "
            "2 channels",
            {"demand": {**_batch(0.06), **_sessions(20)}, "network": _channels(2)},
            on_line,
            (
                Oracle(
                    "line",
                    "loss, all three",
                    "chain of three numbers",
                    float(np.mean(line)),
                    f"Kelly {np.mean(kelly):.4f}, fixed point {np.mean(fixed_point):.4f}",
                ),
                Oracle(
                    "line-load",
                    "channels in use on a–b",
                    "the same, Little's law",
                    1.2 * (2 - line[0] - line[2]),
                    f"Kelly {1.2 * (2 - kelly[0] - kelly[2]):.4f}",
                ),
            ),
            fibres=LINE,
            pairs='[["a", "b"], ["b", "c"], ["a", "c"]]',
        ),
    ]


def _store(units: int) -> dict[str, object]:
    return {"store_bits": 1000 * units, "key_lifetime_slots": 10_000}


def stores() -> list[Family]:
    """Key pools as token buckets and as queues."""
    demand = {0: 0.45, 1: 0.30, 2: 0.15, 3: 0.10}
    bucket = chains.bucket_loss({1: 1.0}, demand, 4)

    def by_size(result: Result) -> Measured:
        blocked = result.columns["blocked"] > 0
        level = _levels(result)[:, 0]
        return {
            f"bucket-{k}": float(blocked[level == k].sum() / (level == k).sum()) for k in (2, 3)
        }

    def loss(name: str) -> Callable[[Result], Measured]:
        return lambda result: {name: _lost(result)}

    arrivals = chains.binomial(20, 0.05)
    one: dict[str, Mapping[str, object]] = {
        "demand": _batch(0.05),
        "network": _channels(1),
    }
    families = [
        Family(
            "one request a slot for 0 to 3 units (0.45, 0.30, 0.15, 0.10), one unit a slot, "
            "store of 4",
            {
                "demand": _share(*demand.values()),
                "network": _channels(1),
                "key_management": _store(4),
            },
            by_size,
            tuple(
                Oracle(f"bucket-{k}", f"loss of those for {k}", "token bucket", bucket[k])
                for k in (2, 3)
            ),
        )
    ]
    for units in (0, 3, 10):
        kept = f"store of {units}" if units else "no store"
        families.append(
            Family(
                f"20 requests a slot, p = 0.05, one unit a slot, {kept}",
                {**one, "key_management": _store(units)},
                loss(f"store-{units}"),
                (
                    Oracle(
                        f"store-{units}",
                        "loss",
                        "E(A−1)⁺/E A" if units == 0 else "token bucket",
                        chains.batch_bucket_loss(arrivals, units),
                    ),
                ),
                pairs=_many(20),
            )
        )
    for units in (3, 10):
        families.append(
            Family(
                f"the same without a store, patience of {units}.5 slots",
                {**one, "key_management": {"patience_s": units + 0.5}},
                loss(f"patience-{units}"),
                (
                    Oracle(
                        f"patience-{units}",
                        "loss",
                        f"as a store of {units}: waiting and storing are dual",
                        chains.batch_bucket_loss(arrivals, units),
                    ),
                ),
                pairs=_many(20),
            )
        )
    return families


def noise() -> list[Family]:
    """Yields that vary."""
    families = []
    for counts in (10, 100):
        law = chains.poisson(counts)
        families.append(
            Family(
                f"one request a slot for a channel's mean yield, Poisson noise of {counts} counts",
                {
                    "demand": _share(0.0, 1.0),
                    "network": _channels(1),
                    "yields": {"noise_counts": counts},
                },
                (lambda name: lambda result: {name: _lost(result)})(f"noise-{counts}"),
                (
                    Oracle(
                        f"noise-{counts}",
                        "loss",
                        "P(N < mean), N Poisson",
                        sum(p for n, p in law.items() if n < counts),
                    ),
                ),
            )
        )
    families.append(
        Family(
            "the same with 10 counts and a store of 2 units",
            {
                "demand": _share(0.0, 1.0),
                "network": _channels(1),
                "yields": {"noise_counts": 10},
                "key_management": _store(2),
            },
            lambda result: {"noise-store": _lost(result)},
            (
                Oracle(
                    "noise-store",
                    "loss",
                    "reflected walk in tenths of a unit",
                    chains.bucket_loss(chains.poisson(10), {10: 1.0}, 20)[10],
                ),
            ),
        )
    )
    return families


def outages() -> list[Family]:
    """Fibres, relays and nodes that fail and are repaired."""
    uniform: dict[str, object] = {**_share(0.0, 1.0), "arrivals": '"uniform"'}

    def loss(name: str) -> Callable[[Result], Measured]:
        return lambda result: {name: _lost(result)}

    def detour(result: Result) -> Measured:
        asked = float((_levels(result) > 0).sum())
        return {
            "detour": _lost(result),
            "detour-taken": float(result.columns["rerouted"].sum() / asked),
        }

    up = 200 / 220
    families = [
        Family(
            "fibre up for 200 slots and down for 20 on average, no patience",
            {"demand": uniform, "faults": {"fibre_mtbf_s": 200.0, "fibre_mttr_s": 20.0}},
            loss("fibre"),
            (Oracle("fibre", "loss", "r/(m + r)", 1 - up),),
        ),
        Family(
            "two segments: two untrusted relays and a trusted one, up for 600, down for 20",
            {
                "demand": uniform,
                "network": {"span_km": 50.0},
                "faults": {"relay_mtbf_s": 600.0, "relay_mttr_s": 20.0},
            },
            loss("relays"),
            (Oracle("relays", "loss", "1 − A³", 1 - (600 / 620) ** 3),),
        ),
        Family(
            "triangle, fibres up for 100 and down for 20, detours",
            {
                "demand": uniform,
                "faults": {"fibre_mtbf_s": 100.0, "fibre_mttr_s": 20.0},
                "key_management": {"on_outage": '"reroute"'},
            },
            detour,
            (
                Oracle("detour", "loss", "(1 − A)(1 − A²)", (1 / 6) * (1 - (5 / 6) ** 2)),
                Oracle(
                    "detour-taken", "share over the detour", "(1 − A)A²", (1 / 6) * (5 / 6) ** 2
                ),
            ),
            fibres=TRIANGLE,
        ),
        Family(
            "line a–b–c, request ac, nodes up for 200 and down for 20",
            {"demand": uniform, "faults": {"node_mtbf_s": 200.0, "node_mttr_s": 20.0}},
            loss("nodes"),
            (Oracle("nodes", "loss", "1 − A³", 1 - up**3),),
            fibres=LINE,
            pairs='[["a", "c"]]',
        ),
    ]
    for patience in (10, 30):
        families.append(
            Family(
                f"one fibre up for 200 and down for 20, patience {patience}",
                {
                    "demand": uniform,
                    "faults": {"fibre_mtbf_s": 200.0, "fibre_mttr_s": 20.0},
                    "key_management": {"patience_s": float(patience)},
                },
                loss(f"outlast-{patience}"),
                (
                    Oracle(
                        f"outlast-{patience}",
                        "loss",
                        "(1 − A)exp(−τ/r)",
                        chains.outlasts(up, patience, 20),
                    ),
                ),
            )
        )
    return families


def moments() -> list[Family]:
    """What is drawn: drift, holding, regimes."""

    def series(values: npt.NDArray[np.float64], *names: str) -> Measured:
        centred = values - values.mean()
        variance = float((centred**2).mean())
        lag = float((centred[1:] * centred[:-1]).mean()) / variance
        return dict(zip(names, (float(values.mean()), variance, lag), strict=True))

    def drift(result: Result) -> Measured:
        produced = result.columns["reservation_produced_bits"][:, 0] / 1e6
        return series(produced.astype(np.float64), "drift-mean", "drift-var", "drift-lag")

    def regimes(result: Result) -> Measured:
        levels = _levels(result)[:, 0].astype(np.float64)
        return series(levels, "regime-mean", "regime-var", "regime-lag")

    # means 1 and 6, each for 25 slots: half of the time either
    between = 6.25
    return [
        Family(
            "drift of ξ with standard deviation 0.1 and correlation time 50",
            {
                "demand": _share(0.0, 1.0),
                "network": {"key_rate_bps": 1e6},
                "yields": {"drift": 0.1, "drift_slots": 50},
            },
            drift,
            (
                Oracle("drift-mean", "mean of ξ", "1", 1.0),
                Oracle("drift-var", "variance of ξ", "0.1²", 0.01),
                Oracle("drift-lag", "lag-1 correlation", "exp(−1/50)", exp(-1 / 50)),
            ),
            slots=80_000,
        ),
        Family(
            "regimes with means 1 and 6, 25 slots each on average",
            {
                "demand": {"kind": '"poisson"', "levels": 60},
                "regimes": {"means": [1, 6], "mean_slots": 25},
            },
            regimes,
            (
                Oracle("regime-mean", "mean level", "mean of the means", 3.5),
                Oracle("regime-var", "variance", "mean + variance of the means", 3.5 + between),
                Oracle(
                    "regime-lag",
                    "lag-1 correlation",
                    "6.25/9.75·(1 − 2/25)",
                    between / (3.5 + between) * (1 - 2 / 25),
                ),
            ),
        ),
    ]


def families() -> list[Family]:
    """All of them."""
    return [*waits(), *sessions(), *stores(), *noise(), *outages(), *moments()]
