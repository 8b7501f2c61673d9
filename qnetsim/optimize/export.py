"""Write the program behind a plan as a model file, with its names, for any other solver."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from qnetsim.errors import SolverError, UsageError
from qnetsim.forecast import Forecast
from qnetsim.forecast.tail_weights import weighted_forecast
from qnetsim.interrupt import remove_at_end
from qnetsim.network import Network
from qnetsim.optimize.columns.routes_program import RoutesProgram
from qnetsim.optimize.full.full_plan import full_problem
from qnetsim.optimize.full.full_program import FullProgram
from qnetsim.optimize.recourse import start_routes, stochastic_problem
from qnetsim.optimize.solvers import highs
from qnetsim.optimize.solvers.program import Program
from qnetsim.optimize.solvers.solver import Solver
from qnetsim.scenario import RiskTable
from qnetsim.units import exact

SUFFIXES = (".lp", ".mps")

FULL = (
    "The wavelength-indexed program (21)-(31), complete: all routes, wavelengths and continuity.",
    "Its optimum is the least expected cost per slot.",
)
ROUTES = (
    "The routes program: (21)-(25) with whole flows on {routes} routes in place of wavelengths.",
    "In every scenario k all requests of a pair start on one base route, which is in the right",
    "sides; a variable shift[k, pair, route] moves requests to another one.",
    "Left out: routes that were not generated. A solver proves the optimum over these routes only;",
    "that no simple path does better was proved by column generation, which priced all of them:",
    "no plan costs less than {bound!r} per slot.",
    "Prices of on-demand units are capped: in no scenario does a unit cost more than one that is",
    "reserved for all. No optimum and no cost of an optimum changes.",
)
RISK = (
    "Risk: planning.risk = {{cvar = {level}, weight = {weight}}}. What the file minimises is the",
    "risk objective, (1 - weight) times the expected cost plus weight times the mean cost of the",
    "dearest slots (CVaR): an expected cost under probabilities that weigh the highest demand,",
    "which are in the prices of the second stage. Costs in this header are risk objectives too.",
)
CUTS = ("Rows cut_i tighten the program: no routing with wavelength continuity breaks them.",)
LIMITS = (
    "Limits: where all requests of a scenario need the same channels on a fibre, (28) and (29) are",
    "one row, limit_28_29, which says how many fit. Elsewhere it is (28) alone, and limit_29 says",
    "how many units of channels fit, of the greatest common divisor of what requests need.",
    "Left out: wavelength continuity, (26) and (27). The plan's routes are coloured afterwards and",
    "may move for it, so the plan may cost more than the optimum of this file, never less.",
)


@dataclass(frozen=True)
class Model:
    """A program in natural units, and what the reader of its file should know.

    Attributes
    ----------
    program : Program
    header : tuple of str
        Lines.
    """

    program: Program
    header: tuple[str, ...]


def model_of(
    network: Network,
    forecast: Forecast,
    solver: Solver,
    *,
    full: bool,
    risk: RiskTable | None = None,
) -> Model:
    """Build the program of SIP for comonotone demand.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    solver : Solver
    full : bool
        The wavelength-indexed program (21)-(31); otherwise the routes program, with all routes
        that were generated until its relaxation was proved.
    risk : RiskTable, optional
        What is minimised is then (1 − w)·E + w·CVaR_α of the cost.

    Raises
    ------
    UsageError
        Demand that is not comonotone, or an instance too large for the full program.
    """
    if not forecast.comonotone:
        raise UsageError(
            f"a model file is written for comonotone demand, not for coupling = "
            f"{forecast.coupling!r}: there would be one scenario for each joint state"
        )
    weighing: tuple[str, ...] = ()
    if risk is not None:
        forecast = weighted_forecast(forecast, exact(risk.cvar), exact(risk.weight))
        weighing = tuple(line.format(level=risk.cvar, weight=risk.weight) for line in RISK)
    if full:
        program = FullProgram(full_problem(network, forecast), solver).program()[0]
        return Model(program, (*(FULL if risk is None else FULL[:1]), *weighing))
    problem = stochastic_problem(network, forecast, solver)
    routes = RoutesProgram(problem, start_routes(network, forecast))
    bound = routes.solve().bound
    program = routes.master.program()
    # solved in units of the dearest price, written in units of cost
    program = replace(program, cost=program.cost * problem.scale)
    count = len(routes.master.columns) + len(problem.counts) * problem.scenarios
    header = [line.format(routes=f"{count:,}", bound=bound) for line in ROUTES]
    if network.limited:
        header += LIMITS
    if routes.master.cuts:
        header += CUTS
    header += weighing
    return Model(program, tuple(header))


def refuse_other_suffix(suffix: str) -> None:
    """Refuse the suffix of a file that is no model file.

    Raises
    ------
    UsageError
    """
    if suffix not in SUFFIXES:
        raise UsageError(f"a model file ends in {' or '.join(SUFFIXES)}, not in {suffix!r}")


def model_text(model: Model, suffix: str) -> str:
    """Text of a program as LP or MPS, by the suffix of its file; the header as comments.

    Raises
    ------
    UsageError
        Another suffix.
    SolverError
        The solver cannot write it.
    """
    refuse_other_suffix(suffix)
    with TemporaryDirectory() as folder:
        part = Path(folder) / f"model{suffix}"
        remove_at_end(Path(folder))
        try:
            highs.write(model.program, part)
            text = part.read_text("utf-8")
        except OSError as error:
            raise SolverError(f"the model cannot be written: {error.strerror}") from None
    sign = "\\ " if suffix == ".lp" else "* "
    return "".join(f"{sign}{line}\n" for line in model.header) + text
