"""Requests with means of their own: by a gravity model, or by a table of means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations

from qnetsim.errors import SettingError
from qnetsim.network.node_names import NodeNames
from qnetsim.network.topology import Topology
from qnetsim.plain_text import counted
from qnetsim.scenario import DemandTable, GravityTable, RequestTable
from qnetsim.scenario.lines import Key, Problem
from qnetsim.scenario.tables.request import MAX_REQUESTS
from qnetsim.units import exact

WEIGHTS: Key = ("demand", "gravity", "weights")
MEANS: Key = ("demand", "means")
#: Highest mean rate in bit/s, as of ``request.mean_rate_bps``.
MOST_BPS = 10**18


def requests_of(table: DemandTable, topology: Topology) -> tuple[RequestTable, ...]:
    """Requests of a gravity model or of a table of means; none where there is neither.

    Raises
    ------
    SettingError
        Weights or means do not fit the network or the other keys.
    """
    if table.gravity is not None:
        return gravity_requests(table.gravity, topology)
    if table.means is None:
        return ()
    # a path is read where the scenario is
    assert not isinstance(table.means, str)
    problems = list(_problems(table, table.means))
    if problems:
        raise SettingError(problems)
    return table.means


def _problems(table: DemandTable, means: Sequence[RequestTable]) -> list[Problem]:
    found: list[Problem] = []
    for i, row in enumerate(means):
        given = (row.mean is not None) + (row.mean_rate_bps is not None)
        place = (*MEANS, i)
        if given != 1 or row.level is not None or row.probabilities is not None:
            found.append((place, "give one of mean and mean_rate_bps, and no other levels"))
        if (row.group is not None) != (table.coupling == "grouped"):
            has = "has no group" if row.group is None else f"has the group {row.group!r}"
            text = f"{has}, and demand.coupling is {table.coupling!r}; change one"
            found.append((place, text))
        if row.priority is not None and table.priority_shares is not None:
            text = "has a priority beside demand.priority_shares, which draw the class; remove one"
            found.append((place, text))
    total = sum(row.count for row in means)
    if not means:
        found.append((MEANS, "is empty; give at least one row"))
    if total > MAX_REQUESTS:
        text = f"has {counted(total, 'request')} in all; allowed: {MAX_REQUESTS:,}"
        found.append((MEANS, text))
    return found[:20]


def gravity_requests(table: GravityTable, topology: Topology) -> tuple[RequestTable, ...]:
    """Requests of a gravity model: m_ij = T · w_i · w_j / Σ_{k<l} w_k · w_l.

    Parameters
    ----------
    table : GravityTable
        With the weights in it, not in a file.
    topology : Topology

    Returns
    -------
    tuple of RequestTable
        One for each pair of nodes with a mean above zero, in order of the nodes.

    Raises
    ------
    SettingError
        The weights are not those of the nodes.
    """
    weights = _weights(table, topology)
    total = sum(weights, Fraction(0))
    # Σ_{k<l} w_k · w_l
    pairs = (total**2 - sum((w * w for w in weights), Fraction(0))) / 2
    if not pairs:
        raise SettingError([(WEIGHTS, "fewer than two nodes have a weight above zero; give two")])
    rate = total / 2 if table.total_rate_bps is None else exact(table.total_rate_bps)
    if rate > MOST_BPS:
        text = f"add up to a rate of {float(rate):.3g} bit/s; allowed: {MOST_BPS:.0e}"
        raise SettingError([(WEIGHTS, text)])
    heavy = [i for i, weight in enumerate(weights) if weight]
    if len(heavy) * (len(heavy) - 1) // 2 > MAX_REQUESTS:
        text = f"give more than {MAX_REQUESTS:,} node pairs; leave out nodes by a weight of 0"
        raise SettingError([(WEIGHTS, text)])
    return tuple(
        RequestTable(
            source=topology.nodes[i],
            target=topology.nodes[j],
            mean_rate_bps=float(rate * weights[i] * weights[j] / pairs),
        )
        for i, j in combinations(heavy, 2)
    )


def _weights(table: GravityTable, topology: Topology) -> list[Fraction]:
    """Weight of each node."""
    nodes = topology.nodes
    if table.weights == "degree":
        degrees = Counter(end for fibre in topology.fibres for end in fibre)
        return [Fraction(degrees[i]) for i in range(len(nodes))]
    assert not isinstance(table.weights, str)
    names = NodeNames(topology)
    found: dict[int, Fraction] = {}
    problems: list[Problem] = []
    for name, weight in table.weights:
        try:
            node = names.find(name)
        except LookupError as error:
            problems.append((WEIGHTS, str(error.args[0])))
            continue
        if node in found:
            problems.append((WEIGHTS, f"{name!r} has two weights; give one"))
        elif not 0 <= weight <= MOST_BPS:
            text = f"{name!r} has the weight {weight:g}; allowed: 0 .. {MOST_BPS:.0e}"
            problems.append((WEIGHTS, text))
        else:
            found[node] = exact(weight)
    missing = [name for i, name in enumerate(nodes) if i not in found]
    if missing and not problems:
        listed = ", ".join(missing[:20]) + (", …" if len(missing) > 20 else "")
        problems.append((WEIGHTS, f"has no weight of {listed}; give one, or 0"))
    if problems:
        raise SettingError(problems[:20])
    return [found[i] for i in range(len(nodes))]
