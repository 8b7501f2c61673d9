"""QKD links: which reserved channels are lit, and what they produce."""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import IntArray


def lit(reserved: IntArray, limit: int | None) -> IntArray:
    """Reserved channels (or wavelengths) that are lit; those above the limit stay dark."""
    return reserved if limit is None else np.minimum(reserved, limit)


def produced_bits(channels: IntArray, channel_bits: IntArray) -> IntArray:
    """Bits that lit channels deliver at the slot's production instant.

    Parameters
    ----------
    channels : ndarray of int64, shape (slots, fibres)
    channel_bits : ndarray of int64, shape (fibres,)
        y_e, bits of one channel in a slot.
    """
    return channels * channel_bits


def channels_for(bits: IntArray, channel_bits: IntArray) -> IntArray:
    """Channels that must be lit on demand for a shortfall: ⌈shortfall / y_e⌉, none for none."""
    return -(-bits // channel_bits)
