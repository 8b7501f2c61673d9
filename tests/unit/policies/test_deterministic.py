"""The deterministic program (8)-(18) by name, against evf and the full program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import open_case
from qnetsim.errors import InfeasibleError, QnetsimError, UsageError
from qnetsim.policies.deterministic import Deterministic
from qnetsim.policies.registry import make_policy
from qnetsim.scenario import Scenario
from tests.support.helpers import nsfnet, run
from tests.support.planning import network_text


def planned(scenario: Scenario, **options: object):
    """Plan of the class itself, with its options as the registry checks them."""
    checked = Deterministic.Options.model_validate(options)
    return Deterministic(checked).plan(open_case(scenario).setting)


def test_the_mean_level_reserves_what_evf_does() -> None:
    scenario = nsfnet(demand__levels="7", demand__mean="3", demand__requests="20")
    case = open_case(scenario)
    assert 2 < case.forecast.levels.mean <= 3
    plan = planned(scenario, level=3)
    evf = make_policy("evf", {}).plan(case.setting)
    assert evf is not None
    np.testing.assert_array_equal(plan.qkd_channels, evf.qkd_channels)
    np.testing.assert_array_equal(plan.km_wavelengths, evf.km_wavelengths)
    assert plan.bound is None  # of the known demand only, in the note
    assert f"{plan.first_stage_cost(case.network):,.2f} is reserved" in plan.note
    assert f"costs less than {plan.first_stage_cost(case.network):,.2f}" in plan.note


def test_a_level_for_each_request_reserves_the_sum_of_their_needs() -> None:
    scenario = nsfnet(demand__levels="5", demand__requests="6")
    case = open_case(scenario)
    levels = [0, 4, 1, 2, 3, 4]
    plan = planned(scenario, levels=levels)
    rho = case.network.level_channels(5)
    expected = np.zeros(case.network.fibres)
    for request, level in enumerate(levels):
        fibres = list(plan.routes.route(request, 0).fibres)
        expected[fibres] += rho[level, fibres]
    np.testing.assert_array_equal(plan.qkd_channels, expected)
    alike = planned(scenario, levels=[2] * 6)
    np.testing.assert_array_equal(alike.qkd_channels, planned(scenario, level=2).qkd_channels)


def test_requests_that_differ_share_what_fits(tmp_path: Path) -> None:
    """Two channels on the short way: the request of two takes it, that of one goes round."""
    text = 'levels = 3\npairs = [["a", "b"], ["a", "b"]]'
    scenario = network_text(tmp_path, "a-b:100 a-c:100 c-b:100", "qkd_wavelengths = 6", text)
    plan = planned(scenario, levels=[1, 2])
    assert [len(plan.routes.route(r, 0).fibres) for r in (0, 1)] == [2, 1]
    np.testing.assert_array_equal(plan.qkd_channels, [2, 1, 1])


def test_a_run_goes_by_it() -> None:
    scenario = nsfnet(run__slots="2000", demand__requests="10", demand__levels="5")
    case = open_case(scenario)
    policy = Deterministic(Deterministic.Options(level=2))
    plan = policy.plan(case.setting)
    result = run(case, policy, plan=plan)
    assert result.cost.mean() == pytest.approx(plan.objective(case.network), rel=0.05)


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    text = 'levels = 3\npairs = [["a", "b"], ["a", "b"]]'
    scenario = network_text(tmp_path, "a-b:100", "qkd_wavelengths = 6", text)
    with pytest.raises(InfeasibleError, match=r"deterministic: .*a–b"):
        planned(scenario, level=2)
    assert planned(scenario, level=1).qkd_channels.tolist() == [2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 9}, r"level 9 is not one of the scenario's levels 0 \.\. 2"),
        ({"levels": [1]}, "levels has 1 entry for 2 requests"),
        ({"levels": [1, -1]}, "level -1 is not one"),
    ],
)
def test_demand_that_is_none_is_refused(
    options: dict[str, object], message: str, tmp_path: Path
) -> None:
    text = 'levels = 3\npairs = [["a", "b"], ["a", "b"]]'
    scenario = network_text(tmp_path, "a-b:100", "", text)
    with pytest.raises(UsageError, match=message):
        planned(scenario, **options)


@pytest.mark.parametrize("options", [{}, {"level": 1, "levels": [1, 1]}])
def test_exactly_one_demand_is_given(options: dict[str, object]) -> None:
    with pytest.raises((QnetsimError, ValueError), match="give either level or levels"):
        planned(nsfnet(), **options)
