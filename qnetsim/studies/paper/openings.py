"""What the paper leaves open, and what each way to close it does to the numbers; all analytic."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from qnetsim.analysis.text_table import DASH, TextTable
from qnetsim.case import Case, load, open_case
from qnetsim.errors import InfeasibleError
from qnetsim.optimize import Plan
from qnetsim.plans.make import planned
from qnetsim.policies.chosen import choose
from qnetsim.scenario import Scenario
from qnetsim.scenario.lines import Key
from qnetsim.shipped import shipped_scenarios
from qnetsim.studies.paper.cost_figure import EVF, RANDOM, RANDOM_LITERAL, SIP, Changes, Scheme

#: Multiples of the on-demand prices of Table II at which ratios are worked out.
MULTIPLIERS = (0.5, 1.0, 2.0)
#: Seeds with which node pairs are drawn.
SEEDS = range(1, 11)
DRAWS = f"draws of 100, seeds {SEEDS[0]} to {SEEDS[-1]}"
#: Limits on wavelengths of a fibre, |σ|.
LIMITS = (600, 500, 400)
#: Key of |σ|.
SIGMA: Key = ("network", "qkd_wavelengths")
#: Levels and mean of the paper's default.
LEVELS, MEAN = 10, 3
INFEASIBLE = "no plan serves the highest level"


@dataclass(frozen=True)
class Opening:
    """A way to close what is open.

    Attributes
    ----------
    topic : str
        What the paper leaves open.
    reading : str
    changes : mapping
        Keys of the shipped scenario.
    demand : mapping
        Keys of its demand that replace each other.
    seeds : sequence of int
        Seeds of the node pairs.
    limited : bool
        Wavelengths are: QBN-Random would be blocked, and its cost says nothing.
    """

    topic: str
    reading: str
    changes: Changes = field(default_factory=dict)
    demand: Mapping[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = (1,)
    limited: bool = False

    def scenario(
        self, seed: int, multiplier: float, common: Changes = MappingProxyType({})
    ) -> Scenario:
        """The default scenario on NSFNET under this reading.

        Parameters
        ----------
        seed : int
            Of the node pairs.
        multiplier : float
            Of the on-demand prices.
        common : mapping
            Values of further keys, the same under all readings.
        """
        changes = {**common, **self.changes, ("cost", "on_demand_multiplier"): multiplier}
        found = load(shipped_scenarios()["nsfnet"], changes=changes, seed=seed)
        demand = found.demand.model_copy(update=dict(self.demand))
        return found.model_copy(update={"demand": demand})


@dataclass(frozen=True)
class OpeningRow:
    """What comes out under a reading; ends of the range over the seeds.

    Attributes
    ----------
    topic, reading : str
    best_level : float
        Channels that SIP reserves for each request on a fibre, mean over all.
    cost : (float, float)
        Of SIP, per slot.
    ratios : mapping
        Cost over SIP's by ``SCHEME at MULTIPLIER``.
    note : str
        Why there are no numbers; empty where there are.
    """

    topic: str
    reading: str
    best_level: float = 0.0
    cost: tuple[float, float] = (0.0, 0.0)
    ratios: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    note: str = ""


def openings() -> tuple[Opening, ...]:
    """All readings; the first one is the one chosen."""
    poisson = np.array([MEAN**k / math.factorial(k) for k in range(LEVELS)]) * math.exp(-MEAN)
    tail = poisson.copy()
    tail[-1] += 1.0 - poisson.sum()
    limits = [
        Opening("|σ|", f"{limit} of each fibre", {SIGMA: limit}, limited=True) for limit in LIMITS
    ]
    return (
        Opening("chosen here", "100 pairs, 21 links, renormalised, no limits"),
        Opening("node pairs", DRAWS, seeds=tuple(SEEDS)),
        Opening("node pairs", "each pair once (91)", demand={"requests": None, "pairs": "all"}),
        Opening("NSFNET", "22 links", {("network", "topology"): "nsfnet-22"}),
        Opening("truncation", "what is cut goes to the last level", demand=_table(tail)),
        *limits,
    )


def _table(probabilities: np.ndarray) -> dict[str, Any]:
    return {"kind": "table", "mean": None, "probabilities": tuple(probabilities.tolist())}


def reading_keys() -> set[Key]:
    """Keys that one of the readings sets."""
    found = {key for opening in openings() for key in opening.changes}
    return found | {("demand", key) for opening in openings() for key in opening.demand}


def opening_rows(
    common: Changes, progress: Callable[[int], None] = lambda done: None
) -> Iterator[OpeningRow]:
    """Work out every reading.

    Parameters
    ----------
    common : mapping
        Values of keys that are the same under all readings.
    progress : callable
        Told of readings that are done.
    """
    for opening in openings():
        yield _row(opening, common)
        progress(1)


def _row(opening: Opening, common: Changes) -> OpeningRow:
    costs: list[float] = []
    levels: list[float] = []
    ratios: dict[str, list[float]] = {}
    for seed in opening.seeds:
        for multiplier in MULTIPLIERS:
            case = open_case(opening.scenario(seed, multiplier, common))
            try:
                best = _plan(case, SIP)
                cost = best.expected_cost(case.network)
                for scheme in (EVF,) if opening.limited else (EVF, RANDOM, RANDOM_LITERAL):
                    ratio = _plan(case, scheme).expected_cost(case.network) / cost
                    ratios.setdefault(f"{scheme.name} at {multiplier:g}", []).append(ratio)
            except InfeasibleError:
                return OpeningRow(opening.topic, opening.reading, note=INFEASIBLE)
            if multiplier == 1.0:
                costs.append(cost)
                levels.append(float(best.qkd_channels.sum() / best.km_wavelengths.sum()))
    return OpeningRow(
        topic=opening.topic,
        reading=opening.reading,
        best_level=float(np.mean(levels)),
        cost=(min(costs), max(costs)),
        ratios={key: (min(found), max(found)) for key, found in ratios.items()},
    )


def _plan(case: Case, scheme: Scheme) -> Plan:
    policy = choose(scheme.policy)
    plan = planned(policy.fresh(), policy.title, case)
    assert plan is not None
    return plan


def opening_table(rows: Sequence[OpeningRow]) -> TextTable:
    """Costs and ratios under every reading; a range over the seeds where there are several."""
    ratios = list(dict.fromkeys(key for row in rows for key in row.ratios))
    cells = [
        (
            row.topic,
            row.reading,
            row.note or _range(row.cost, ",.0f"),
            DASH if row.note else f"{row.best_level:.2f}",
            *(_range(row.ratios[key], ".4f") if key in row.ratios else DASH for key in ratios),
        )
        for row in rows
    ]
    heads = [_heading(key) for key in ratios]
    columns = ("open", "reading", "SIP, cost per slot", "channels a request", *heads)
    return TextTable(columns, tuple(cells), text=("reading",), keys=2)


def _heading(key: str) -> str:
    name, multiplier = key.split(" at ")
    labels = {EVF.name: "EVF", RANDOM.name: "random", RANDOM_LITERAL.name: "random, literal"}
    return f"{labels[name]} at {multiplier} ×"


def _range(ends: Sequence[float], form: str) -> str:
    low, high = (format(end, form) for end in ends)
    return low if low == high else f"{low} … {high}"
