"""Level: the same reserved level for every request on every fibre (Fig. 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from qnetsim.network import RouteTable
from qnetsim.optimize.routing import by_level_weight
from qnetsim.optimize.stage import Stage
from qnetsim.policies.base import PolicyOptions, Setting
from qnetsim.policies.static import StaticPolicy

if TYPE_CHECKING:
    from qnetsim.optimize import Plan


class LevelOptions(PolicyOptions):
    """Options of ``level``."""

    level: int = Field(
        ge=0,
        le=10**6,
        description="channels reserved for each request on each fibre of its route",
        json_schema_extra={"allowed": "an integer 0 .. 1000000"},
    )


class FixedLevel(StaticPolicy):
    """Reserve ``level`` channels for each request, on shortest paths with w = level."""

    Options = LevelOptions
    options: LevelOptions

    def plan(self, setting: Setting) -> Plan:
        """Work out the expected cost of this reserved level."""
        # a run of another policy checks this one's options only
        from qnetsim.optimize.assemble import assign_wavelengths, fixed_routes_plan
        from qnetsim.optimize.plan import SolveReport

        network = setting.network
        forecast = setting.forecast
        level = self.options.level
        routes = RouteTable.by_pair(
            forecast.pairs,
            by_level_weight(network, forecast.pairs, level),
            forecast.state_count,
        )
        requests = setting.requests_per_fibre(routes).astype(np.float64)
        cheaper = network.costs.km_reserved <= network.costs.km_on_demand
        return fixed_routes_plan(
            network,
            forecast,
            assign_wavelengths(network, forecast, routes),
            SolveReport(bound=None, solver="shortest paths, exact expectation"),
            Stage(level * requests, np.where(cheaper, requests, 0.0)),
        )
