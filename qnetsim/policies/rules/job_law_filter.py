"""A filter over the jobs of each pair, told their law; pairs by themselves."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.forecast import Forecast
from qnetsim.forecast.job_law import JobLaw
from qnetsim.policies.rules.pair_job_states import PairJobStates

#: Jobs of one pair that are told apart; more are a few in a thousand with the reference law.
CHAINS = 3


class JobLawFilter:
    """Forward filter of several jobs at a time for every pair.

    A new job takes the first chain that is free. Beliefs about chains are taken as independent of
    each other after every slot (Boyen and Koller, 1998), so the filter is not exact where jobs
    overlap on a pair. Where there are more jobs than chains, the rest is taken as in the long run.

    Parameters
    ----------
    forecast : Forecast
        With jobs.
    """

    def __init__(self, forecast: Forecast) -> None:
        assert forecast.jobs is not None
        self._states = PairJobStates.of(forecast.jobs)
        asked = np.zeros(forecast.requests)
        asked[list(forecast.jobs.request_of.values())] = self._states.rate
        self._rates: FloatArray = asked
        self._levels = forecast.level_count
        start = self._long_run()
        held = float((1.0 - start[:, 0]).sum())
        self._background = _with_the_rest(forecast, forecast.jobs, held)
        self._beliefs = np.repeat(start[:, None], forecast.requests, axis=1)
        self._beliefs[:, asked == 0.0] = np.eye(1, start.shape[1])

    def _long_run(self) -> FloatArray:
        """Beliefs about jobs that nobody saw, shape (chains, states)."""
        from scipy.sparse import identity
        from scipy.sparse.linalg import spsolve

        states = self._states
        there = states.onward[1:, 1:]
        # slots that a job spends in each state, in the mean
        spent = np.atleast_1d(spsolve((identity(there.shape[0]) - there).tocsc(), states.entry[1:]))
        found = np.zeros((CHAINS, states.size.size))
        new = states.rate
        for belief in found:
            free = 1.0 / (1.0 - new + new * spent.sum())  # once those jobs that end are gone
            belief[0] = free * (1.0 - new)
            belief[1:] = free * new * spent
            new *= 1.0 - free
        return found

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


def _with_the_rest(forecast: Forecast, law: JobLaw, held: float) -> FloatArray:
    """What each group asks for beside the chains, shape (groups, levels).

    The background, and as many places as have the jobs, in the mean, for which no chain is free.

    Parameters
    ----------
    forecast : Forecast
    law : JobLaw
    held : float
        Jobs of a pair that the chains hold, in the mean.
    """
    background = forecast.background
    found = background.probabilities[background.kind]
    pairs = math.comb(len(law.nodes), 2)
    there = law.busy * (law.table.members + 1) / pairs  # jobs of a place on one pair
    rest = round(law.table.count - held / there)
    if rest <= 0:
        return found
    others = replace(law, table=law.table.model_copy(update={"count": rest}))
    asked = list(law.request_of.values())
    with_rest = np.array([others.stationary(own).probabilities for own in background.distributions])
    found[asked] = with_rest[background.kind[asked]]
    return found
