"""Hidden Markov chains fitted to levels by expectation and maximisation (Baum and Welch)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qnetsim.arrays import FloatArray, IntArray

MOST_ROUNDS = 300
#: A round that gains less likelihood than this for a slot is the last one.
TOLERANCE = 1e-7


@dataclass(frozen=True, eq=False)
class FittedRegimes:
    """A hidden Markov chain.

    Attributes
    ----------
    laws : ndarray of float64, shape (regimes, levels)
    steps : ndarray of float64, shape (regimes, regimes)
    likelihoods : tuple of float
        Mean log-likelihood of a slot ahead of every round; it never falls.
    """

    laws: FloatArray
    steps: FloatArray
    likelihoods: tuple[float, ...]


def baum_welch(paths: Sequence[IntArray], regimes: int, levels: int) -> FittedRegimes:
    """Fit laws and steps of regimes to paths of levels; nothing is told but their number.

    Parameters
    ----------
    paths : sequence of ndarray of int64, shape (slots,)
        All of one length; each begins in the long run.
    regimes, levels : int
    """
    rows = np.stack(paths)  # (paths, slots)
    laws, steps = _first_guess(rows, regimes, levels)
    before = laws, steps
    found: list[float] = []
    for _ in range(MOST_ROUNDS):
        ahead, behind, scale = _forward_backward(rows, laws, steps)
        likelihood = float(np.log(scale).mean())
        if found and likelihood < found[-1]:
            # a path begins in the long run, which steps are not fitted to: short ones may lose
            laws, steps = before
            break
        found.append(likelihood)
        if len(found) > 1 and found[-1] - found[-2] < TOLERANCE:
            break
        before = laws, steps
        there = ahead * behind  # (slots, paths, regimes)
        there /= there.sum(axis=2, keepdims=True)
        later = behind[1:] * laws[:, rows.T[1:]].transpose(1, 2, 0) / scale[1:, :, None]
        moves = steps * np.einsum("tpi,tpj->ij", ahead[:-1], later)
        steps = moves / moves.sum(axis=1, keepdims=True)
        laws = np.zeros((regimes, levels))
        np.add.at(laws.T, rows.T, there)
        laws /= laws.sum(axis=1, keepdims=True)
    return FittedRegimes(laws, steps, tuple(found))


def _first_guess(rows: IntArray, regimes: int, levels: int) -> tuple[FloatArray, FloatArray]:
    """Laws that lean to low and to high levels, and regimes that last."""
    seen = np.bincount(rows.ravel(), minlength=levels) + 1e-3
    rank = (np.cumsum(seen) - seen / 2) / seen.sum()
    middle = (np.arange(regimes) + 0.5) / regimes
    laws = seen * np.exp(-4.0 * regimes * (rank - middle[:, None]) ** 2)
    steps = np.full((regimes, regimes), 0.1 / max(regimes - 1, 1))
    np.fill_diagonal(steps, 0.9 if regimes > 1 else 1.0)
    return laws / laws.sum(axis=1, keepdims=True), steps


def _forward_backward(
    rows: IntArray, laws: FloatArray, steps: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Scaled forward and backward probabilities, and the scales; slots first."""
    paths, slots = rows.shape
    ahead = np.empty((slots, paths, len(laws)))
    behind = np.ones_like(ahead)
    scale = np.empty((slots, paths))
    told = laws[:, rows.T].transpose(1, 2, 0)  # (slots, paths, regimes)
    belief = np.broadcast_to(long_run(steps), (paths, len(laws)))
    for t in range(slots):
        weight = belief * told[t]
        scale[t] = weight.sum(axis=1)
        ahead[t] = weight / scale[t, :, None]
        belief = ahead[t] @ steps
    for t in range(slots - 2, -1, -1):
        behind[t] = (behind[t + 1] * told[t + 1] / scale[t + 1, :, None]) @ steps.T
    return ahead, behind, scale


def long_run(steps: FloatArray) -> FloatArray:
    """Share of the slots that each regime has in the long run."""
    count = len(steps)
    matrix = np.vstack([steps.T - np.eye(count), np.ones(count)])
    found = np.linalg.lstsq(matrix, np.append(np.zeros(count), 1.0), rcond=None)[0]
    return np.asarray(np.maximum(found, 0.0) / np.maximum(found, 0.0).sum())
