"""Sums over the slots of an interval, each in one pass: for where plain loops are compiled.

``qnetsim.compiling`` loads this module. Ledger and bill make the same sums in array steps
where nothing is compiled.
"""

from __future__ import annotations

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.compiling import jit
from qnetsim.kernel.serving import state as at
from qnetsim.units import MAX_SLOT_BITS

#: Most bits of a fibre in a slot: a block of slots of such flows still adds up in 64 bits.
MOST_BITS = MAX_SLOT_BITS - 1
assert MOST_BITS & MAX_SLOT_BITS == 0, "a bound that a union of bits can be held against"


@jit
def balance(
    produced: IntArray,
    consumed: IntArray,
    expired: IntArray,
    overflowed: IntArray,
    stored: IntArray,
    kept: IntArray,
    total: IntArray,
    found: IntArray,
) -> int:
    """Hold the flows of a pool against each other; returns zero where keys are conserved.

    No flow may be negative or above ``MOST_BITS`` either.

    Parameters
    ----------
    produced, consumed, expired, overflowed, stored : ndarray of int64, shape (slots, fibres)
    kept : ndarray of int64, shape (fibres,)
        Stored before the first slot; becomes what is stored after the last one.
    total : ndarray of int64, shape (flows, fibres)
        The flows are added to it; but for what is stored.
    found : ndarray of int64, shape (flows,)
        Becomes all bits that occur in the numbers of each flow: zero where all are.
    """
    differ = 0
    all_made = all_used = all_late = all_over = all_left = 0
    for row in range(produced.shape[0]):
        for f in range(produced.shape[1]):
            made = produced[row, f]
            used = consumed[row, f]
            late = expired[row, f]
            over = overflowed[row, f]
            left = stored[row, f]
            differ |= kept[f] + made - used - late - over - left
            total[at.PRODUCED, f] += made
            total[at.CONSUMED, f] += used
            total[at.EXPIRED, f] += late
            total[at.OVERFLOWED, f] += over
            kept[f] = left
            all_made |= made
            all_used |= used
            all_late |= late
            all_over |= over
            all_left |= left
    found[at.PRODUCED] = all_made
    found[at.CONSUMED] = all_used
    found[at.EXPIRED] = all_late
    found[at.OVERFLOWED] = all_over
    found[at.STORED] = all_left
    return differ | (all_made | all_used | all_late | all_over | all_left) & ~MOST_BITS


@jit
def priced(amounts: IntArray, prices: FloatArray, total: FloatArray) -> None:
    """Price each slot, the fibres strictly from left to right.

    Parameters
    ----------
    amounts : ndarray of int64, shape (slots, fibres)
    prices : ndarray of float64, shape (fibres,)
    total : ndarray of float64, shape (slots,)
        Becomes the sums.
    """
    for row in range(amounts.shape[0]):
        found = amounts[row, 0] * prices[0]
        for f in range(1, amounts.shape[1]):
            found += amounts[row, f] * prices[f]
        total[row] = found
