"""Value iteration over what a fibre's pool holds and which regime is believed to rule.

    V(s, b) + λ = min_{a ≥ s} { a − s + c^o/c^b·E(d − a)^+ + E V(min((a − d)^+, cap), b') },

the optimality equation of the average cost of one fibre, on a grid of pools s and beliefs b.
"""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.policies.rules.belief_grid import BeliefGrid
from qnetsim.policies.rules.fibre_loads import FibreLoad
from qnetsim.policies.rules.pool_grid import PoolGrid
from qnetsim.policies.rules.regime_filter import RegimeFilter

MOST_ROUNDS = 2000
#: Ahead of the end of a run the slots that are left are told apart, up to this many.
LAST_SLOTS = 32
#: Value iteration ends where a round changes all values by the same amount, to this share of it.
TOLERANCE = 1e-7


class PoolProgram:
    """Cost of every stock under every belief, for one fibre.

    Parameters
    ----------
    load : FibreLoad
    regimes : RegimeFilter
        Steps between the regimes.
    beliefs : BeliefGrid

    Attributes
    ----------
    stocks : ndarray of float64, shape (stocks,)
        Stocks a that a slot may begin with.
    costs : ndarray of float64, shape (33, stocks, beliefs)
        The expression in braces, with a in place of a − s, up to a constant: with 1, 2 … 32 slots
        left, after which keys are worth nothing, and in the long run.
    average : float
        λ, in prices of a reserved channel.
    """

    def __init__(self, load: FibreLoad, regimes: RegimeFilter, beliefs: BeliefGrid) -> None:
        grid = PoolGrid(load.values, load.price, load.cap)
        self.stocks = grid.stocks
        chances = beliefs.beliefs @ load.laws  # (beliefs, loads)
        now = grid.stocks[:, None] + grid.shortage @ chances.T
        onward = _onward(load.laws, chances, regimes, beliefs)
        values = np.zeros((grid.pools.size, len(beliefs.beliefs)))
        self.costs = np.empty((LAST_SLOTS + 1, *now.shape))
        for left in range(1, MOST_ROUNDS):
            costs = now + grid.kept(values).reshape(len(now), -1) @ onward
            self.costs[min(left - 1, LAST_SLOTS)] = costs
            found = grid.least(costs)
            change = found - values
            self.average = float(change[0, 0])
            values = found - found[0, 0]
            still = np.ptp(change) <= TOLERANCE * max(abs(self.average), TOLERANCE)
            if left > LAST_SLOTS and still:
                break


def _onward(
    laws: FloatArray, chances: FloatArray, regimes: RegimeFilter, beliefs: BeliefGrid
) -> FloatArray:
    """Probability of a load and weight of each next belief, shape (loads·beliefs, beliefs)."""
    count = len(beliefs.beliefs)
    onward = np.zeros((laws.shape[1], count, count))
    for b, belief in enumerate(beliefs.beliefs):
        for load in np.flatnonzero(chances[b]):
            after = (belief * laws[:, load]) @ regimes.steps / chances[b, load]
            onward[load, :, b] = chances[b, load] * beliefs.weights(after)
    return onward.reshape(-1, count)
