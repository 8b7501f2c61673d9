"""Which node trains on which pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.network.routes import NodePair


def clients_of(pairs: Sequence[NodePair]) -> IntArray:
    """Node that has each pair: one of its ends, so chosen that nodes have about as many each."""
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return np.asarray(np.where(ends.sum(axis=1) % 2, ends[:, 0], ends[:, 1]))
