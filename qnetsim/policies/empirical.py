"""Empirical: SIP on the demand seen so far, planned anew every n slots."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from qnetsim.arrays import IntArray
from qnetsim.errors import InfeasibleError, SolverError
from qnetsim.forecast import LevelDistribution
from qnetsim.optimize.routing import newsvendor_table
from qnetsim.optimize.stage import Stage
from qnetsim.optimize.state_routes import StateRoutes, in_states
from qnetsim.policies.base import Decision, Observation, Outcome, Policy, PolicyOptions, Setting

if TYPE_CHECKING:
    from qnetsim.optimize import Plan


class EmpiricalOptions(PolicyOptions):
    """Options of ``empirical``."""

    every_slots: int = Field(
        default=10,
        ge=1,
        le=10**9,
        description="slots between two plans",
        json_schema_extra={"allowed": "an integer 1 .. 1000000000"},
    )
    window_slots: int = Field(
        default=0,
        ge=0,
        le=10**9,
        description="last slots that count; 0 means all",
        json_schema_extra={"allowed": "an integer 0 .. 1000000000"},
    )


class EmpiricalQuantile(Policy):
    """SIP on the demand observed so far; it uses no forecast of the levels.

    It knows which requests have a distribution in common, and counts their levels together.

    Without wavelength limits and a price of blocking the closed form serves, which needs no solver.
    """

    Options = EmpiricalOptions
    options: EmpiricalOptions

    def prepare(self, setting: Setting, plan: Plan | None) -> None:
        """Start with no observation: nothing is reserved before the first slots are over."""
        self._setting = setting
        shape = len(setting.forecast.distributions), setting.forecast.level_count
        self._counts = np.zeros(shape, dtype=np.int64)
        self._window: deque[IntArray] = deque()

    def decide(self, observation: Observation) -> Decision:
        """Plan for the frequencies of the levels seen so far."""
        hold = min(self.options.every_slots, observation.slots_left)
        if not self._counts.any():
            none = np.zeros(observation.fibres.size, dtype=np.int64)
            return Decision(none, none, hold)
        stage = self._plan()
        return Decision(
            stage.channels.astype(np.int64),
            stage.wavelengths.astype(np.int64),
            hold_slots=hold,
            routes=self._routes,
        )

    def _plan(self) -> Stage:
        """First stage for the frequencies of the levels seen so far; keeps its routes."""
        # a run of another policy checks this one's options only
        from qnetsim.optimize import marginal_loads, reservations
        from qnetsim.optimize.stochastic import comonotone_plan

        network = self._setting.network
        seen = self._setting.forecast.with_levels(
            *(
                LevelDistribution.of_weights([Fraction(count) for count in counts])
                for counts in self._counts.tolist()
            )
        )
        if seen.comonotone and (network.limited or network.costs.blocking is not None):
            # planned too often for a proof each time
            solver = self._setting.solver
            quick = replace(solver, settings=replace(solver.settings, node_limit=0))
            try:
                plan = comonotone_plan(network, seen, quick, "routes")
            except (InfeasibleError, SolverError):
                pass  # no routing is known for what was seen: what does not fit is blocked
            else:
                self._routes = StateRoutes(plan.routes, seen).table
                return plan.first_stage
        self._routes = newsvendor_table(network, seen)
        return reservations(network, marginal_loads(network, seen, in_states(self._routes, seen)))

    def learn(self, outcome: Outcome) -> None:
        """Count the levels of the slots that are over, and forget those before the window."""
        window = self.options.window_slots
        kinds, count = self._counts.shape
        place = self._setting.forecast.group_kind * count
        for levels in outcome.levels.astype(np.int64):
            seen = np.bincount(place + levels, minlength=kinds * count).reshape(kinds, count)
            self._counts += seen
            if window:
                self._window.append(seen)
                if len(self._window) > window:
                    self._counts -= self._window.popleft()
