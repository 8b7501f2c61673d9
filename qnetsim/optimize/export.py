"""Write the program behind a plan as a model file, with its names, for any other solver."""

from __future__ import annotations

from pathlib import Path

from qnetsim.errors import UsageError
from qnetsim.forecast import Forecast
from qnetsim.network import Network
from qnetsim.optimize.columns.routes_program import RoutesProgram
from qnetsim.optimize.full.full_plan import full_problem
from qnetsim.optimize.full.full_program import FullProgram
from qnetsim.optimize.recourse import stochastic_problem
from qnetsim.optimize.routing import newsvendor_routes
from qnetsim.optimize.solvers import highs
from qnetsim.optimize.solvers.program import Program
from qnetsim.optimize.solvers.solver import Solver

SUFFIXES = (".lp", ".mps")


def program_of(network: Network, forecast: Forecast, solver: Solver, *, full: bool) -> Program:
    """Build the program of SIP for comonotone demand.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    solver : Solver
    full : bool
        The wavelength-indexed program (21)-(31); otherwise the routes program, with all routes
        that were generated until its relaxation was proved. Its costs are divided by the dearest
        unit.

    Raises
    ------
    UsageError
        Independent demand, or an instance too large for the full program.
    """
    if not forecast.comonotone:
        raise UsageError("a model file is written for comonotone demand only")
    if full:
        return FullProgram(full_problem(network, forecast), solver).program()[0]
    start = newsvendor_routes(network, forecast)
    program = RoutesProgram(stochastic_problem(network, forecast, solver), start)
    program.solve()
    return program.master.program()


def write_model(program: Program, path: Path) -> None:
    """Write a program as LP or MPS by the path's suffix.

    Raises
    ------
    UsageError
        Another suffix.
    SolverError
        The file cannot be written.
    """
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path}: a model file ends in {' or '.join(SUFFIXES)}")
    highs.write(program, path)
