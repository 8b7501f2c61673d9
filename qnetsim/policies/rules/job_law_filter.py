"""A filter over the jobs of each pair, told their law; pairs by themselves."""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.forecast import Forecast
from qnetsim.policies.rules.pair_job_states import PairJobStates

#: Jobs of one pair that are told apart; more are a few in a thousand with the reference law.
CHAINS = 3
#: Slots after which jobs that nobody saw are as in the long run.
LONG_RUN = 2000


class JobLawFilter:
    """Forward filter of several jobs at a time for every pair.

    A new job takes the first chain that is free. Beliefs about chains are taken as independent of
    each other after every slot (Boyen and Koller, 1998), so the filter is not exact where jobs
    overlap on a pair.

    Parameters
    ----------
    forecast : Forecast
        With jobs.
    """

    def __init__(self, forecast: Forecast) -> None:
        assert forecast.jobs is not None
        self._states = PairJobStates.of(forecast.jobs)
        background = forecast.background
        self._background = background.probabilities[background.kind]
        asked = np.zeros(forecast.requests)
        asked[list(forecast.jobs.request_of.values())] = self._states.rate
        self._rates: FloatArray = asked
        self._levels = forecast.level_count
        shape = CHAINS, forecast.requests, self._states.size.size
        self._beliefs = np.zeros(shape)
        self._beliefs[:, :, 0] = 1.0
        for _ in range(LONG_RUN):
            self._beliefs[:, :1] = self._onward(
                self._beliefs[:, :1], self._rates.max(keepdims=True)
            )
        self._beliefs[:] = self._beliefs[:, :1]
        self._beliefs[:, asked == 0.0] = np.eye(1, shape[2])

    def _onward(self, beliefs: FloatArray, rates: FloatArray) -> FloatArray:
        """Beliefs a slot later."""
        states = self._states
        found = np.empty_like(beliefs)
        for i, belief in enumerate(beliefs):
            found[i] = (states.onward @ belief.T).T
        new = np.broadcast_to(rates, beliefs.shape[1:2]).copy()
        for belief in found:
            free = belief[:, 0].copy()
            belief += (free * new)[:, None] * states.entry
            belief[:, 0] -= free * new
            new *= 1.0 - free
        return found

    def _asked(self) -> FloatArray:
        """What each chain asks for, shape (chains, groups, levels)."""
        states = self._states
        weight = self._beliefs * states.asks
        found = np.zeros((*self._beliefs.shape[:2], self._levels))
        for size in np.unique(states.size[states.asks > 0]):
            found[:, :, size] = weight[:, :, states.size == size].sum(axis=2)
        found[:, :, 0] = 1.0 - found.sum(axis=2)
        return found

    def laws(self) -> FloatArray:
        """Distribution of each group's level, shape (groups, levels)."""
        found = self._background
        for asked in self._asked():
            found = capped_sums(found, asked)
        return found

    def see(self, levels: IntArray) -> None:
        """Take in the levels of the slot that is over."""
        asked = self._asked()
        states = self._states
        top = self._levels - 1
        groups = np.arange(levels.size)
        for i in range(CHAINS):
            others = self._background
            for j in range(CHAINS):
                if j != i:
                    others = capped_sums(others, asked[j])
            # probability of what came, given what this chain asked for
            tails = np.cumsum(others[:, ::-1], axis=1)[:, ::-1]
            lacking = levels[:, None] - np.arange(self._levels)
            chance = np.where(lacking >= 0, others[groups[:, None], np.maximum(lacking, 0)], 0.0)
            full = levels == top
            chance[full] = tails[full][:, ::-1]
            weight = states.asks * chance[:, states.size] + (1 - states.asks) * chance[:, :1]
            posterior = self._beliefs[i] * weight
            total = posterior.sum(axis=1, keepdims=True)
            self._beliefs[i] = np.where(
                total > 0, posterior / np.maximum(total, 1e-300), self._beliefs[i]
            )
        self._beliefs = self._onward(self._beliefs, self._rates)


def capped_sums(a: FloatArray, b: FloatArray) -> FloatArray:
    """Distributions of sums of independent levels, cut at the highest; shape (groups, levels)."""
    top = a.shape[1] - 1
    found = np.zeros_like(a)
    for level in range(top + 1):
        share = b[:, level : level + 1]
        if share.any():
            found[:, level:top] += a[:, : top - level] * share
            found[:, top] += (a[:, top - level :] * share).sum(axis=1)
    return found
