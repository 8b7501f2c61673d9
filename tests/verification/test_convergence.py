"""Statistics against theory: the simulated mean cost converges to the analytic objective."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qnetsim.case import open_case
from qnetsim.plans.make import make_plan
from qnetsim.policies.registry import make_policy
from qnetsim.scenario import PolicyTable, parse_scenario
from tests.support.helpers import nsfnet, run

pytestmark = pytest.mark.slow

POLICIES = [
    ("sip", {}),
    ("evf", {}),
    ("random", {}),
    ("random", {"reading": "literal"}),
    ("perfect", {}),
    ("level", {"level": 2}),
]


@pytest.mark.parametrize(("name", "options"), POLICIES)
@pytest.mark.parametrize("topology", ["nsfnet", "usnet"])
@pytest.mark.parametrize("coupling", ["comonotone", "independent"])
def test_the_mean_cost_converges(
    name: str, options: dict[str, object], topology: str, coupling: str
) -> None:
    slots = 200_000 if coupling == "comonotone" else 20_000
    scenario = nsfnet(
        run__slots=str(slots),
        network__topology=f'"{topology}"',
        demand__requests="100" if topology == "nsfnet" else "200",
        demand__coupling=f'"{coupling}"',
    )
    case = open_case(scenario)
    plan = make_plan(scenario, PolicyTable.model_validate({"name": name, **options}))
    cost = run(case, make_policy(name, options)).cost
    half = stats.norm.ppf(0.995) * cost.std(ddof=1) / np.sqrt(cost.size)
    assert abs(cost.mean() - plan.objective(case.network)) <= half


def test_the_mean_cost_converges_within_limits() -> None:
    """With binding limits too; the plan's routes keep every request served."""
    scenario = nsfnet(
        run__slots="100000",
        run__seed="3",
        demand__requests="100",
        network__qkd_wavelengths="400",
    )
    case, plan = open_case(scenario), make_plan(scenario, PolicyTable(name="sip"))
    result = run(case, make_policy("sip", {}))
    assert result.columns["blocked"].sum() == 0
    half = stats.norm.ppf(0.995) * result.cost.std(ddof=1) / np.sqrt(result.cost.size)
    assert abs(result.cost.mean() - plan.objective(case.network)) <= half


def test_levels_follow_their_distribution() -> None:
    text = '[run]\nslots = 300000\n[network]\ntopology = "nsfnet"\n[demand]\npairs = [[1, 2]]\n'
    case = open_case(parse_scenario(text))
    levels = np.concatenate([chunk.levels for chunk in case.realisation(0).chunks()])[:, 0]
    counts = np.bincount(levels, minlength=10)
    expected = case.forecast.levels.probabilities * levels.size
    assert stats.chisquare(counts, expected).pvalue > 1e-3
    follows = np.histogram2d(levels[:-1], levels[1:], bins=(10, 10))[0]
    big = np.outer(expected, expected) / levels.size > 5
    independent = np.outer(counts, counts)[big] / levels.size
    assert (
        stats.chisquare(follows[big], independent * follows[big].sum() / independent.sum()).pvalue
        > 1e-3
    )
