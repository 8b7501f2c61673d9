"""SIP: the stochastic integer program (19)-(31), first stage and recourse."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from qnetsim.arrays import IntArray
from qnetsim.errors import UsageError
from qnetsim.forecast import Forecast
from qnetsim.network import Network, RouteTable
from qnetsim.optimize.stage import Stage
from qnetsim.plain_text import counted
from qnetsim.policies.base import PolicyOptions, Setting
from qnetsim.policies.static import StaticPolicy
from qnetsim.scenario import RiskTable

if TYPE_CHECKING:
    from qnetsim.optimize import Plan, Solver
    from qnetsim.optimize.independent.integer_second_stage import SecondStageRule
    from qnetsim.optimize.stochastic import Formulation


class ProgramOptions(PolicyOptions):
    """Options of ``sip``."""

    formulation: Literal["auto", "newsvendor", "routes", "full", "sampling"] = Field(
        default="auto",
        description=(
            "'auto' takes the newsvendor closed form where its certificate proves it, else the "
            "routes program; the others force one. 'full' is the paper's wavelength-indexed "
            "program; 'sampling' plans recourse routes for independent demand"
        ),
        json_schema_extra={"allowed": "'auto', 'newsvendor', 'routes', 'full' or 'sampling'"},
    )
    realisations: int = Field(
        default=60,
        ge=2,
        le=100_000,
        description="realisations in a sample, with formulation = 'sampling'",
        json_schema_extra={"allowed": "an integer 2 .. 100000"},
    )
    samples: int = Field(
        default=10,
        ge=2,
        le=1_000,
        description="samples that bound the optimality gap, with formulation = 'sampling'",
        json_schema_extra={"allowed": "an integer 2 .. 1000"},
    )
    seed: int = Field(
        default=0,
        ge=0,
        le=2**63 - 1,
        description="seed of the samples, with formulation = 'sampling'",
        json_schema_extra={"allowed": "an integer 0 .. 2^63 - 1"},
    )


class StochasticProgram(StaticPolicy):
    """Cheapest expected cost, with its proof or its gap."""

    Options = ProgramOptions
    options: ProgramOptions

    def plan(self, setting: Setting) -> Plan:
        """Solve the program for the forecast."""
        network = setting.network
        forecast = setting.forecast
        solver = setting.solver
        formulation = self.options.formulation
        if setting.risk is not None and not forecast.comonotone:
            return self._sampled_risk(setting, setting.risk)
        if formulation == "sampling":
            if forecast.comonotone:
                raise UsageError(
                    "formulation 'sampling' is for coupling = 'independent'; comonotone demand has "
                    f"{forecast.level_count} realisations and needs no sampling"
                )
            from qnetsim.optimize.independent.sampling import SampleSize, sampled_plan

            size = SampleSize(self.options.realisations, self.options.samples, self.options.seed)
            return sampled_plan(network, forecast, solver, size)
        if forecast.comonotone:
            planner = partial(_comonotone, network, solver, formulation)
            if setting.risk is None:
                return planner(forecast)
            from qnetsim.optimize.risk import risk_averse_plan

            return risk_averse_plan(network, forecast, setting.risk, planner)
        if formulation in {"routes", "full"}:
            drawn = forecast.drivers
            raise UsageError(
                f"formulation {formulation!r} lists every joint state, and is for coupling = "
                f"'comonotone'; with coupling = {forecast.coupling!r} and "
                f"{counted(drawn, 'level')} drawn in a slot there are "
                f"{forecast.level_count}^{drawn} of them; use 'auto' or 'sampling'"
            )
        from qnetsim.optimize.independent.convolution import convolution_plan

        return convolution_plan(network, forecast, solver)

    def _sampled_risk(self, setting: Setting, risk: RiskTable) -> Plan:
        """Weigh the dearest slots of demand that is not comonotone, on fixed routes.

        Raises
        ------
        UsageError
            With another formulation, with limits, and with a price of blocking.
        """
        network = setting.network
        if self.options.formulation != "auto":
            raise UsageError(
                f"planning.risk with coupling = {setting.forecast.coupling!r} plans on fixed "
                "routes; leave formulation out"
            )
        if network.limited or network.costs.blocking is not None:
            raise UsageError(
                "planning.risk with wavelength limits or cost.blocking_cost needs coupling = "
                "'comonotone'; remove one of them"
            )
        from qnetsim.optimize.independent.convolution import convolution_plan
        from qnetsim.optimize.independent.risk_sampling import sampled_risk_plan

        fixed = convolution_plan(network, setting.forecast, setting.solver)
        return sampled_risk_plan(network, setting.forecast, risk, setting.solver, fixed)

    def prepare(self, setting: Setting, plan: Plan | None) -> None:
        """Keep the first stage, and the rule of the second where there is one."""
        super().prepare(setting, plan)
        self._rule: SecondStageRule | None = None
        # sampling keeps fixed routes where they are cheaper
        if plan is not None and plan.interval is not None:
            from qnetsim.optimize.independent.sampling import second_stage_rule

            self.reroutes = True
            self._rule = second_stage_rule(setting.network, setting.forecast, setting.solver)
            self._stage = Stage(
                self._channels.astype(np.float64),
                self._wavelengths.astype(np.float64),
            )

    def recourse(self, slot: int, levels: IntArray) -> RouteTable | None:
        """Route the slot's requests for the levels that came."""
        if self._rule is None:
            return super().recourse(slot, levels)
        routes = self._rule.solve(self._stage, levels).routes
        return RouteTable.of([[route] * self._routes.levels for route in routes])


def _comonotone(
    network: Network, solver: Solver, formulation: Formulation, forecast: Forecast
) -> Plan:
    """Plan for comonotone demand, with the forecast last."""
    from qnetsim.optimize.stochastic import comonotone_plan

    return comonotone_plan(network, forecast, solver, formulation)
