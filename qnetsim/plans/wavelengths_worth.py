"""What the wavelengths of a plan's fibres are worth, or why that is not said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qnetsim.case import open_case
from qnetsim.forecast.tail_weights import weighted_forecast
from qnetsim.optimize import Plan
from qnetsim.plans.make import Tell
from qnetsim.scenario import Scenario
from qnetsim.units import exact
from qnetsim.vocabulary import PlanStatus

if TYPE_CHECKING:
    from qnetsim.optimize.wavelength_values import WavelengthValue


@dataclass(frozen=True)
class WavelengthsWorth:
    """Values of the fibres whose limit has a price, or why there are none.

    Attributes
    ----------
    values : sequence of WavelengthValue
        The dearest first.
    note : str
        Why there are none; empty otherwise.
    """

    values: Sequence[WavelengthValue]
    note: str = ""


def worth_of_wavelengths(
    scenario: Scenario, plan: Plan, tell: Tell | None = None
) -> WavelengthsWorth:
    """Work out what wavelengths are worth beside a plan of ``sip``.

    Parameters
    ----------
    scenario : Scenario
        That the plan was made for.
    plan : Plan
    tell : callable, optional
        Receives a line of text now and then during a long solve.
    """
    case = open_case(scenario)
    network = case.network
    if not network.limited:
        return WavelengthsWorth((), "wavelengths are not limited: one more is worth nothing")
    if plan.prices is None:
        return WavelengthsWorth(
            (),
            "prices of wavelengths come from the routes program of sip, for comonotone demand: no "
            "program with limits covers independent, grouped or copula demand",
        )
    if plan.status not in {PlanStatus.OPTIMAL, PlanStatus.FEASIBLE}:
        return WavelengthsWorth((), f"a plan that is {plan.status} gives wavelengths no price")
    solver = case.setting.solver
    if tell is not None:
        solver = replace(solver, settings=replace(solver.settings, tell=tell))
    forecast = case.forecast
    if plan.risk is not None:
        # the risk objective is an expectation under other probabilities
        level, weight = exact(plan.risk.level), exact(plan.risk.weight)
        forecast = weighted_forecast(forecast, level, weight)
    from qnetsim.optimize.wavelength_values import wavelength_values

    values = tuple(wavelength_values(network, forecast, solver, plan))
    if values:
        return WavelengthsWorth(values)
    return WavelengthsWorth(
        (), "no wavelength limit binds: one more is worth nothing at the margin"
    )
