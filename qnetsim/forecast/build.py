"""Build a forecast: the node pairs of a scenario, and the distribution of their levels."""

from __future__ import annotations

from collections.abc import Sequence

from qnetsim import seeds
from qnetsim.errors import SettingError
from qnetsim.forecast.forecast import Forecast
from qnetsim.forecast.levels import LevelDistribution, poisson_levels, table_levels
from qnetsim.forecast.regimes import stationary
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


def draw_classes(shares: Sequence[float] | None, requests: int, seed: int) -> tuple[int, ...]:
    """Priority class of each request, drawn once per scenario; none for a single class."""
    if shares is None:
        return ()
    words = seeds.words(seeds.stream(seed, "priority"), requests)
    return tuple(table_levels(shares).sample(words).tolist())
