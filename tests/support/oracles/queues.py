"""Requests that wait, sessions under limits, key pools: queues and loss networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from qnetsim.plain_text import counted
from tests.support.helpers import Result
from tests.support.oracles import chains
from tests.support.oracles.family import (
    LINE,
    Family,
    Measured,
    Oracle,
    held_for,
    levels_of,
    limit_of,
    lost_share,
    many,
    one_in,
    request,
    store_of,
    table_of,
)


def _waiting(result: Result) -> Measured:
    return {"queue": float(result.columns["waiting"].mean())}


def waits() -> list[Family]:
    """Requests that wait for one channel."""

    def measure(result: Result) -> Measured:
        asked = float((levels_of(result) > 0).sum())
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
    one = {"demand": one_in(0.04), "network": limit_of(1)}
    return [
        Family(
            "20 requests a slot, p = 0.04, one channel, patience without end",
            {**one, "key_management": {"patience_s": 1_000_000.0}},
            _waiting,
            (queue,),
            pairs=many(20),
        ),
        Family(
            "the same, patience 150 slots",
            {**one, "key_management": {"patience_s": 150.0}},
            measure,
            law,
            pairs=many(20),
        ),
        Family(
            "10 requests a slot in two priority classes, p = 0.08, one channel: work is conserved",
            {
                "demand": {**one_in(0.08), "priority_shares": [1, 1]},
                "network": limit_of(1),
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
            pairs=many(10),
        ),
    ]


def _by_class(result: Result) -> tuple[float, float]:
    """Losses of class 0, which asks for a–b, and of class 1, which asks for a–b–c."""
    first, both = (_delivered(result)[:, fibre].sum() for fibre in (0, 1))
    asked = levels_of(result).sum(axis=0)
    halves = asked[: len(asked) // 2].sum(), asked[len(asked) // 2 :].sum()
    return float(1 - (first - both) / halves[0]), float(1 - both / halves[1])


def _delivered(result: Result) -> npt.NDArray[np.float64]:
    """Key units that requests took in each slot, by fibre."""
    bits = sum(result.columns[f"{pool}_consumed_bits"] for pool in ("reservation", "on_demand"))
    return np.asarray(bits) / 1000


def classes() -> list[Family]:
    """Priorities: what class 0 meets is as if no other class were there."""
    arrivals = chains.binomial(10, 0.05)
    left = 1 - arrivals[0]
    requests, more = (
        request("b", 10, share, 0) + request("c", 10, share, 1) for share in (0.05, 0.09)
    )
    none: dict[str, Mapping[str, object]] = {
        "demand": {"levels": 2, "coupling": '"independent"'},
        "network": limit_of(1),
    }

    def at_once(result: Result) -> Measured:
        return dict(zip(("class-0", "class-1"), _by_class(result), strict=True))

    return [
        Family(
            "10 requests a slot of class 0 for a–b, 10 of class 1 for a–b–c, p = 0.05, one "
            "channel, no patience",
            none,
            at_once,
            (
                Oracle(
                    "class-0",
                    "loss of class 0",
                    "E(A−1)⁺/E A of its own arrivals",
                    chains.batch_bucket_loss(arrivals, 0),
                ),
                Oracle(
                    "class-1",
                    "loss of class 1",
                    "1 − P(no other)·P(A ≥ 1)/E A",
                    1 - arrivals[0] * left / 0.5,
                ),
            ),
            fibres=LINE,
            requests=requests,
        ),
        Family(
            "the same, p = 0.09, patience of 3.5 slots",
            {**none, "key_management": {"patience_s": 3.5}},
            lambda result: {"class-0-waits": _by_class(result)[0]},
            (
                Oracle(
                    "class-0-waits",
                    "loss of class 0",
                    "as a store of 3, of its own arrivals",
                    chains.batch_bucket_loss(chains.binomial(10, 0.09), 3),
                ),
            ),
            fibres=LINE,
            requests=more,
        ),
    ]


def sessions() -> list[Family]:
    """Sessions under limits, and the loss networks that they tend to."""
    stay = 1 - 1 / 20

    def by_rate(result: Result) -> Measured:
        blocked = result.columns["blocked"] > 0
        level = levels_of(result)[:, 0]
        return {f"rate-{k}": float(blocked[level == k].sum() / (level == k).sum()) for k in (1, 2)}

    def on_line(result: Result) -> Measured:
        return {
            "line": lost_share(result),
            "line-load": float(_delivered(result)[:, 0].mean()),
            # only keys from a to c are seen by the node between
            "line-through": float(result.columns["exposed_bits"].mean() / 1000),
        }

    roberts = chains.kaufman_roberts({1: 0.10 * 20, 2: 0.05 * 20}, 6)
    rates = chains.two_rate_loss((0.10, 0.05), stay, 6)
    line = chains.line_loss(0.06, stay, 2)
    kelly, fixed_point = chains.kelly_line(1.2, 2), chains.reduced_load_line(1.2, 2)
    return [
        Family(
            "one request a slot, p = 0.2, geometric holding of mean 20, 5 channels",
            {"demand": {**one_in(0.2), **held_for(20)}, "network": limit_of(5)},
            lambda result: {"erlang": lost_share(result)},
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
            {"demand": {**one_in(0.025), **held_for(200)}, "network": limit_of(5)},
            lambda result: {"erlang-fine": lost_share(result)},
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
            {"demand": {**one_in(0.25), **held_for(8, "fixed")}, "network": limit_of(2)},
            lambda result: {"fixed": lost_share(result)},
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
            {"demand": {**one_in(0.05), **held_for(20)}, "network": limit_of(5)},
            lambda result: {"batches": lost_share(result)},
            (
                Oracle(
                    "batches",
                    "loss",
                    "chain Bin/Geo/5/5",
                    chains.session_loss(chains.binomial(4, 0.05), stay, 5),
                    f"Erlang B {chains.erlang_b(4.0, 5):.4f}",
                ),
            ),
            pairs=many(4),
        ),
        Family(
            "one request a slot for one channel (p = 0.10) or two (0.05), geometric holding of "
            "mean 20, 6 channels",
            {"demand": {**table_of(0.85, 0.10, 0.05), **held_for(20)}, "network": limit_of(6)},
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
            {"demand": {**one_in(0.06), **held_for(20)}, "network": limit_of(2)},
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
                Oracle(
                    "line-through",
                    "sessions ac going on",
                    "the same, Little's law",
                    1.2 * (1 - line[2]),
                    f"Kelly {1.2 * (1 - kelly[2]):.4f}, "
                    f"fixed point {1.2 * (1 - fixed_point[2]):.4f}",
                ),
            ),
            fibres=LINE,
            pairs='[["a", "b"], ["b", "c"], ["a", "c"]]',
        ),
    ]


def stores() -> list[Family]:
    """Key pools as token buckets and as queues."""
    demand = {0: 0.45, 1: 0.30, 2: 0.15, 3: 0.10}
    bucket = chains.bucket_loss({1: 1.0}, demand, 4)

    def by_size(result: Result) -> Measured:
        blocked = result.columns["blocked"] > 0
        level = levels_of(result)[:, 0]
        return {
            f"bucket-{k}": float(blocked[level == k].sum() / (level == k).sum()) for k in (2, 3)
        }

    def loss(name: str) -> Callable[[Result], Measured]:
        return lambda result: {name: lost_share(result)}

    arrivals = chains.binomial(20, 0.05)
    one: dict[str, Mapping[str, object]] = {
        "demand": one_in(0.05),
        "network": limit_of(1),
    }
    families = [
        Family(
            "one request a slot for 0 to 3 units (0.45, 0.30, 0.15, 0.10), one unit a slot, "
            "store of 4",
            {
                "demand": table_of(*demand.values()),
                "network": limit_of(1),
                "key_management": store_of(4),
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
                {**one, "key_management": store_of(units)},
                loss(f"store-{units}"),
                (
                    Oracle(
                        f"store-{units}",
                        "loss",
                        "E(A−1)⁺/E A" if units == 0 else "token bucket",
                        chains.batch_bucket_loss(arrivals, units),
                    ),
                ),
                pairs=many(20),
            )
        )
    families.append(
        Family(
            "the same with a store without end, in which keys live for 3 slots",
            {**one, "key_management": {"store_bits": 10**9, "key_lifetime_slots": 3}},
            loss("lifetime-3"),
            (
                Oracle(
                    "lifetime-3",
                    "loss",
                    "as a store of 3: a lifetime of m slots is a cap of m yields",
                    chains.batch_bucket_loss(arrivals, 3),
                ),
            ),
            pairs=many(20),
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
                pairs=many(20),
            )
        )
    return families
