"""The bounds of plans, by a program that shares nothing with the planner."""

from __future__ import annotations

import pytest

from qnetsim.studies.benchmark.benchmark_worlds import open_world
from qnetsim.studies.benchmark.reference_rows import reference
from tests.support.arc_program import least_cost


@pytest.mark.parametrize("name", ["nsfnet", "heterogeneous", "own-distributions"])
def test_optimal_plans_cost_what_a_program_over_arcs_says(name: str) -> None:
    assert reference().world(name).expected == pytest.approx(
        least_cost(open_world(name).case), rel=1e-8
    )
