"""What followed when a score was about as it is now: counts over a score, smoothed."""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import FloatArray, IntArray

#: Places of a score for each level.
PLACES = 2
#: How far a place counts for others, in levels: its weight falls linearly to nothing.
REACH = 2.0
#: Weight of what is known without the score, in observations.
PRIOR = 2.0


class ScoreCounts:
    """Distribution of a level, given a number that says how high it may be.

    Parameters
    ----------
    kinds : int
        Kinds of requests, whose levels are counted apart.
    levels : int
    """

    def __init__(self, kinds: int, levels: int) -> None:
        self._counts = np.zeros((kinds, PLACES * (levels - 1) + 1, levels))
        self._seen = np.zeros((kinds, levels))
        places = np.arange(self._counts.shape[1])
        apart = np.abs(places[:, None] - places) / PLACES
        self._weights = np.maximum(1.0 - apart / REACH, 0.0)

    def places(self, scores: FloatArray) -> IntArray:
        """Nearest place of each score."""
        last = self._counts.shape[1] - 1
        return np.asarray(np.clip(np.rint(PLACES * scores), 0, last), dtype=np.int64)

    def laws(self, kinds: IntArray, scores: FloatArray) -> FloatArray:
        """Distribution of the level that follows each score, shape (scores, levels)."""
        place = self.places(scores)
        known = np.zeros((len(scores), self._seen.shape[1]))
        for kind in np.unique(kinds):
            here = kinds == kind
            known[here] = (self._weights @ self._counts[kind])[place[here]]
        seen = self._seen[kinds]
        known += PRIOR * seen / np.maximum(seen.sum(axis=1, keepdims=True), 1.0)
        return np.asarray(known / np.maximum(known.sum(axis=1, keepdims=True), 1e-300))

    def add(self, kinds: IntArray, scores: FloatArray, levels: IntArray) -> None:
        """Take note of the levels that followed."""
        np.add.at(self._counts, (kinds, self.places(scores), levels), 1.0)
        self.see(kinds, levels)

    def see(self, kinds: IntArray, levels: IntArray) -> None:
        """Take note of levels ahead of which there was no score."""
        np.add.at(self._seen, (kinds, levels), 1.0)
