"""A hybrid of laws: their weighted product, with weights that tell past levels best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.policies.rules.law_policy import LevelLaw

#: No law is sure that a level will not come.
LEAST = 1e-5
#: Weight of what is thought of the laws at first, in slots.
FIRST_SLOTS = 20


class PooledLaw:
    """Logarithmic pool: ``p(k) ∝ Π_i p_i(k)^{w_i}``.

    Weights follow the gradient of the likelihood of past levels, by one Newton step a slot. At
    first they are equal and add up to one.

    Parameters
    ----------
    laws : sequence of LevelLaw
    """

    def __init__(self, laws: Sequence[LevelLaw]) -> None:
        self._parts = tuple(laws)
        count = len(laws)
        self._weights = np.full(count, 1.0 / count)
        self._bends = np.zeros((count, count))
        self._slots = 0
        self._told: tuple[FloatArray, FloatArray] | None = None

    def laws(self) -> FloatArray:
        """Distribution of each group's level, shape (groups, levels); none ahead of any level."""
        each = [law.laws() for law in self._parts]
        ready = [found for found in each if found.any()]
        self._told = None
        if len(ready) < len(each):
            return ready[0] if ready else each[0]
        logs = np.log(np.array(each) + LEAST)
        pooled = np.tensordot(self._weights, logs, axes=1)
        pooled = np.exp(pooled - pooled.max(axis=1, keepdims=True))
        pooled /= pooled.sum(axis=1, keepdims=True)
        self._told = logs, pooled
        return np.asarray(pooled)

    def see(self, levels: IntArray) -> None:
        """Take in the levels of the slot that is over."""
        if self._told is not None:
            self._learn(*self._told, levels)
        for law in self._parts:
            law.see(levels)

    def _learn(self, logs: FloatArray, pooled: FloatArray, levels: IntArray) -> None:
        """Newton step on Σ log p(level): the gradient is a surprise, the bend a covariance."""
        expected = (logs * pooled).sum(axis=2)  # (laws, groups)
        surprise = (logs[:, np.arange(levels.size), levels] - expected).sum(axis=1)
        apart = logs - expected[:, :, None]
        bend = np.einsum("igk,jgk,gk->ij", apart, apart, pooled, optimize=True)
        if not self._slots and np.isclose(np.trace(bend), 0.0):
            return  # every law says the same of every level, as of a single one
        if self._slots == 0:
            self._bends = FIRST_SLOTS * (bend + np.trace(bend) * np.eye(len(bend)) / len(bend))
        self._bends += bend
        self._slots += 1
        self._weights = self._weights + np.linalg.solve(self._bends, surprise)
