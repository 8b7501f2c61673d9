"""Deterministic: the program (8)-(18), for a demand that is known. A first stage only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from qnetsim.errors import UsageError
from qnetsim.forecast import Forecast
from qnetsim.plain_text import counted
from qnetsim.policies.base import PolicyOptions, Setting
from qnetsim.policies.static import StaticPolicy

if TYPE_CHECKING:
    from qnetsim.optimize import Plan


class DeterministicOptions(PolicyOptions):
    """Options of ``deterministic``; exactly one of them is given."""

    level: int | None = Field(
        default=None,
        ge=0,
        le=10**6,
        description="the known level of every request",
        json_schema_extra={"allowed": "an integer 0 .. 1000000, below the scenario's levels"},
    )
    levels: list[int] | None = Field(
        default=None,
        description="the known level of each request, in the order of the requests",
        json_schema_extra={"allowed": "a list of integers >= 0, in a scenario file"},
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> DeterministicOptions:
        if (self.level is None) == (self.levels is None):
            raise ValueError("give either level or levels")
        return self


class Deterministic(StaticPolicy):
    """Reserve what the cheapest routes for one known demand need, Eqs (8)-(18)."""

    Options = DeterministicOptions
    options: DeterministicOptions

    def plan(self, setting: Setting) -> Plan:
        """Solve the program; a slot of higher demand buys on demand, on the same routes."""
        # a run of another policy checks this one's options only
        from qnetsim.policies.known_demand import known_demand_plan

        return known_demand_plan(setting, self._levels(setting.forecast))

    def _levels(self, forecast: Forecast) -> list[int]:
        """Known level of each request.

        Raises
        ------
        UsageError
            Not a level of the scenario, or not one for each request.
        """
        levels = self.options.levels
        if levels is None:
            assert self.options.level is not None
            levels = [self.options.level] * forecast.requests
        if len(levels) != forecast.requests:
            raise UsageError(
                f"deterministic: levels has {counted(len(levels), 'entry', 'entries')} for "
                f"{counted(forecast.requests, 'request')}; give one for each"
            )
        for level in levels:
            if not 0 <= level < forecast.level_count:
                raise UsageError(
                    f"deterministic: level {level} is not one of the scenario's levels "
                    f"0 .. {forecast.level_count - 1}; give one of them, or raise demand.levels"
                )
        return levels
