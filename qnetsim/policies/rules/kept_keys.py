"""What share of the keys that a slot leaves over serve later ones, as far as the run shows it."""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import FloatArray, IntArray

#: Weight of what is thought at first, in left-over channel-slots of a fibre: that nothing is kept.
FIRST_CHANNELS = 10


class KeyRetention:
    """Keys that were left over, and those that were lost since, fibre by fibre.

    Pools are seen at the start of a slot; what they lack of what the slot before left over has
    expired or overflowed.

    Parameters
    ----------
    channel_bits : ndarray of int64, shape (fibres,)
    """

    def __init__(self, channel_bits: IntArray) -> None:
        self._bits = channel_bits
        self._left = FIRST_CHANNELS * channel_bits.astype(np.float64)
        self._lost = self._left.copy()
        self._over: IntArray | None = None
        self._pools = np.zeros_like(channel_bits)

    @property
    def share(self) -> FloatArray:
        """Share of left-over keys that are not lost, shape (fibres,)."""
        return np.asarray(1.0 - self._lost / self._left)

    def begin(self, pools: IntArray) -> None:
        """Take in the bits in the pools at the start of a slot."""
        if self._over is not None:
            # a request that was blocked leaves more than was thought
            self._lost += np.clip(self._over - pools, 0, self._over)
            self._over = None
        self._pools = pools

    def end(self, channels: IntArray, loads: IntArray) -> None:
        """Take in the channels that were lit in the slot, and those that were asked for."""
        made = channels * self._bits
        over = np.maximum(self._pools + made - loads * self._bits, 0)
        # the oldest keys go first, so what was made last is what is left
        self._left += np.minimum(over, made)
        self._over = over
