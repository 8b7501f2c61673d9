"""What is drawn: noise, outages, drift, regimes."""

from __future__ import annotations

from collections.abc import Callable
from math import exp

import numpy as np
import numpy.typing as npt

from tests.support.helpers import Result
from tests.support.oracles import chains
from tests.support.oracles.family import (
    LINE,
    TRIANGLE,
    Family,
    Measured,
    Oracle,
    held_for,
    levels_of,
    limit_of,
    lost_share,
    one_in,
    store_of,
    table_of,
)


def noise() -> list[Family]:
    """Yields that vary."""
    families = []
    for counts in (10, 100):
        law = chains.poisson(counts)
        families.append(
            Family(
                f"one request a slot for a channel's mean yield, Poisson noise of {counts} counts",
                {
                    "demand": table_of(0.0, 1.0),
                    "network": limit_of(1),
                    "yields": {"noise_counts": counts},
                },
                (lambda name: lambda result: {name: lost_share(result)})(f"noise-{counts}"),
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
                "demand": table_of(0.0, 1.0),
                "network": limit_of(1),
                "yields": {"noise_counts": 10},
                "key_management": store_of(2),
            },
            lambda result: {"noise-store": lost_share(result)},
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
    uniform: dict[str, object] = {**table_of(0.0, 1.0), "arrivals": '"uniform"'}

    def loss(name: str) -> Callable[[Result], Measured]:
        return lambda result: {name: lost_share(result)}

    def detour(result: Result) -> Measured:
        asked = float((levels_of(result) > 0).sum())
        return {
            "detour": lost_share(result),
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
        levels = levels_of(result)[:, 0].astype(np.float64)
        return series(levels, "regime-mean", "regime-var", "regime-lag")

    def held(result: Result) -> Measured:
        # without a limit every session is served, so that as many keys are used as there are
        bits = sum(result.columns[f"{pool}_consumed_bits"] for pool in ("reservation", "on_demand"))
        going_on = np.asarray(bits)[:, 0] / 1000
        return series(going_on, "held-mean", "held-var", "held-lag")

    stays = chains.sessions_without_limit(0.5, 1 - 1 / 7)
    # means 1 and 6, each for 25 slots: half of the time either
    between = 6.25
    return [
        Family(
            "drift of ξ with standard deviation 0.1 and correlation time 50",
            {
                "demand": table_of(0.0, 1.0),
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
            "one request a slot, p = 0.5, geometric holding of mean 7, no limit",
            {"demand": {**one_in(0.5), **held_for(7)}},
            held,
            (
                Oracle("held-mean", "sessions going on", "p·h", stays[0]),
                Oracle("held-var", "variance", "Σ pqʲ(1 − pqʲ), q = 1 − 1/h", stays[1]),
                Oracle("held-lag", "lag-1 correlation", "the same", stays[2]),
            ),
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
