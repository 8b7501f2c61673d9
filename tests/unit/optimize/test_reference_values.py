"""Planning gives the reference values of the model's definition, to 1e-9 relative."""

from __future__ import annotations

import pytest

from qnetsim.case import open_case
from qnetsim.plans.make import make_plan
from qnetsim.scenario import PolicyTable
from qnetsim.vocabulary import PlanStatus
from tests.support.helpers import nsfnet

#: multiplier: SIP, its level, EVF, perfect information
VALUES = {
    0.5: (37_628_035.11, 3, 37_628_035.11, 26_959_613.86),
    1.0: (44_975_989.99, 4, 48_231_770.21, 26_959_613.86),
    2.0: (51_197_926.91, 5, 69_439_240.43, 26_959_613.86),
}
BY_LEVEL = (
    98_546_405,
    76_209_545,
    58_642_955,
    48_231_770,
    44_975_990,
    47_086_763,
    52_417_469,
    59_358_141,
    66_988_798,
    74_878_200,
    82_853_850,
)


def plan_of(multiplier: float, name: str, **options: object):
    scenario = nsfnet(cost__on_demand_multiplier=repr(multiplier))
    table = PolicyTable.model_validate({"name": name, **options})
    return make_plan(scenario, table), open_case(scenario)


@pytest.mark.parametrize("multiplier", VALUES)
def test_sip(multiplier: float) -> None:
    objective, level, _, _ = VALUES[multiplier]
    plan, case = plan_of(multiplier, "sip")
    # the values are printed to a cent, which is 2e-10 relative
    assert plan.objective(case.network) == pytest.approx(objective, abs=0.0051)
    assert plan.status is PlanStatus.OPTIMAL
    assert plan.bound == pytest.approx(objective, rel=1e-9)
    requests = plan.routes.requests_per_fibre(case.network.fibres)
    assert (plan.qkd_channels == level * requests).all()
    assert (plan.km_wavelengths == requests).all()


@pytest.mark.parametrize("multiplier", VALUES)
def test_evf(multiplier: float) -> None:
    plan, case = plan_of(multiplier, "evf")
    assert plan.objective(case.network) == pytest.approx(VALUES[multiplier][2], abs=0.0051)
    requests = plan.routes.requests_per_fibre(case.network.fibres)
    assert (plan.qkd_channels == 3 * requests).all()


@pytest.mark.parametrize("multiplier", VALUES)
def test_perfect_information(multiplier: float) -> None:
    plan, case = plan_of(multiplier, "perfect")
    assert plan.objective(case.network) == pytest.approx(VALUES[multiplier][3], abs=0.0051)


@pytest.mark.parametrize("level", range(11))
def test_each_reserved_level(level: int) -> None:
    plan, case = plan_of(1.0, "level", level=level)
    assert plan.objective(case.network) == pytest.approx(BY_LEVEL[level], abs=0.51)


@pytest.mark.parametrize(("reading", "ratio"), [("calibrated", 1.4355), ("literal", 2.007)])
def test_random_baseline(reading: str, ratio: float) -> None:
    plan, case = plan_of(1.0, "random", reading=reading)
    assert plan.objective(case.network) / VALUES[1.0][0] == pytest.approx(ratio, abs=6e-5)
