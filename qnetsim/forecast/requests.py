"""The [[request]] tables of a scenario as node pairs, distributions, bundles and classes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

from qnetsim.errors import SettingError
from qnetsim.forecast.levels import LevelDistribution, level_at, poisson_levels, table_levels
from qnetsim.plain_text import counted
from qnetsim.scenario import RequestTable
from qnetsim.scenario.lines import Key
from qnetsim.scenario.tables.fields import MAX_LEVELS
from qnetsim.units import exact

#: Least part of a mean rate that truncation to the levels may leave.
KEPT = Fraction(99, 100)


class OwnDemand(NamedTuple):
    """What [[request]] tables say, request by request.

    Attributes
    ----------
    listed : list of (str, str)
        Names of the ends.
    tables : list of int
        The table behind each request.
    distributions : tuple of LevelDistribution
        Each once.
    kinds : tuple of int
        Position in ``distributions``; empty where there is one only.
    bundles : tuple of int
        Position of the group's name among all names; empty without groups.
    classes : tuple of int
        Empty where no priority is given.
    """

    listed: list[tuple[str, str]]
    tables: list[int]
    distributions: tuple[LevelDistribution, ...]
    kinds: tuple[int, ...]
    bundles: tuple[int, ...]
    classes: tuple[int, ...]


def own_demand(
    tables: Sequence[RequestTable],
    shared: LevelDistribution,
    level_bps: Fraction,
    place: Callable[[int], Key] = lambda i: ("request", i),
) -> OwnDemand:
    """Spread the tables over their requests.

    Parameters
    ----------
    tables : sequence of RequestTable
    shared : LevelDistribution
        Of requests that give no levels of their own; says how many levels there are.
    level_bps : Fraction
        Key rate in bit/s that one level stands for.
    place : callable
        Where the i-th table stands in a scenario.

    Raises
    ------
    SettingError
        The levels are too few for a mean rate.
    """
    problems = []
    position: dict[LevelDistribution, int] = {}
    names: dict[str | None, int] = {}
    kinds: list[int] = []
    bundles: list[int] = []
    spread: list[int] = []
    # many requests of a network often ask alike
    made: dict[tuple[object, ...], LevelDistribution | str] = {}
    for i, table in enumerate(tables):
        key = place(i)
        of_means = key[0] != "request"
        law = (table.probabilities, table.level, table.mean, table.mean_rate_bps, of_means)
        if law not in made:
            made[law] = _distribution(table, shared, level_bps, of_means)
        found = made[law]
        if isinstance(found, str):
            if key[0] == "request":
                problems.append(((*key, "mean_rate_bps"), found))
            else:
                problems.append((key, f"{table.source}–{table.target}: {found}"))
            continue
        spread += [i] * table.count
        kinds += [position.setdefault(found, len(position))] * table.count
        bundles += [names.setdefault(table.group, len(names))] * table.count
    if problems:
        raise SettingError(problems[:20])
    given = any(table.priority is not None for table in tables)
    return OwnDemand(
        listed=[(tables[i].source, tables[i].target) for i in spread],
        tables=spread,
        distributions=tuple(position),
        kinds=tuple(kinds) if len(position) > 1 else (),
        bundles=() if None in names else tuple(bundles),
        classes=tuple(tables[i].priority or 0 for i in spread) if given else (),
    )


def _distribution(
    table: RequestTable, shared: LevelDistribution, level_bps: Fraction, of_means: bool
) -> LevelDistribution | str:
    """Distribution of a table's levels, or what is wrong with its mean.

    The mean of a ``[[request]]`` is that ahead of the cut; a table of means has what is asked for.
    """
    levels = shared.count
    if table.probabilities is not None:
        return table_levels([*table.probabilities, *[0.0] * (levels - len(table.probabilities))])
    if table.level is not None:
        return level_at(table.level, levels)
    if table.mean is not None and not of_means:
        return poisson_levels(levels, exact(table.mean))
    if table.mean is not None:
        mean = exact(table.mean)
        what = "the mean is "
    elif table.mean_rate_bps is not None:
        mean = exact(table.mean_rate_bps) / level_bps
        what = f"{table.mean_rate_bps:g} bit/s are "
    else:
        return shared
    if mean <= MAX_LEVELS:
        found = poisson_levels(levels, mean)
        if found.exact_mean >= KEPT * mean:
            return found
    least = _least_levels(float(mean))
    mend = f"raise demand.levels to {least}"
    if least is None:
        mend = "lower it" if table.mean is not None else "raise network.key_rate_bps"
    return (
        f"{what}{float(mean):g} levels of {float(level_bps):g} bit/s, "
        f"of which a Poisson distribution cut to {counted(levels, 'level')} does not "
        f"keep {float(KEPT):.0%}; "
        f"{mend}"
    )


def _least_levels(mean: float) -> int | None:
    """Fewest levels that keep enough of a mean; None where there are not so many."""
    total = kept = 0.0
    for k in range(MAX_LEVELS):
        weight = math.exp(k * math.log(mean) - math.lgamma(k + 1) - mean)
        total += weight
        kept += k * weight
        # far below the mean every weight may be zero
        if total > 0 and kept >= float(KEPT) * mean * total:
            return k + 1
    return None
