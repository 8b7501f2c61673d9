"""Demand: the node pairs of a scenario, and the levels realised in each slot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from qnetsim import seeds
from qnetsim.errors import SettingError
from qnetsim.exogenous.arrivals import draw_classes
from qnetsim.exogenous.forecast import Forecast
from qnetsim.exogenous.levels import LevelDistribution, poisson_levels, table_levels
from qnetsim.exogenous.regimes import RegimeLevels, stationary
from qnetsim.network.routes import NodePair
from qnetsim.network.topology import Topology
from qnetsim.scenario import DemandTable, RegimesTable


def build_forecast(
    table: DemandTable, topology: Topology, seed: int, regimes: RegimesTable | None = None
) -> Forecast:
    """Fix the requests of a scenario and the distribution of their levels.

    Raises
    ------
    SettingError
        A pair names an unknown node, joins a node to itself, or has no path.
    """
    pairs = _pairs(table, topology, seed)
    classes = draw_classes(table.priority_shares, len(pairs), seed)
    levels = stationary(regimes, table) if regimes else _distribution(table)
    return Forecast(levels, table.coupling, pairs, classes)


def _distribution(table: DemandTable) -> LevelDistribution:
    if table.probabilities is not None:
        return table_levels(table.probabilities)
    return poisson_levels(table.levels, table.mean)


def _pairs(table: DemandTable, topology: Topology, seed: int) -> tuple[NodePair, ...]:
    every = [(a, b) for b in range(len(topology.nodes)) for a in range(b)]
    every.sort()
    if table.requests is not None:
        # once per scenario, not per replication, so that one plan serves all replications
        picks = seeds.integers(seeds.stream(seed, "pairs"), len(every), table.requests)
        pairs = [every[pick] for pick in picks]
        _refuse_unconnected(pairs, topology, ("demand", "requests"))
        return tuple(pairs)
    if isinstance(table.pairs, str) or table.pairs is None:
        _refuse_unconnected(every, topology, ("demand", "pairs"))
        return tuple(every)
    return _listed_pairs(table.pairs, topology)


def _listed_pairs(listed: Sequence[tuple[str, str]], topology: Topology) -> tuple[NodePair, ...]:
    position = {name: i for i, name in enumerate(topology.nodes)}
    problems: list[tuple[tuple[str | int, ...], str]] = []
    pairs: list[NodePair] = []
    component = topology.components()
    for i, ends in enumerate(listed):
        key = ("demand", "pairs", i)
        unknown = [node for node in ends if node not in position]
        if unknown:
            names = ", ".join(topology.nodes[:30]) + (", …" if len(topology.nodes) > 30 else "")
            problems.append((key, f"unknown node {unknown[0]!r}; allowed: {names}"))
        elif ends[0] == ends[1]:
            problems.append((key, f"joins node {ends[0]!r} to itself; give two different nodes"))
        else:
            a, b = sorted((position[ends[0]], position[ends[1]]))
            pairs.append((a, b))
            if component[a] != component[b]:
                problems.append((key, _unconnected(topology, a, b)))
    if problems:
        raise SettingError(problems)
    return tuple(pairs)


def _refuse_unconnected(
    pairs: Sequence[NodePair], topology: Topology, key: tuple[str | int, ...]
) -> None:
    component = topology.components()
    apart = dict.fromkeys((a, b) for a, b in pairs if component[a] != component[b])
    if apart:
        raise SettingError([(key, _unconnected(topology, a, b)) for a, b in list(apart)[:20]])


def _unconnected(topology: Topology, a: int, b: int) -> str:
    return (
        f"no path joins {topology.nodes[a]!r} and {topology.nodes[b]!r} in {topology.name}; "
        "add fibres or remove the request"
    )


class Levels:
    """The levels of one world, chunk by chunk in order.

    Parameters
    ----------
    forecast : Forecast
    regimes : RegimesTable or None
    seed : int
    name : tuple of str or int
        Of the streams.
    """

    def __init__(
        self,
        forecast: Forecast,
        regimes: RegimesTable | None,
        seed: int,
        name: tuple[str | int, ...],
    ) -> None:
        self._forecast, self._seed, self._name = forecast, seed, name
        self._regimes: RegimeLevels | None = None
        if regimes:
            self._regimes = RegimeLevels(regimes, forecast.levels.levels, seed, name)

    def draw(self, chunk: int, slots: int) -> npt.NDArray[np.int16]:
        """Levels of the next chunk, shape (slots, groups)."""
        if self._regimes:
            return self._regimes.draw(chunk, slots)
        groups = self._forecast.groups
        words = seeds.words(seeds.stream(self._seed, *self._name, chunk), slots * groups)
        return self._forecast.levels.sample(words.reshape(slots, groups))
