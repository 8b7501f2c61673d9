"""Policies whose first stage is solved once and then stands for the whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qnetsim.arrays import IntArray, frozen
from qnetsim.errors import PolicyError
from qnetsim.network import RouteTable
from qnetsim.optimize.state_routes import StateRoutes
from qnetsim.policies.base import Decision, Observation, Policy, Setting

if TYPE_CHECKING:
    from qnetsim.optimize import Plan


class StaticPolicy(Policy):
    """Reserve what the plan says, on its routes, in every slot.

    Where the routes of a request depend on the levels of others, they are a second stage.
    """

    def prepare(self, setting: Setting, plan: Plan | None) -> None:
        """Turn the plan into the one decision of the run."""
        if plan is None:
            raise PolicyError(f"{type(self).__name__} needs the plan that it made")
        self._channels = frozen(np.round(plan.qkd_channels), np.int64)
        self._wavelengths = frozen(np.round(plan.km_wavelengths), np.int64)
        self._planned = StateRoutes(plan.routes, setting.forecast)
        self._routes = self._planned.table
        self.reroutes = self._planned.joint

    def recourse(self, slot: int, levels: IntArray) -> RouteTable | None:
        """Routes of the plan for the joint state that came."""
        return self._planned.of(levels) if self._planned.joint else None

    def decide(self, observation: Observation) -> Decision:
        """Reserve the plan's first stage until the end of the run."""
        return Decision(self._channels, self._wavelengths, observation.slots_left, self._routes)
