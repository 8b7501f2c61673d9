"""Build a forecast: the node pairs of a scenario, and the distribution of their levels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import combinations

import numpy as np

from qnetsim import seeds
from qnetsim.arrays import IntArray
from qnetsim.errors import SettingError
from qnetsim.forecast.forecast import Forecast
from qnetsim.forecast.levels import LevelDistribution, poisson_levels, table_levels
from qnetsim.forecast.means import requests_of
from qnetsim.forecast.regimes import stationary
from qnetsim.forecast.requests import own_demand
from qnetsim.network.node_names import NodeNames
from qnetsim.network.routes import NodePair
from qnetsim.network.topology import Topology
from qnetsim.scenario import DemandTable, JobsTable, RegimesTable, RequestTable
from qnetsim.scenario.lines import Key


def build_forecast(
    table: DemandTable,
    topology: Topology,
    seed: int,
    regimes: RegimesTable | None = None,
    requests: Sequence[RequestTable] = (),
    level_bps: Fraction = Fraction(1),
    jobs: JobsTable | None = None,
) -> Forecast:
    """Fix the requests of a scenario and the distributions of their levels.

    Parameters
    ----------
    table : DemandTable
    topology : Topology
    seed : int
        Of the pairs and the priority classes that are drawn.
    regimes : RegimesTable, optional
    requests : sequence of RequestTable
        Requests with levels of their own, in place of those of ``table``.
    level_bps : Fraction
        Key rate in bit/s that one level stands for.
    jobs : JobsTable, optional
        Jobs whose demand comes on top of all this.

    Raises
    ------
    SettingError
        A pair names an unknown node, joins a node to itself, or has no path; the levels are too
        few for a mean rate; jobs do not fit the nodes or the requests.
    """
    found = _without_jobs(table, topology, seed, regimes, requests, level_bps)
    if jobs is None:
        return found
    # few scenarios have jobs
    from qnetsim.forecast.job_forecast import with_jobs

    return with_jobs(found, jobs, topology)


def _without_jobs(
    table: DemandTable,
    topology: Topology,
    seed: int,
    regimes: RegimesTable | None,
    requests: Sequence[RequestTable],
    level_bps: Fraction,
) -> Forecast:
    """Forecast of what [demand], [regimes] and [[request]] say."""
    levels = stationary(regimes, table) if regimes else _distribution(table)
    place = _place_of_requests(table)
    requests = requests or requests_of(table, topology)
    if not requests:
        pairs = _pairs(table, topology, seed)
        classes = draw_classes(table.priority_shares, len(pairs), seed)
        return Forecast(
            (levels,), table.coupling, pairs, classes, correlation=table.correlation or 0.0
        )
    own = own_demand(requests, levels, level_bps, place)
    return Forecast(
        distributions=own.distributions,
        coupling=table.coupling,
        pairs=_listed_pairs(own.listed, topology, lambda i: place(own.tables[i])),
        classes=own.classes or draw_classes(table.priority_shares, len(own.listed), seed),
        kinds=own.kinds,
        bundles=own.bundles,
        correlation=table.correlation or 0.0,
    )


def _place_of_requests(table: DemandTable) -> Callable[[int], Key]:
    """Where the i-th request table stands in a scenario."""
    if table.gravity is not None:
        return lambda i: ("demand", "gravity")
    if table.means is not None:
        return lambda i: ("demand", "means", i)
    return lambda i: ("request", i)


def _distribution(table: DemandTable) -> LevelDistribution:
    if table.probabilities is not None:
        return table_levels(table.probabilities)
    return poisson_levels(table.levels, table.mean)


def _pairs(table: DemandTable, topology: Topology, seed: int) -> tuple[NodePair, ...]:
    nodes = len(topology.nodes)
    if table.requests is not None:
        # once per scenario, not per replication, so that one plan serves all replications
        picks = seeds.integers(seeds.stream(seed, "pairs"), math.comb(nodes, 2), table.requests)
        pairs = _numbered_pairs(picks, nodes)
        _refuse_unconnected(pairs, topology, ("demand", "requests"))
        return tuple(pairs)
    if isinstance(table.pairs, str) or table.pairs is None:
        every = list(combinations(range(nodes), 2))
        _refuse_unconnected(every, topology, ("demand", "pairs"))
        return tuple(every)
    return _listed_pairs(table.pairs, topology, lambda i: ("demand", "pairs", i))


def _numbered_pairs(numbers: IntArray, nodes: int) -> list[NodePair]:
    """Pairs by their place among all pairs, which stand in the order of ``combinations``."""
    # place of the first pair of each node with a later one
    start = np.concatenate([[0], np.cumsum(np.arange(nodes - 1, 0, -1))])
    first = np.searchsorted(start, numbers, side="right") - 1
    second = first + 1 + numbers - start[first]
    return list(zip(first.tolist(), second.tolist(), strict=True))


def _listed_pairs(
    listed: Sequence[tuple[str, str]], topology: Topology, place: Callable[[int], Key]
) -> tuple[NodePair, ...]:
    """Pairs of positions; ``place`` says where the i-th pair stands in the scenario."""
    names = NodeNames(topology)
    problems: list[tuple[Key, str]] = []
    pairs: list[NodePair] = []
    component = topology.components()
    for i, ends in enumerate(listed):
        key = place(i)
        try:
            a, b = sorted(map(names.find, ends))
        except LookupError as error:
            problems.append((key, str(error.args[0])))
            continue
        pairs.append((a, b))
        if a == b:
            problems.append((key, f"joins node {ends[0]!r} to itself; give two different nodes"))
        elif component[a] != component[b]:
            problems.append((key, _unconnected(topology, a, b)))
    if problems:
        # a table may stand for many requests
        raise SettingError(list(dict.fromkeys(problems)))
    return tuple(pairs)


def _refuse_unconnected(pairs: Sequence[NodePair], topology: Topology, key: Key) -> None:
    component = topology.components()
    apart = dict.fromkeys((a, b) for a, b in pairs if component[a] != component[b])
    if apart:
        raise SettingError([(key, _unconnected(topology, a, b)) for a, b in list(apart)[:20]])


def _unconnected(topology: Topology, a: int, b: int) -> str:
    return (
        f"no path joins {topology.titles[a]!r} and {topology.titles[b]!r} in {topology.name}; "
        'add fibres or remove the request, or keep one part with network.parts = "largest"'
    )


def draw_classes(shares: Sequence[float] | None, requests: int, seed: int) -> tuple[int, ...]:
    """Priority class of each request, drawn once per scenario; none for a single class."""
    if shares is None:
        return ()
    words = seeds.words(seeds.stream(seed, "priority"), requests)
    return tuple(table_levels(shares).sample(words).tolist())
