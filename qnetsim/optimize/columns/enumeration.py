"""All routes that can be part of a better plan, by their reduced costs.

Under prices that prove a bound, a request on a route that is longer than the shortest by more than
what lies between bound and best plan makes any plan dearer than that. If the routes that remain
are few, the integer program over them is exact over all simple paths.
"""

from __future__ import annotations

from qnetsim.arrays import FloatArray
from qnetsim.network import BLOCKED
from qnetsim.network.bounded_routes import distances_to_each, routes_within
from qnetsim.optimize.columns.master_parts import PathColumn
from qnetsim.optimize.columns.problem import RoutesProblem

#: Most steps of the search for these routes.
MAX_STEPS = 1_000_000


def useful_columns(
    problem: RoutesProblem,
    lengths: FloatArray,
    blocking: FloatArray,
    slack: float,
    most: int,
) -> list[PathColumn] | None:
    """Every route at most ``slack`` longer than the shortest of its kind and scenario.

    Parameters
    ----------
    problem : RoutesProblem
    lengths : ndarray, shape (scenarios, distributions, fibres)
        Scaled lengths under the prices of the bound.
    blocking : ndarray, shape (scenarios, kinds)
        Scaled prices of a blocked request.
    slack : float
        Scaled distance of best plan and bound.
    most : int
        Routes beyond which there is no point.

    Returns
    -------
    list of PathColumn or None
        None where there are more than ``most``.
    """
    topology = problem.network.topology
    found: list[PathColumn] = []
    steps = MAX_STEPS
    targets = {pair[1] for pair in problem.pairs}
    for s, rows in enumerate(lengths.tolist()):
        rest = [distances_to_each(topology, row, targets) for row in rows]
        for p, ((source, target), d) in enumerate(problem.counts):
            limit = min(rest[d][target][source], float(blocking[s, p])) + slack
            search = routes_within(
                topology,
                rows[d],
                rest=rest[d][target],
                pair=(source, target),
                limit=limit,
                most_steps=steps,
            )
            steps -= search.steps
            found += [PathColumn(s, p, route) for route in search.routes]
            if blocking[s, p] <= limit:
                found.append(PathColumn(s, p, BLOCKED))
            if len(found) > most or steps < 0:
                return None
    return found


def slack_of(objective: float, bound: float) -> float:
    """Distance of plan and bound, with room for rounding."""
    return (objective - bound) + 1e-9 * max(abs(objective), 1.0)
