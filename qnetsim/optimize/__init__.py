"""Planning: the newsvendor closed form, the routes program, the full program, and the proofs."""

from qnetsim.optimize.assemble import expected_loads
from qnetsim.optimize.bounds import perfect_information
from qnetsim.optimize.marginals import Marginals, marginal_loads, reservations
from qnetsim.optimize.newsvendor import level_values, newsvendor
from qnetsim.optimize.plan import Plan
from qnetsim.optimize.recourse import expected_recourse
from qnetsim.optimize.routing import by_level_weight, newsvendor_routes, newsvendor_table
from qnetsim.optimize.solvers.solver import HIGHS, Solver

__all__ = [
    "HIGHS",
    "Marginals",
    "Plan",
    "Solver",
    "by_level_weight",
    "expected_loads",
    "expected_recourse",
    "level_values",
    "marginal_loads",
    "newsvendor",
    "newsvendor_routes",
    "newsvendor_table",
    "perfect_information",
    "reservations",
]
