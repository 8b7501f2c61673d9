"""Which requests of a run are followed one by one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from qnetsim import seeds
from qnetsim.arrays import BoolArray, IntArray

#: Slots whose sample is drawn from one stream.
SAMPLE_SLOTS = 1024


@dataclass(frozen=True)
class FollowedRequests:
    """Which requests of a run are followed one by one.

    Attributes
    ----------
    which : {"blocked", "sample", "all"}
        ``blocked``: those that were blocked or interrupted.
    share : float
        Of the sample.
    seed, replication : int
        They name the sample, and no policy does: all policies of a world have the same one.
    """

    which: Literal["blocked", "sample", "all"]
    share: float
    seed: int
    replication: int

    def sampled(self, slots: IntArray, numbers: IntArray, requests: int) -> BoolArray:
        """Which of these requests are in the sample.

        Parameters
        ----------
        slots, numbers : ndarray of int64, shape (n,)
            Slots of arrival, and numbers of the requests.
        requests : int
            How many come in a slot.
        """
        found = np.empty(len(slots), dtype=bool)
        blocks = slots // SAMPLE_SLOTS
        for block in np.unique(blocks).tolist():
            here = blocks == block
            drawn = _drawn(self, block, requests)
            found[here] = drawn[slots[here] % SAMPLE_SLOTS, numbers[here]]
        return found


@lru_cache(maxsize=4)
def _drawn(followed: FollowedRequests, block: int, requests: int) -> BoolArray:
    """The sample of a block of slots, shape (SAMPLE_SLOTS, requests)."""
    stream = seeds.stream(followed.seed, "followed requests", followed.replication, block)
    drawn = seeds.uniform(stream, SAMPLE_SLOTS * requests) < followed.share
    return drawn.reshape(SAMPLE_SLOTS, requests)
