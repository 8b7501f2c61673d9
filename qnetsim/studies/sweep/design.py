"""Points of a design: which values the factors take together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from qnetsim import seeds
from qnetsim.arrays import FloatArray
from qnetsim.plain_text import counted
from qnetsim.scenario.lines import Problem
from qnetsim.studies.sweep.factor_keys import flat
from qnetsim.studies.sweep.sweep_tables import MOST_POINTS, FactorTable, SweepTable

#: Designs that draw points from ranges.
SAMPLED = ("latin_hypercube", "sobol")
#: Values of all factors in one point, in their order.
Point = tuple[Any, ...]


def design_problems(table: SweepTable) -> Iterator[Problem]:
    """What is wrong with the factors, each alone and all together."""
    sampled = table.design in SAMPLED
    for i, factor in enumerate(table.factor):
        for place, what in _factor_problems(factor, sampled):
            yield ("factor", i, *place), what
    keys = [factor.key for factor in table.factor]
    for i, key in enumerate(keys):
        if key in keys[:i]:
            yield ("factor", i, "key"), f"{key} is a factor already; give each key once"
        if key in flat(table.set):
            yield ("factor", i, "key"), f"{key} stands in `set` as well; give it in one place"
        if key == "run.replications":
            yield ("factor", i, "key"), "is no factor; give `replications` of the sweep"
    yield from _size_problems(table)


def _factor_problems(factor: FactorTable, sampled: bool) -> Iterator[Problem]:
    ranged = factor.low is not None or factor.high is not None
    if factor.values is not None and (ranged or factor.count or factor.log):
        yield (("values",), "stands beside low, high, count or log; give values or a range")
        return
    if factor.values is not None:
        if sampled:
            yield (("values",), "this design draws from ranges; give low and high")
        elif not factor.values:
            yield (("values",), "is empty; give at least one value")
        elif any(factor.values.index(v) < i for i, v in enumerate(factor.values)):
            yield (("values",), "has a value twice; give each once")
        return
    if factor.low is None or factor.high is None:
        yield ((), f"has no {'range' if sampled else 'values'}; give {_wanted(sampled)}")
        return
    if factor.low >= factor.high:
        yield (("high",), f"is not above low (got {factor.high!r}, low is {factor.low!r})")
    elif factor.log and factor.low <= 0:
        yield (("low",), f"must be above 0 with log = true (got {factor.low!r})")
    if sampled and factor.count is not None:
        yield (("count",), "belongs to grid and list; this design has `points`")
    elif not sampled and factor.count is None:
        yield (("low",), "a range of this design needs count; give count, or values")


def _wanted(sampled: bool) -> str:
    return "low and high" if sampled else "values, or low, high and count"


def _size_problems(table: SweepTable) -> Iterator[Problem]:
    if table.design in SAMPLED:
        if table.points is None:
            yield ("design",), f"{table.design} needs points; give points = 16, for example"
        elif table.design == "sobol" and table.points & (table.points - 1):
            yield ("points",), f"a Sobol sequence is even at powers of two (got {table.points})"
        if not table.factor:
            yield ("design",), f"{table.design} needs factors; give [[factor]] tables"
        return
    if table.points is not None:
        yield ("points",), "belongs to latin_hypercube and sobol; this design has its values"
    counts = [len(f.values) if f.values is not None else f.count or 1 for f in table.factor]
    if table.design == "list" and len(set(counts)) > 1:
        shown = ", ".join(map(str, counts))
        yield ("design",), f"list needs as many values in every factor (got {shown})"
    if table.design == "grid" and math.prod(counts) > MOST_POINTS:
        yield (
            ("design",),
            f"has {counted(math.prod(counts), 'point')}; allowed: at most {MOST_POINTS:,}",
        )


def points_of(table: SweepTable) -> list[Point]:
    """All points of a design without problems; one without factors has one point."""
    if table.design in SAMPLED:
        assert table.points is not None
        shares = _shares(table.design, len(table.factor), table.points, table.seed)
        columns = [_placed(f, shares[:, i]) for i, f in enumerate(table.factor)]
        return list(zip(*columns, strict=True))
    levels = [_levels(factor) for factor in table.factor]
    if table.design == "list" and levels:
        return list(zip(*levels, strict=True))
    return list(itertools.product(*levels))


def _levels(factor: FactorTable) -> Sequence[Any]:
    if factor.values is not None:
        return factor.values
    assert factor.count is not None
    return list(dict.fromkeys(_placed(factor, np.linspace(0.0, 1.0, factor.count), ends=True)))


def _placed(factor: FactorTable, shares: FloatArray, *, ends: bool = False) -> list[float | int]:
    """Values of a factor at shares of its range.

    Whole numbers take equal parts of it each where points are drawn; a grid's are rounded.
    """
    low, high = factor.low, factor.high
    assert low is not None and high is not None
    whole = isinstance(low, int) and isinstance(high, int)
    start, end = (low - 0.5, high + 0.5) if whole and not ends and not factor.log else (low, high)
    if factor.log:
        values = np.exp(math.log(start) + shares * (math.log(end) - math.log(start)))
    else:
        values = start + shares * (end - start)
    values = np.clip(values, low, high)
    return [int(v) for v in np.rint(values)] if whole else [float(f"{v:.12g}") for v in values]


def _shares(design: str, factors: int, points: int, seed: int) -> FloatArray:
    """Places of the points in the unit cube, shape (points, factors)."""
    if design == "latin_hypercube":
        drawn = [
            seeds.uniform(seeds.stream(seed, "sweep", design, i), 2 * points)
            for i in range(factors)
        ]
        # every factor has one point in each of its strata
        strata = np.stack([np.argsort(x[:points], kind="stable") for x in drawn], axis=1)
        inside = np.stack([x[points:] for x in drawn], axis=1)
        return np.asarray((strata + inside) / points, dtype=np.float64)
    from scipy.stats import qmc

    # the scrambled sequence keeps the balance that a shift around the cube would lose
    scrambling = seeds.bits(seeds.stream(seed, "sweep", design), 64)
    sequence = qmc.Sobol(factors, scramble=True, seed=scrambling)
    return np.asarray(sequence.random(points), dtype=np.float64)
