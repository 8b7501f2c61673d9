"""The network of all pairs in a run: what it was shown, and what it believes."""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.forecast import Forecast
from qnetsim.policies.base import Setting
from qnetsim.policies.learned.belief_inputs import LAGGED, NOW, PairInputs, input_count
from qnetsim.policies.learned.belief_weights import BeliefWeights, PairBelief
from qnetsim.policies.rules.law_policy import LawPolicy, LevelLaw


class PairNetwork:
    """Shows the network slot by slot what its pairs see; nothing has been seen at the start.

    Parameters
    ----------
    weights : BeliefWeights
    forecast : Forecast
        Its requests, not its distributions.
    nodes : int
    """

    def __init__(self, weights: BeliefWeights, forecast: Forecast, nodes: int) -> None:
        self._forecast = forecast
        self._history = weights.spec.history
        self._inputs = PairInputs(forecast.pairs, nodes)
        self._seen: FloatArray = np.zeros((forecast.requests, input_count(self._history)))
        self.belief = PairBelief(weights, forecast.requests)

    def see(self, levels: IntArray) -> None:
        """Take in the levels of the slot that is over, shape (groups,)."""
        seen = self._seen
        if self._history:
            seen[:, NOW + LAGGED :] = seen[:, NOW:-LAGGED].copy()
            seen[:, NOW : NOW + LAGGED] = seen[:, :LAGGED].copy()
        seen[:, :NOW] = self._inputs.now(levels[self._forecast.group])
        self.belief.see(seen)

    def laws(self) -> FloatArray:
        """Distribution of each group's level in the slot to come, shape (groups, levels).

        Levels that the network was not trained with have probability 0; where the demand has fewer,
        what lies above goes to the highest.
        """
        wanted = self._forecast.level_count
        laws = self.belief.laws()[self._forecast.first_of_group]
        known = laws.shape[1]
        found = np.zeros((len(laws), wanted))
        found[:, : min(known, wanted)] = laws[:, :wanted]
        found[:, -1] += laws[:, wanted:].sum(axis=1)
        return found


class NetworkRule(LawPolicy):
    """The quantile of every fibre's load under the laws that the network gives its pairs.

    Parameters
    ----------
    network : PairNetwork
    """

    def __init__(self, network: PairNetwork) -> None:
        super().__init__()
        self._network = network

    def level_law(self, setting: Setting) -> LevelLaw:
        """Return the network."""
        return self._network
