"""The serving loop is compiled once, whatever a scenario has and a policy decides."""

from __future__ import annotations

import pytest

from qnetsim.compiling import compiled, have_numba
from qnetsim.kernel.serving import loop
from qnetsim.policies.registry import make_policy
from tests.support.helpers import nsfnet, run
from tests.support.planning import plan_of

SCENARIOS = {
    "fixed yields": nsfnet(run__slots="20"),
    "noisy yields": nsfnet(run__slots="20", yields__noise_counts="400"),
    "one slot": nsfnet(run__slots="1"),
    "a level for each": nsfnet(run__slots="20", demand__coupling='"independent"'),
    "sessions": nsfnet(run__slots="20", demand__holding='"fixed"', demand__holding_slots="3"),
    "stores": nsfnet(
        run__slots="20",
        key_management__store_bits="9000",
        key_management__key_lifetime_slots="3",
    ),
    "faults": nsfnet(run__slots="20", faults__fibre_mtbf_s="50.0", faults__fibre_mttr_s="5.0"),
}


@pytest.mark.skipif(not have_numba(), reason="numba is not installed")
def test_one_compiled_loop_serves_all_scenarios_and_policies() -> None:
    for scenario in SCENARIOS.values():
        for name in ("sip", "history-quantile", "random"):
            policy = make_policy(name, {})
            plan = plan_of(scenario, "sip") if name == "sip" else None
            run(scenario, policy, plan=plan, kernel="numba")
    assert len(compiled(loop).serve_slots.signatures) == 1
