"""Random: reservations drawn uniformly, the paper's QBN-Random baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from qnetsim import seeds
from qnetsim.arrays import FloatArray
from qnetsim.optimize.stage import Stage
from qnetsim.optimize.state_routes import StateRoutes, in_states
from qnetsim.policies.base import Decision, Observation, Policy, PolicyOptions, Setting
from qnetsim.vocabulary import PlanStatus

if TYPE_CHECKING:
    from qnetsim.optimize import Marginals, Plan
    from qnetsim.optimize.marginals import LoadDistribution

#: Slots scheduled in one decision; the draws are the same for any other number.
SCHEDULE_SLOTS = 1024


class RandomOptions(PolicyOptions):
    """Options of ``random``."""

    reading: Literal["calibrated", "literal"] = Field(
        default="calibrated",
        description=(
            "'calibrated' reserves u channels for each request on a fibre and KM wavelengths "
            "exactly; 'literal' draws the fibre's channels and KM wavelengths themselves"
        ),
        json_schema_extra={"allowed": "'calibrated' or 'literal'"},
    )


class UniformRandom(Policy):
    """Draw u uniformly from 0 .. |Ω|, independently for each fibre and slot."""

    Options = RandomOptions
    options: RandomOptions

    @property
    def literal(self) -> bool:
        """Whether q and x themselves are drawn."""
        return self.options.reading == "literal"

    def plan(self, setting: Setting) -> Plan:
        """Expected reservations and cost; nothing is optimised."""
        from qnetsim.optimize import Plan
        from qnetsim.optimize.assemble import assign_wavelengths, with_wavelengths

        network = setting.network
        routes = in_states(setting.shortest_routes(), setting.forecast)
        requests = setting.requests_per_fibre(routes).astype(np.float64)
        top = setting.forecast.level_count
        draws = np.arange(top + 1, dtype=np.float64)
        assigned = assign_wavelengths(network, setting.forecast, routes)
        step = np.ones(network.fibres) if self.literal else requests
        wavelengths = np.full(network.fibres, draws.mean()) if self.literal else requests
        on_demand = self._on_demand(assigned.marginals, draws, step, requests)
        plan = Plan(
            qkd_channels=step * draws.mean(),
            km_wavelengths=wavelengths,
            on_demand_channels=on_demand.channels,
            on_demand_wavelengths=on_demand.wavelengths,
            routes=routes,
            bound=None,
            status=PlanStatus.EXPECTATION,
            solver="shortest paths, exact expectation",
            note="reservations are expectations; they are drawn anew in each slot",
        )
        return with_wavelengths(plan, network, setting.forecast, assigned)

    def _on_demand(
        self,
        marginals: Marginals,
        draws: FloatArray,
        step: FloatArray,
        requests: FloatArray,
    ) -> Stage:
        """Mean of what is bought on demand over the drawn reservations."""
        from qnetsim.optimize.marginals import expected_excess

        def mean_excess(load: LoadDistribution, reserved: FloatArray) -> float:
            return float(np.mean([expected_excess(load, r) for r in reserved]))

        channels = [mean_excess(load, draws * step[e]) for e, load in enumerate(marginals.channels)]
        wavelengths = [
            mean_excess(load, draws if self.literal else requests[[e]])
            for e, load in enumerate(marginals.wavelengths)
        ]
        return Stage(np.array(channels), np.array(wavelengths))

    def prepare(self, setting: Setting, plan: Plan | None) -> None:
        """Fix routes and what one drawn unit means on each fibre."""
        self._routes = setting.shortest_routes()
        if plan is not None:
            self._routes = StateRoutes(plan.routes, setting.forecast).table
        self._requests = setting.requests_per_fibre(self._routes)
        self._top = setting.forecast.level_count

    def decide(self, observation: Observation) -> Decision:
        """Draw a schedule for the coming slots."""
        slots = min(SCHEDULE_SLOTS, observation.slots_left)
        fibres = observation.fibres.size
        bits = observation.generator.bit_generator
        kinds = 2 if self.literal else 1
        drawn = seeds.integers(bits, self._top + 1, slots * kinds * fibres)
        drawn = drawn.reshape(slots, kinds, fibres)
        if self.literal:
            return Decision(drawn[:, 0], drawn[:, 1], slots, self._routes)
        wavelengths = np.broadcast_to(self._requests, (slots, fibres))
        return Decision(drawn[:, 0] * self._requests, wavelengths, slots, self._routes)
