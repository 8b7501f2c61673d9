"""Forecasts of demand with jobs: the exact law of each pair's level, pairs as if independent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from qnetsim.errors import SettingError
from qnetsim.forecast.forecast import Forecast
from qnetsim.forecast.job_law import JobLaw
from qnetsim.forecast.levels import LevelDistribution
from qnetsim.network.node_names import NodeNames
from qnetsim.network.topology import Topology
from qnetsim.plain_text import counted
from qnetsim.scenario import JobsTable
from qnetsim.scenario.lines import Problem


def with_jobs(background: Forecast, table: JobsTable, topology: Topology) -> Forecast:
    """Forecast of demand with jobs on top of another one, whose requests are independent.

    Raises
    ------
    SettingError
        Nodes are unknown or too few, sizes are no levels, or pairs of nodes are not the requests.
    """
    nodes = _nodes(table, topology)
    problems = [
        *_size_problems(table, background.level_count),
        *_pair_problems(nodes, background, topology),
    ]
    if problems:
        raise SettingError(problems)
    law = JobLaw(table, nodes, background.pairs, background.distributions, background.kinds)
    asked = set(law.request_of.values())
    known: dict[tuple[int, bool], LevelDistribution] = {}
    for key in {(kind, r in asked) for r, kind in enumerate(background.kind.tolist())}:
        own = background.distributions[key[0]]
        known[key] = law.stationary(own) if key[1] else own
    each = [known[kind, r in asked] for r, kind in enumerate(background.kind.tolist())]
    distinct = list(dict.fromkeys(each))
    position = {one: i for i, one in enumerate(distinct)}
    return replace(
        background,
        distributions=tuple(distinct),
        kinds=tuple(position[one] for one in each) if len(distinct) > 1 else (),
        jobs=law,
    )


def _nodes(table: JobsTable, topology: Topology) -> tuple[int, ...]:
    """Positions of the nodes on which jobs may be."""
    place = ("jobs", "nodes")
    found = list(range(len(topology.nodes)))
    if isinstance(table.nodes, tuple):
        names = NodeNames(topology)
        problems: list[Problem] = [
            ((*place, i), why) for i, name in enumerate(table.nodes) if (why := names.why_not(name))
        ]
        if problems:
            raise SettingError(problems)
        found = [names.find(name) for name in table.nodes]
        often = [topology.titles[node] for node, times in Counter(found).items() if times > 1]
        if often:
            raise SettingError([(place, f"names {often[0]!r} twice; name each node once")])
    if len(found) < table.members + 2:
        most = len(found) - 2
        text = (
            f"{counted(table.members, 'member')}, a hub and an owner take "
            f"{counted(table.members + 2, 'node')}, and there are {len(found)}; "
            + (f"allowed: at most {most}" if most > 0 else "a job needs at least 3 nodes")
        )
        raise SettingError([(("jobs", "members"), text)])
    return tuple(sorted(found))


def _size_problems(table: JobsTable, levels: int) -> Iterator[Problem]:
    for key, sizes in (("sizes", table.sizes), ("owner_sizes", table.owner_sizes)):
        for i, size in enumerate(sizes):
            if size >= levels:
                most = f"allowed: 1 .. {levels - 1}, or " if levels > 1 else ""
                text = f"is {size}; {most}raise demand.levels to at least {size + 1}"
                yield ("jobs", key, i), text


def _pair_problems(
    nodes: tuple[int, ...], background: Forecast, topology: Topology
) -> Iterator[Problem]:
    """Each pair of the jobs' nodes has one request: nobody else could ask, nor say who of two."""
    times = Counter(background.pairs)
    wrong = [pair for pair in combinations(nodes, 2) if times[pair] != 1]
    if wrong:
        a, b = (topology.titles[node] for node in wrong[0])
        text = (
            f"{a!r} and {b!r} have {counted(times[wrong[0]], 'request')}, and every pair of the "
            f"jobs' nodes has one ({counted(len(wrong), 'pair')} of them not): give demand.pairs "
            '= "all", or other nodes'
        )
        yield ("jobs", "nodes"), text
