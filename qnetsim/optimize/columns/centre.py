"""Prices in the middle of the optimal face, which leave few routes with small reduced costs."""

from __future__ import annotations

from typing import NamedTuple

from qnetsim.errors import SolverError
from qnetsim.optimize.columns.generation import improving_columns
from qnetsim.optimize.columns.master import Master
from qnetsim.optimize.columns.pricing import DualPrices, Pricing
from qnetsim.optimize.gaps import PROOF_GAP
from qnetsim.optimize.solvers.program import SolveStatus

#: Rounds of pricing at such prices.
ROUNDS = 8


class CentralPrices(NamedTuple):
    """Prices, and the scaled bound that they prove."""

    prices: DualPrices
    bound: float


def central_prices(master: Master, known: CentralPrices) -> CentralPrices:
    """Find prices of nearly the same bound far from all vertices, by an interior point method.

    Vertices of the face of optimal prices give many routes the reduced cost zero that no optimum
    uses; its middle does not.

    Parameters
    ----------
    master : Master
        Routes that such prices ask for are added.
    known : CentralPrices
        Prices that prove the relaxation; returned where the method finds none that are as good.
    """
    problem = master.problem
    pricing = Pricing(problem, master.cuts)
    best: CentralPrices | None = None
    enough = PROOF_GAP * max(abs(known.bound), 1e-12)
    for _ in range(ROUNDS):
        try:
            relaxed = problem.solver.solve(master.program(), relax=True, interior=True)
        except SolverError:
            # the interior method may stop short of its tolerances; the known prices prove as much
            break
        if relaxed.status is not SolveStatus.OPTIMAL:
            break
        prices = pricing.feasible(*master.raw_prices(relaxed))
        priced = pricing.price(prices)
        if best is None or priced.bound > best.bound:
            best = CentralPrices(prices, priced.bound)
        if known.bound - best.bound <= enough:
            break
        lengths = pricing.lengths(prices)
        targets = master.targets(relaxed, lengths)
        if not master.add(improving_columns(pricing, priced, prices, targets)):
            break
    return best if best is not None and known.bound - best.bound <= 100 * enough else known
