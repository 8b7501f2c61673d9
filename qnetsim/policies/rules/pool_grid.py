"""One slot of one fibre that has a pool: what a stock costs, and what it leaves over.

Reserve up to a stock a at price 1, buy what the load d exceeds it by at price c^o/c^b, and keep
min((a − d)^+, cap). Bits are taken to outlive the time in which they are used: the lifetime of keys
does not enter.
"""

from __future__ import annotations

import math

import numpy as np

from qnetsim.arrays import FloatArray, IntArray

#: A grid has about as many stocks, at most.
MOST_STOCKS = 200


class PoolGrid:
    """Stocks that a slot may begin with, and pools that it may leave.

    Parameters
    ----------
    values : ndarray of float64, shape (loads,)
        Channels that a slot may ask for, ascending whole numbers.
    price : float
        c^o/c^b.
    cap : int
        Channel-slots that are kept from slot to slot.

    Attributes
    ----------
    stocks : ndarray of float64, shape (stocks,)
        All multiples of what the loads are multiples of, up to the greatest load and a full pool.
        Where that makes too many, they are further apart.
    pools : ndarray of float64, shape (pools,)
    """

    def __init__(self, values: FloatArray, price: float, cap: int) -> None:
        # what is more than a slot can need may as well be reserved in the next one: a pool of that
        # much is as good as any greater one, and a great store leaves the grid as fine as it was
        cap = min(cap, int(values[-1]))
        top = int(values[-1]) + cap
        common = math.gcd(*(int(value) for value in values)) or 1
        step = float(max(common, -(-top // MOST_STOCKS)))
        self.stocks = np.arange(0.0, top + step, step)
        self.pools = np.unique(np.append(np.arange(0.0, cap, step), cap))
        #: What on-demand channels cost at each load, shape (stocks, loads).
        self.shortage = price * np.maximum(values - self.stocks[:, None], 0.0)
        self._left = _between(self.pools, np.clip(self.stocks[:, None] - values, 0.0, cap))
        self._pool = _between(self.stocks, self.pools)
        self._enough = np.minimum(np.searchsorted(self.stocks, self.pools), self.stocks.size - 1)

    def kept(self, values: FloatArray) -> FloatArray:
        """Value of what each stock leaves at each load, shape (stocks, loads, …).

        Parameters
        ----------
        values : ndarray of float64, shape (pools, …)
            Of what a slot begins with.
        """
        return _interpolate(values, *self._left)

    def costs(self, chances: FloatArray, values: FloatArray) -> FloatArray:
        """Expected cost a + c^o/c^b·E(d − a)^+ + E V of each stock, shape (stocks,).

        Parameters
        ----------
        chances : ndarray of float64, shape (loads,)
        values : ndarray of float64, shape (pools,)
        """
        return self.stocks + (self.shortage + self.kept(values)) @ chances

    def least(self, costs: FloatArray) -> FloatArray:
        """Cost min_{a ≥ s} { costs(a) } − s of each pool s, shape (pools, …).

        Parameters
        ----------
        costs : ndarray of float64, shape (stocks, …)
        """
        reserving = np.minimum.accumulate(costs[::-1])[::-1][self._enough]
        # to reserve nothing is allowed too, and may lie between two stocks
        nothing = _interpolate(costs, *self._pool)
        pools = self.pools.reshape(-1, *[1] * (costs.ndim - 1))
        return np.asarray(np.minimum(nothing, reserving) - pools)


def _between(grid: FloatArray, at: FloatArray) -> tuple[IntArray, FloatArray]:
    """Position below each number on a grid, and how far it is on the way to the next."""
    if grid.size == 1:
        return np.zeros(at.shape, dtype=np.int64), np.zeros(at.shape)
    below = np.clip(np.searchsorted(grid, at, side="right") - 1, 0, grid.size - 2)
    return below, np.clip((at - grid[below]) / (grid[below + 1] - grid[below]), 0.0, 1.0)


def _interpolate(values: FloatArray, below: IntArray, share: FloatArray) -> FloatArray:
    """Rows of values at places between the grid's, linearly."""
    above = np.minimum(below + 1, len(values) - 1)
    share = share.reshape(*share.shape, *[1] * (values.ndim - 1))
    return np.asarray(values[below] * (1 - share) + values[above] * share)
