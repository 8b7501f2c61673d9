"""How long served requests waited for their first keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qnetsim.analysis.warm_up import blocks_from
from qnetsim.arrays import FloatArray, IntArray
from qnetsim.trace import Trace

#: Percentiles of waiting times by name, as shares.
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True)
class Waits:
    """Counts of served requests by their waiting time.

    Attributes
    ----------
    upto_s : ndarray of float64, shape (bins,)
        Longest waiting time of each bin in seconds, ascending; the first is zero.
    counts : ndarray of int64, shape (bins,)
    """

    upto_s: FloatArray
    counts: IntArray

    @classmethod
    def of(cls, trace: Trace, served: int, first: int = 0) -> Waits:
        """Count the waiting times of the ``served`` requests of a trace from a slot on."""
        upto_s = trace.column("slots/wait_upto_s")
        counts = np.zeros(len(upto_s), dtype=np.int64)
        for block in blocks_from(trace, "slots/waited", first):
            counts += block.sum(axis=0, dtype=np.int64)
        edges = np.append(0.0, upto_s)
        return cls(edges, np.append(served - int(counts.sum()), counts))

    @classmethod
    def merged(cls, parts: Sequence[Waits]) -> Waits:
        """Counts of several runs as one."""
        edges, counts = side_by_side(parts)
        return cls(edges, counts.sum(axis=0))

    def percentile(self, share: float) -> float:
        """Shortest upper edge of a bin, in seconds, within which this share was served."""
        served = int(self.counts.sum())
        if not served:
            return 0.0
        return float(self.upto_s[np.searchsorted(np.cumsum(self.counts), share * served)])

    @property
    def percentiles_s(self) -> dict[str, float]:
        """All of ``PERCENTILES``, by name."""
        return {name: self.percentile(share) for name, share in PERCENTILES.items()}


def side_by_side(parts: Sequence[Waits]) -> tuple[FloatArray, IntArray]:
    """Counts of several runs over bins that they share.

    Returns
    -------
    upto_s : ndarray of float64, shape (bins,)
    counts : ndarray of int64, shape (runs, bins)
    """
    # numpy.unique would import masked arrays
    edges = np.array(sorted({edge for part in parts for edge in part.upto_s.tolist()}))
    counts = np.zeros((len(parts), len(edges)), dtype=np.int64)
    for row, part in zip(counts, parts, strict=True):
        row[np.searchsorted(edges, part.upto_s)] = part.counts
    return edges, counts
