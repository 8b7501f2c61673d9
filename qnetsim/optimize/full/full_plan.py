"""A plan from the full program (21)-(31), for instances small enough for it."""

from __future__ import annotations

from itertools import pairwise

from qnetsim.forecast import Forecast
from qnetsim.network import BLOCKED, Network, Route, RouteTable
from qnetsim.network.routes import NodePair
from qnetsim.optimize.assemble import AssignedRoutes, assign_wavelengths, fixed_routes_plan
from qnetsim.optimize.full.full_problem import FullProblem
from qnetsim.optimize.full.full_program import FullProgram
from qnetsim.optimize.lightpaths.lightpaths import Lightpaths
from qnetsim.optimize.marginals import marginal_loads
from qnetsim.optimize.plan import Plan, SolveReport
from qnetsim.optimize.recourse import possible_levels
from qnetsim.optimize.solvers.solver import Solver
from qnetsim.optimize.wavelengths.assignment import Assignment

#: How the solver of such a plan is called.
FULL_PROGRAM = "full program (21)-(31)"


def full_problem(network: Network, forecast: Forecast) -> FullProblem:
    """Comonotone demand as the full program takes it: one scenario for each possible state."""
    states = possible_levels(forecast)
    rho = network.level_channels(forecast.level_count)
    return FullProblem(
        network,
        forecast.pairs,
        forecast.joint.probabilities[states],
        rho[forecast.joint.levels[forecast.kind][:, states].T],
        blocking_cost=network.costs.blocking,
    )


def full_plan(network: Network, forecast: Forecast, solver: Solver) -> Plan:
    """Solve (21)-(31) for comonotone demand, wavelengths and all.

    Raises
    ------
    UsageError
        The instance is too large; says how many variables it would need.
    InfeasibleError
        No lightpaths serve the demand within the limits.
    """
    problem = full_problem(network, forecast)
    solution = FullProgram(problem, solver).solve()
    levels = possible_levels(forecast)
    # levels that never happen take the routes of one that does
    scenario_of = [levels.index(k) if k in levels else 0 for k in range(forecast.state_count)]
    routes = RouteTable.of(
        [
            [path_of(pair, solution.lightpaths[s][r]) for s in scenario_of]
            for r, pair in enumerate(forecast.pairs)
        ]
    )
    # where links cost nothing, the solution may hold cycles, whose wavelengths are of no use:
    # the wavelengths are assigned anew, and the solution's own are kept only if that fails
    assigned = assign_wavelengths(network, forecast, routes)
    if network.limited and not (assigned.assignment and assigned.assignment.fits):
        own = Assignment(
            {k: tuple(_first(p.qkd) for p in solution.lightpaths[s]) for s, k in enumerate(levels)},
            {k: tuple(_first(p.km) for p in solution.lightpaths[s]) for s, k in enumerate(levels)},
            fits=True,
        )
        assigned = AssignedRoutes(routes, marginal_loads(network, forecast, routes), own)
    return fixed_routes_plan(
        network,
        forecast,
        assigned,
        SolveReport(
            # that of the solver rests on its tolerances
            bound=0.0,
            solver=f"{FULL_PROGRAM}, {solution.solver}, {solution.size.nodes} nodes",
            size=solution.size,
        ),
    )


def _first(wavelengths: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    """Wavelengths of the first link; by continuity they are those of all links."""
    return wavelengths[0] if wavelengths else ()


def path_of(pair: NodePair, paths: Lightpaths) -> Route:
    """Path of a request along its links; links off the path belong to cycles and are left out."""
    import networkx

    if not paths.links:
        return BLOCKED
    over = dict(zip(paths.links, paths.fibres, strict=True))
    nodes = networkx.shortest_path(networkx.DiGraph(paths.links), *pair)
    return Route(tuple(nodes), tuple(over[step] for step in pairwise(nodes)))
