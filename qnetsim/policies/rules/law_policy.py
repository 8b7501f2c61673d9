"""What the rules share that say a law of each request's level for the slot to come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.policies.base import Observation, Outcome, Setting
from qnetsim.policies.rules.kept_keys import KeyRetention
from qnetsim.policies.rules.stock_policy import StockPolicy
from qnetsim.policies.rules.summed_loads import SummedLoads

if TYPE_CHECKING:
    from qnetsim.optimize import Plan

#: Parts of the unit interval in which ranks of past loads are counted.
RANKS = 200
#: Weight of ranks that are even, in observations: as many as a fibre sees in so many slots.
EVEN_SLOTS = 20


class LevelLaw(Protocol):
    """Says how the levels of the slot to come are distributed."""

    def laws(self) -> FloatArray:
        """Distribution of each group's level, shape (groups, levels); rows may be all zero."""

    def see(self, levels: IntArray) -> None:
        """Take in the levels of the slot that is over, shape (groups,)."""


class LawPolicy(StockPolicy):
    """Hold the newsvendor's quantile of every fibre's load under the laws of its requests.

    Requests are taken as independent of each other, given what is known of each. Where that makes
    loads too certain, or too uncertain, the run shows it: the quantile is the one that past loads
    have exceeded as often as they should. Of what is left over, the share κ is worth its price that
    the run shows to serve later: the quantile is (c^o − c^b) / (c^o − κ·c^b).
    """

    def level_law(self, setting: Setting) -> LevelLaw:
        """What says the laws."""
        raise NotImplementedError

    def prepare(self, setting: Setting, plan: Plan | None) -> None:
        """Begin with nothing seen."""
        super().prepare(setting, plan)
        self._law = self.level_law(setting)
        self._sums = SummedLoads(setting, self._routes)
        self._ranks = np.full(RANKS, EVEN_SLOTS * setting.network.fibres / RANKS)
        self._expected: FloatArray | None = None
        self._kept = KeyRetention(self._channel_bits)

    def stock(self, observation: Observation) -> IntArray:
        """Quantile of the loads of the slot to come."""
        self._kept.begin(observation.reservation_pool_bits + observation.on_demand_pool_bits)
        laws = self._law.laws()
        if not laws.any():
            return np.zeros_like(self._newsvendor)
        self._expected = self._sums.cumulative(laws)
        return self._sums.quantile(self._expected, self._shares())

    def _shares(self) -> FloatArray:
        """Probability, by the laws, that past loads had below them as often as is wanted."""
        below = np.append(0.0, np.cumsum(self._ranks) / self._ranks.sum())
        wanted = self._sums.critical(self._kept.share)
        return np.interp(wanted, below, np.linspace(0.0, 1.0, RANKS + 1))

    def learn(self, outcome: Outcome) -> None:
        """Take in the levels of the slots that are over."""
        lit = outcome.qkd_channels + outcome.on_demand_channels
        for levels, channels in zip(outcome.levels.astype(np.int64), lit, strict=True):
            loads = self._sums.loads(levels)
            if self._expected is not None:
                self._rank(loads)
                self._expected = None
            self._kept.end(channels, loads)
            self._law.see(levels)

    def _rank(self, loads: IntArray) -> None:
        """Count where the loads lay in what was expected; a load's whole step counts evenly."""
        assert self._expected is not None
        fibres = np.arange(loads.size)
        total = self._expected[:, -1]
        high = self._expected[fibres, loads] / total
        low = np.where(loads > 0, self._expected[fibres, loads - 1] / total, 0.0)
        edges = np.linspace(0.0, 1.0, RANKS + 1)
        wide = np.maximum(high - low, 1e-9)
        shares = np.clip((edges - low[:, None]) / wide[:, None], 0.0, 1.0)
        self._ranks += np.diff(shares, axis=1).sum(axis=0)
