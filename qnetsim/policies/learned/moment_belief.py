"""Beliefs of version 1: mean and variance of each pair's next level, from a recurrent layer."""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.policies.base import Outcome, Setting
from qnetsim.policies.learned.belief_head import FibreHead
from qnetsim.policies.learned.belief_inputs import LAGGED, NOW, PairInputs, input_count
from qnetsim.policies.learned.belief_weights import BeliefSpec, BeliefWeights


class PairBelief:
    """The network of all pairs at work, slot by slot.

    Sums are of double precision, so that what is reserved hardly depends on a machine.

    Parameters
    ----------
    weights : BeliefWeights
    pairs : int
    """

    def __init__(self, weights: BeliefWeights, pairs: int) -> None:
        self._tensors: dict[str, FloatArray] = {
            name: tensor.astype(np.float64) for name, tensor in weights.tensors.items()
        }
        self._units = weights.spec.units
        self._hidden: FloatArray = np.zeros((pairs, self._units))

    def see(self, inputs: FloatArray) -> None:
        """Take in what the pairs saw of a slot, shape (pairs, inputs)."""
        t = self._tensors
        seen = inputs @ t["inputs.weight"].T + t["inputs.bias"]
        kept = self._hidden @ t["hidden.weight"].T + t["hidden.bias"]
        n = self._units
        reset = _sigmoid(seen[:, :n] + kept[:, :n])
        update = _sigmoid(seen[:, n : 2 * n] + kept[:, n : 2 * n])
        new = np.tanh(seen[:, 2 * n :] + reset * kept[:, 2 * n :])
        self._hidden = (1.0 - update) * new + update * self._hidden

    def moments(self) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of the next level of each pair, shape (pairs,) each."""
        t = self._tensors
        out = np.logaddexp(0.0, self._hidden @ t["outputs.weight"].T + t["outputs.bias"])
        return out[:, 0], out[:, 1]

    @property
    def safety(self) -> FloatArray:
        """Two numbers a and b: z of a fibre is a, plus b times its normal quantile."""
        return self._tensors["safety"]


def _sigmoid(x: FloatArray) -> FloatArray:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


class MomentStock:
    """Stocks by sums of means and roots of summed variances.

    Parameters
    ----------
    weights : BeliefWeights
        Of version 1.
    setting : Setting
    """

    def __init__(self, weights: BeliefWeights, setting: Setting) -> None:
        assert isinstance(weights.spec, BeliefSpec)
        forecast = setting.forecast
        self._inputs = PairInputs(forecast.pairs, len(setting.network.topology.nodes))
        self.belief = PairBelief(weights, forecast.requests)
        self._head = FibreHead.of(setting.network, setting.shortest_routes(), forecast.level_count)
        self._history = weights.spec.history
        self._group = forecast.group
        self._seen: FloatArray = np.zeros((forecast.requests, input_count(self._history)))
        self._expect()

    def _expect(self) -> None:
        self._stock = self._head.stock(*self.belief.moments(), self.belief.safety)

    def see(self, outcome: Outcome) -> None:
        """Take in the demand of the slots that are over."""
        for now in self._inputs.now(outcome.levels[:, self._group]):
            before = self._seen[:, :LAGGED].copy()
            if self._history:
                self._seen[:, NOW + LAGGED :] = self._seen[:, NOW:-LAGGED].copy()
                self._seen[:, NOW : NOW + LAGGED] = before
            self._seen[:, :NOW] = now
            self.belief.see(self._seen)
        self._expect()

    def stock(self, fibres: IntArray, held: IntArray) -> FloatArray:
        """Channel-slots that an agent's fibres shall have, whatever their pools hold."""
        return self._stock[fibres]
