"""Key pools of the local key managers: bits as offsets that only ever move forward."""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import IntArray


class KeyPool:
    """One pool on every fibre.

    A pool is the part ``[head, tail)`` of an endless stream of bits. Production moves the
    tail; consumption, expiry and overflow move the head, so the oldest bits leave first and no
    bit is handed out twice.

    Parameters
    ----------
    fibres : int
    store_bits : int
        Bits kept at most from one slot to the next, per fibre.
    lifetime_slots : int
        Slots for which bits stay usable after the slot that produced them.
    """

    def __init__(self, fibres: int, store_bits: int, lifetime_slots: int) -> None:
        self.head: IntArray = np.zeros(fibres, dtype=np.int64)
        self.tail: IntArray = np.zeros(fibres, dtype=np.int64)
        self.store_bits = store_bits
        # tail at the end of each of the last slots: all before it is older than those slots
        self._tails = np.zeros((lifetime_slots + 1, fibres), dtype=np.int64)

    @property
    def bits(self) -> IntArray:
        """Usable bits on each fibre, shape (fibres,)."""
        return self.tail - self.head

    def produce(self, bits: IntArray) -> None:
        """Put fresh bits in, shape (fibres,)."""
        self.tail = self.tail + bits

    def consume(self, bits: IntArray) -> None:
        """Take the oldest bits out, shape (fibres,); at most what is there."""
        self.head = self.head + bits

    def end_slot(self, slot: int) -> tuple[IntArray, IntArray]:
        """Apply the lifetime, then the cap.

        Returns
        -------
        expired, overflowed : ndarray of int64, shape (fibres,)
        """
        lifetime = len(self._tails) - 1
        self._tails[slot % (lifetime + 1)] = self.tail
        # the ring now holds the tails of slots slot − lifetime .. slot; the oldest is next
        oldest = self._tails[(slot + 1) % (lifetime + 1)]
        expired = np.maximum(oldest - self.head, 0)
        self.head = self.head + expired
        overflowed = np.maximum(self.tail - self.head - self.store_bits, 0)
        self.head = self.head + overflowed
        return expired, overflowed
