"""The program behind a plan of ``sip`` as a model file of solvers."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from qnetsim.case import open_case
from qnetsim.errors import UsageError
from qnetsim.optimize import Plan
from qnetsim.optimize.export import model_of, model_text
from qnetsim.optimize.full.full_plan import FULL_PROGRAM
from qnetsim.scenario import PolicyTable, Scenario
from qnetsim.trace.hdf5.files import write_whole


def save_model(
    scenario: Scenario, policy: PolicyTable, path: str | os.PathLike[str], plan: Plan | None = None
) -> None:
    """Write the program behind a plan of ``sip`` as a model file, ``.lp`` or ``.mps``.

    Parameters
    ----------
    scenario : Scenario
    policy : PolicyTable
    path : Path or str
    plan : Plan, optional
        The plan itself: the header gives its cost, and where it took the full program, that is
        written.

    Raises
    ------
    UsageError
        Another policy, formulation or suffix, or demand that is not comonotone.
    SolverError
        The file cannot be written.
    """
    case = open_case(scenario)
    network = case.network
    formulation = policy.options.get("formulation", "auto")
    if policy.name != "sip" or formulation not in {"auto", "routes", "full"}:
        raise UsageError("a model file is written for sip, formulation auto, routes or full")
    full = formulation == "full" or (plan is not None and plan.solver.startswith(FULL_PROGRAM))
    model = model_of(network, case.forecast, case.setting.solver, full=full, risk=case.setting.risk)
    if plan is not None:
        said = (
            f"The plan costs {plan.objective(network)!r} per slot and is {plan.status}: found by",
            f"{plan.solver}.",
        )
        model = replace(model, header=(*model.header, *said))
    write_whole(Path(path), model_text(model, Path(path).suffix))
