"""Cheapest routes of one level that can be coloured: an integer program with odd-set rows.

Of any three fibres that meet in a node a colour can serve but one request that takes two of them.
So at most as many requests as there are colours may do so: (26), (27), (30) and (31) together.
Limits on each fibre alone allow half as many again, which is where colourings fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from qnetsim import seeds
from qnetsim.arrays import FloatArray
from qnetsim.network import Route, Topology
from qnetsim.optimize.solvers.program import Program
from qnetsim.optimize.solvers.solver import HIGHS
from qnetsim.optimize.wavelengths.layers import Charge, Choice

#: Routes of a request that the program may choose from.
MOST_ROUTES = 12
#: Most routes, of all pairs together, with which the program is tried.
MOST_COLUMNS = 2_500
#: Gap at which the program counts as solved, relative to the plan's cost.
GAP = 1e-6
#: Branch-and-bound nodes of the program.
NODES = 20
#: Size of the random costs that pick one of equally cheap solutions, relative to the plan's cost.
DRAW = 5e-8


class Room(NamedTuple):
    """What a fibre, and three fibres of a node together, have room for; None where unlimited.

    Attributes
    ----------
    requests : int or None
        Colours, one to a request.
    channels : int or None
        Channels, as many to a request as the fibre of its route that needs most.
    """

    requests: int | None
    channels: int | None


class _Column(NamedTuple):
    """A route of a group of requests, and what one request uses on it, shape (2·fibres,)."""

    group: int
    route: Route
    use: FloatArray


def cheapest_routes(
    topology: Topology,
    choices: Sequence[Choice],
    charge: Charge,
    room: Room,
    cost: float,
    attempt: int,
) -> list[Route] | None:
    """Route whole requests so that no fibre, and no three fibres of a node, take too many.

    Parameters
    ----------
    topology : Topology
    choices : sequence of Choice
        By request; requests of one pair that use as much are interchangeable.
    charge : Charge
    room : Room
    cost : float
        Of the plan, for the scale.
    attempt : int
        Picks among equally cheap solutions.

    Returns
    -------
    list of Route or None
        By request; None where the program has no solution, or is too large.
    """
    members: dict[tuple[frozenset[int], bytes], list[int]] = {}
    for r, choice in enumerate(choices):
        nodes = choice.routes[0].nodes
        key = frozenset((nodes[0], nodes[-1])), choice.one.tobytes()
        members.setdefault(key, []).append(r)
    groups = list(members.values())
    columns: list[_Column] = []
    for g, group in enumerate(groups):
        known: dict[Route, FloatArray] = {}
        for r in group:
            known |= dict(zip(choices[r].routes[:1], choices[r].uses[:1], strict=True))
        first = choices[group[0]]
        known |= dict(zip(first.routes[1:MOST_ROUTES], first.uses[1:MOST_ROUTES], strict=True))
        columns += [_Column(g, route, use) for route, use in known.items()]
    if len(columns) > MOST_COLUMNS:
        return None
    # costs in the program are relative to the dearest unit
    scale = max(float(charge.price.max()), 1e-12)
    draws = seeds.words(seeds.stream(0, "ways", attempt), len(columns)) / 2.0**64
    costs = np.concatenate([charge.price / scale, draws * DRAW * cost / scale])
    counts = [len(group) for group in groups]
    program = _program(topology, columns, counts, room=room, held=charge.held, costs=costs)
    found = HIGHS.solve(program, absolute_gap=GAP * cost / scale, node_limit=NODES)
    if not np.isfinite(found.objective):
        return None
    amounts = np.round(found.values[charge.held.size :]).astype(int).tolist()
    routes: list[list[Route]] = [[] for _ in groups]
    for column, n in zip(columns, amounts, strict=True):
        routes[column.group] += [column.route] * n
    chosen: dict[int, Route] = {}
    for group, listed in zip(groups, routes, strict=True):
        chosen |= dict(zip(group, listed, strict=True))
    return [chosen[r] for r in range(len(choices))]


def _program(
    topology: Topology,
    columns: Sequence[_Column],
    counts: Sequence[int],
    room: Room,
    held: FloatArray,
    costs: FloatArray,
) -> Program:
    """Program of one level.

    Variables are what is used beyond the first stage, shape (2·fibres,), then the requests on each
    route.

    Parameters
    ----------
    topology : Topology
    columns : sequence of _Column
    counts : sequence of int
        Requests of each group.
    room : Room
    held : ndarray, shape (2·fibres,)
        First stage.
    costs : ndarray, shape (2·fibres + columns,)
    """
    from scipy import sparse

    bought = held.size
    fibres = bought // 2
    uses = np.array([column.use for column in columns])
    crossing = uses[:, fibres:]
    odd = [set_ for ends in topology.neighbours for set_ in combinations([e for _, e in ends], 3)]
    twice = np.array([(crossing[:, list(set_)].sum(axis=1) >= 2) for set_ in odd], dtype=np.float64)
    group = sparse.csr_array(
        (np.ones(len(columns)), ([column.group for column in columns], np.arange(len(columns)))),
        shape=(len(counts), len(columns)),
    )
    crossings = np.concatenate([crossing.T, twice.reshape(len(odd), len(columns))])
    widths = uses[:, :fibres].max(axis=1, initial=0.0)
    limits = [
        (rows, most)
        for rows, most in ((crossings, room.requests), (crossings * widths, room.channels))
        if most is not None
    ]
    matrix = sparse.block_array(
        [
            [sparse.eye_array(bought), sparse.csr_array(-uses.T)],
            *([None, sparse.csr_array(rows)] for rows, _ in limits),
            [None, group],
        ],
        format="csr",
    )
    crowd = np.repeat([float(most) for _, most in limits], fibres + len(odd))
    size = bought + len(columns)
    return Program(
        cost=costs,
        lower=np.zeros(size),
        upper=np.full(size, np.inf),
        matrix=matrix,
        row_lower=np.concatenate([-held, np.full(crowd.size, -np.inf), counts]),
        row_upper=np.concatenate([np.full(bought, np.inf), crowd, counts]),
        integer=np.arange(size) >= bought,
    )
