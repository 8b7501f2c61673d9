"""Beliefs of version 3: a law of each pair's next level, from a window of past slots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network.routes import NodePair
from qnetsim.policies.base import Outcome, Setting
from qnetsim.policies.learned.belief_weights import BeliefWeights, LawSpec
from qnetsim.policies.rules.kept_keys import KeyRetention
from qnetsim.policies.rules.summed_loads import SummedLoads

#: Levels by which a pair's own demand and the sum of its end's other pairs are divided. They are
#: part of what the weights mean, so they never depend on a scenario.
OWN_SCALE = 4.0
END_SCALE = 8.0


class PairEnds:
    """Node pairs of requests, and sums over those that end at a node.

    Parameters
    ----------
    pairs : sequence of (int, int)
    """

    def __init__(self, pairs: Sequence[NodePair]) -> None:
        self._ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        rows = np.arange(len(self._ends))[:, None]
        self._at: FloatArray = np.zeros((len(self._ends), int(self._ends.max(initial=0)) + 1))
        self._at[rows, self._ends] = 1.0

    def others(self, levels: npt.NDArray[np.integer[Any]]) -> tuple[FloatArray, FloatArray]:
        """What both ends of each pair ask for in all their other pairs; the shape stays."""
        at_node = levels @ self._at
        first, second = (at_node[..., node] - levels for node in self._ends.T)
        return first, second


class PairLaw:
    """The network of all pairs at work, slot by slot.

    Sums are of double precision, so that what is reserved hardly depends on a machine.

    Parameters
    ----------
    weights : BeliefWeights
        Of version 3.
    pairs : sequence of (int, int)
        Node pair of each request.
    levels : int
        That a pair may ask for.
    """

    def __init__(self, weights: BeliefWeights, pairs: Sequence[NodePair], levels: int) -> None:
        assert isinstance(weights.spec, LawSpec)
        self._tensors: dict[str, FloatArray] = {
            name: tensor.astype(np.float64) for name, tensor in weights.tensors.items()
        }
        self._slots = weights.spec.slots
        self._known = weights.spec.levels
        self._levels = levels
        self._ends = PairEnds(pairs)
        #: Own demand and that of the two ends, the last slot first; (3, requests, slots).
        self._seen: FloatArray = np.zeros((3, len(pairs), self._slots))
        self._asked: IntArray = np.zeros((len(pairs), self._slots), dtype=np.int64)

    def see(self, levels: npt.NDArray[np.integer[Any]]) -> None:
        """Take in the levels of the slot that is over, shape (requests,)."""
        first, second = self._ends.others(levels)
        self._seen[:, :, 1:] = self._seen[:, :, :-1].copy()
        self._seen[:, :, 0] = levels / OWN_SCALE, first / END_SCALE, second / END_SCALE
        self._asked[:, 1:] = self._asked[:, :-1].copy()
        self._asked[:, 0] = levels

    def laws(self) -> FloatArray:
        """Probability of each level in the slot to come, shape (requests, levels).

        A pair looks the same from both of its ends: the first layer adds up the two views. To what
        is said of a level itself comes what is said of the slots in which it was asked for.
        """
        t = self._tensors
        own, first, second = self._seen
        near, far = t["ends.weight"][:, : self._slots].T, t["ends.weight"][:, self._slots :].T
        own = own @ t["own.weight"].T + t["own.bias"]
        hidden = _relu(own + first @ near + second @ far) + _relu(own + second @ near + first @ far)
        hidden = _relu(hidden @ t["both.weight"].T + t["both.bias"])
        scores = hidden @ t["outputs.weight"].T + t["outputs.bias"]
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        laws = with_levels(shares[:, : self._known], self._levels)
        return laws + self._again(shares[:, self._known :])

    def _again(self, shares: FloatArray) -> FloatArray:
        """Probability that the level of a slot which is seen comes again, for each level."""
        requests = len(shares)
        places = self._asked + self._levels * np.arange(requests)[:, None]
        found = np.bincount(places.ravel(), shares.ravel(), minlength=requests * self._levels)
        return np.asarray(found.reshape(requests, self._levels), dtype=np.float64)


def _relu(x: FloatArray) -> FloatArray:
    return np.maximum(x, 0.0)


def with_levels(laws: FloatArray, levels: int) -> FloatArray:
    """Laws over another number of levels: what is beyond the highest one is asked as that."""
    found = np.zeros((len(laws), levels))
    known = min(levels, laws.shape[1])
    found[:, :known] = laws[:, :known]
    found[:, -1] += laws[:, known:].sum(axis=1)
    return found


class LawStock:
    """Stocks by the newsvendor's quantile of what the pairs of each fibre add up to.

    Pairs are taken as independent, given what is known of each. Of the keys that are left over, the
    agent of a fibre counts which share its pools have not lost (:class:`KeyRetention`).

    Parameters
    ----------
    weights : BeliefWeights
        Of version 3.
    setting : Setting
    """

    def __init__(self, weights: BeliefWeights, setting: Setting) -> None:
        forecast = setting.forecast
        self._group = forecast.group
        self._first = forecast.first_of_group
        self.belief = PairLaw(weights, forecast.pairs, forecast.level_count)
        self._sums = SummedLoads(setting, setting.shortest_routes())
        self._bits = setting.network.channel_bits
        self._kept: dict[int, tuple[IntArray, KeyRetention]] = {}
        self._expect()

    def _expect(self) -> None:
        self._expected = self._sums.cumulative(self.belief.laws()[self._first])

    def see(self, outcome: Outcome) -> None:
        """Take in the slots that are over."""
        lit = outcome.qkd_channels + outcome.on_demand_channels
        for levels, channels in zip(outcome.levels.astype(np.int64), lit, strict=True):
            self.belief.see(levels[self._group])
            loads = self._sums.loads(levels)
            for fibres, kept in self._kept.values():
                kept.end(channels[fibres], loads[fibres])
        self._expect()

    def stock(self, fibres: IntArray, held: IntArray) -> FloatArray:
        """Channel-slots that an agent's fibres shall have, by what their pools hold and held."""
        if not fibres.size:
            return np.zeros(0)
        if fibres[0] not in self._kept:
            self._kept[int(fibres[0])] = fibres, KeyRetention(self._bits[fibres])
        kept = self._kept[int(fibres[0])][1]
        kept.begin(held)
        share = np.zeros(len(self._bits))
        share[fibres] = kept.share
        wanted = self._sums.critical(share)
        return self._sums.quantile(self._expected, wanted, fibres).astype(np.float64)
