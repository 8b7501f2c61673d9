"""Dynamic program: what a pool and a belief are worth, by value iteration on each fibre."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.policies.base import Observation, Setting
from qnetsim.policies.rules.belief_grid import BeliefGrid
from qnetsim.policies.rules.fibre_loads import fibre_loads
from qnetsim.policies.rules.pool_program import LAST_SLOTS, PoolProgram
from qnetsim.policies.rules.regime_policy import RegimePolicy

if TYPE_CHECKING:
    from qnetsim.optimize import Plan

#: Stocks whose costs differ by less than this share of a slot's are as good as each other.
TIE = 1e-3


class DynamicProgram(RegimePolicy):
    """Hold the stock that is cheapest to the end of the run, given the belief about the regimes.

    It is told the forecast, the regimes (by its options or the scenario) and the size of the
    stores, and sees the pools and the levels of past slots. Fibres are taken one by one: limits,
    waiting and the lifetime of keys do not enter.
    """

    def prepare(self, setting: Setting, plan: Plan | None) -> None:
        """Solve one program for each fibre, or one for all that are alike."""
        super().prepare(setting, plan)
        self._beliefs = BeliefGrid(self._filter.count)
        loads = fibre_loads(setting, self._filter, self._columns)
        solved = {load: PoolProgram(load, self._filter, self._beliefs) for load in set(loads)}
        programs = [solved[load] for load in loads]
        size = max(program.stocks.size for program in programs)
        self._fibres = np.arange(len(programs))
        self._ties = TIE * np.array([program.average for program in programs])
        self._stocks = np.zeros((len(programs), size), dtype=np.int64)
        shape = LAST_SLOTS + 1, len(programs), size, len(self._beliefs.beliefs)
        self._costs = np.full(shape, np.inf)
        for fibre, program in enumerate(programs):
            count = program.stocks.size
            self._stocks[fibre, :count] = program.stocks
            self._costs[:, fibre, :count] = program.costs

    def stock(self, observation: Observation) -> IntArray:
        """Cheapest stock of each fibre under the belief, with so many slots left."""
        weights = self._beliefs.weights(self._filter.belief)
        used = np.flatnonzero(weights)
        left = min(observation.slots_left - 1, LAST_SLOTS)
        costs = self._costs[left][..., used] @ weights[used]
        # keys that are reserved ahead of their slot cost the same, but may expire
        enough = costs <= (costs.min(axis=1) + self._ties)[:, None]
        return np.asarray(self._stocks[self._fibres, np.argmax(enough, axis=1)])
