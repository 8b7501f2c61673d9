"""Rolling plan: the next slots are planned for anew in every slot, with what is in the pools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.policies.base import Observation, Setting
from qnetsim.policies.rules.fibre_loads import fibre_loads
from qnetsim.policies.rules.pool_grid import PoolGrid
from qnetsim.policies.rules.regime_filter import RegimeOptions
from qnetsim.policies.rules.regime_policy import RegimePolicy

if TYPE_CHECKING:
    from qnetsim.optimize import Plan

#: Beliefs are told apart to this share; what was planned for one stands for all that are alike.
BELIEF_STEP = 1e-3


class RollingPlanOptions(RegimeOptions):
    """Options of ``mpc``."""

    horizon_slots: int = Field(
        default=10,
        ge=1,
        le=1000,
        description="slots that are planned for, the one to come included",
        json_schema_extra={"allowed": "an integer 1 .. 1000"},
    )


class RollingPlan(RegimePolicy):
    """Plan the next slots with the loads that are expected of them, and do the first one's part.

    It is told the forecast, the regimes (by its options or the scenario) and the size of the
    stores, and sees the pools and the levels of past slots. A plan counts on the pools that its
    own slots leave to each other, but not on what the levels to come will tell of the regime.
    Fibres are taken one by one: limits, waiting and the lifetime of keys do not enter.
    """

    Options = RollingPlanOptions
    options: RollingPlanOptions

    def prepare(self, setting: Setting, plan: Plan | None) -> None:
        """Put every fibre's loads on a grid of stocks."""
        super().prepare(setting, plan)
        loads = fibre_loads(setting, self._filter, self._columns)
        grids = {load: PoolGrid(load.values, load.price, load.cap) for load in set(loads)}
        self._grids = [grids[load] for load in loads]
        self._laws = [load.laws for load in loads]
        self._planned: dict[tuple[int, ...], IntArray] = {}

    def stock(self, observation: Observation) -> IntArray:
        """First stock of a plan for the slots to come."""
        slots = min(self.options.horizon_slots, observation.slots_left)
        shares = np.rint(self._filter.belief / BELIEF_STEP).astype(np.int64)
        key = slots, *shares.tolist()
        if key not in self._planned:
            self._planned[key] = self._plan(slots, shares / shares.sum())
        return self._planned[key]

    def _plan(self, slots: int, belief: FloatArray) -> IntArray:
        """First stock of every fibre, planned backwards from the last slot."""
        beliefs = [belief]
        for _ in range(slots - 1):
            beliefs.append(beliefs[-1] @ self._filter.steps)
        first: dict[int, int] = {}
        found = []
        for grid, laws in zip(self._grids, self._laws, strict=True):
            if id(grid) not in first:
                values = np.zeros(grid.pools.size)
                for one in reversed(beliefs):
                    costs = grid.costs(one @ laws, values)
                    values = grid.least(costs)
                first[id(grid)] = int(grid.stocks[np.argmin(costs)])
            found.append(first[id(grid)])
        return np.array(found, dtype=np.int64)
