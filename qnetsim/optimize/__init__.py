"""Planning: the newsvendor closed form, the routes program, the full program, and the proofs."""

from typing import TYPE_CHECKING

from qnetsim.first_use import on_first_use

# its function has its name, so that it cannot come later
from qnetsim.optimize.newsvendor import level_values, newsvendor

if TYPE_CHECKING:
    from qnetsim.optimize.assemble import expected_loads
    from qnetsim.optimize.bounds import perfect_information
    from qnetsim.optimize.marginals import Marginals, marginal_loads, reservations
    from qnetsim.optimize.plan import Plan
    from qnetsim.optimize.recourse import expected_recourse
    from qnetsim.optimize.routing import by_level_weight, newsvendor_routes, newsvendor_table
    from qnetsim.optimize.solvers.solver import HIGHS, Solver
else:
    __getattr__ = on_first_use(
        __name__,
        {
            "HIGHS": "qnetsim.optimize.solvers.solver",
            "Marginals": "qnetsim.optimize.marginals",
            "Plan": "qnetsim.optimize.plan",
            "Solver": "qnetsim.optimize.solvers.solver",
            "by_level_weight": "qnetsim.optimize.routing",
            "expected_loads": "qnetsim.optimize.assemble",
            "expected_recourse": "qnetsim.optimize.recourse",
            "marginal_loads": "qnetsim.optimize.marginals",
            "newsvendor_routes": "qnetsim.optimize.routing",
            "newsvendor_table": "qnetsim.optimize.routing",
            "perfect_information": "qnetsim.optimize.bounds",
            "reservations": "qnetsim.optimize.marginals",
        },
    )

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
