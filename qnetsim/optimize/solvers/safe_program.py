"""Lower bounds of a finite program in whole numbers, which no tolerance of a solver makes false.

For any row prices y, every point of the program costs at least Σ y·(side of its row) plus, for each
variable, its reduced cost c − yA at the better of its two bounds. Prices and costs are rounded to
whole multiples of one small unit, costs down, and the rest is exact: where 64 bits might not do, it
is done in Python's integers.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.optimize.solvers.program import Program

#: Units to one, as a power of two.
STEPS = 40
#: Whole numbers below this one, and their sums, fit into 64 bits.
SAFE = 2.0**61
#: Costs are lowered by this part, beyond what they can be off by having been worked out in floats.
MARGIN = 2.0**-40


class SafeProgram:
    """Bounds of a program whose matrix and row sides are whole, and whose variables are bounded.

    Parameters
    ----------
    program : Program
        Its variables are at least zero.
    """

    def __init__(self, program: Program) -> None:
        matrix = program.matrix.tocoo()
        self._row, self._column = (np.asarray(part, dtype=np.int64) for part in matrix.coords)
        self._value = np.rint(matrix.data).astype(np.int64)
        if (self._value != matrix.data).any():
            raise ValueError("the matrix is not whole")
        widest = np.zeros(program.variables)
        np.add.at(widest, self._column, np.abs(matrix.data))
        self._widest = float(widest.max(initial=1.0))
        exact = [Fraction(c * (1 - MARGIN)) * 2**STEPS for c in program.cost.tolist()]
        self._cost = np.array([c.numerator // c.denominator for c in exact], dtype=object)
        self._lower_side = program.row_lower
        self._upper_side = program.row_upper

    def bound(self, prices: FloatArray, lower: FloatArray, upper: FloatArray) -> Fraction:
        """Least cost of any point between bounds of the variables, from below.

        Parameters
        ----------
        prices : ndarray, shape (rows,)
            Any will do; positive ones belong to least sides.
        lower, upper : ndarray, shape (variables,)
            Finite.
        """
        return self._bound(self._cost, prices, lower, upper)

    def is_empty(self, prices: FloatArray, lower: FloatArray, upper: FloatArray) -> bool:
        """Whether these prices prove that there is no point between bounds of the variables."""
        return self._bound(np.zeros_like(self._cost), prices, lower, upper) > 0

    def _bound(
        self,
        cost: np.ndarray[tuple[int], np.dtype[np.object_]],
        prices: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
    ) -> Fraction:
        side = np.where(prices > 0, self._lower_side, self._upper_side)
        priced = np.where(np.isfinite(side), prices, 0.0) * 2.0**STEPS
        wide = float(np.abs(priced).max(initial=0.0)) * self._widest >= SAFE
        whole = np.array([int(p) for p in priced.tolist()], dtype=object if wide else np.int64)
        spent = np.zeros(cost.size, dtype=whole.dtype)
        np.add.at(spent, self._column, self._value * whole[self._row])
        reduced = cost - spent.astype(object)
        used = np.flatnonzero(whole)
        total = _sum(whole[used].tolist(), side[used].tolist())
        places = np.where(reduced > 0, lower, upper)
        used = np.flatnonzero(places)
        total += _sum(reduced[used].tolist(), places[used].tolist())
        return Fraction(total, 2**STEPS)


def _sum(whole: list[int], values: list[float]) -> Fraction:
    """Exact sum of products; values are mostly whole."""
    total = 0
    rest = Fraction(0)
    for n, value in zip(whole, values, strict=True):
        if value.is_integer():
            total += n * int(value)
        else:
            rest += n * Fraction(value)
    return total + rest
