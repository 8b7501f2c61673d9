"""EVF: the expected value formulation. Reserve for the mean demand, buy the rest on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qnetsim.policies.base import Setting
from qnetsim.policies.static import StaticPolicy

if TYPE_CHECKING:
    from qnetsim.optimize import Plan


class ExpectedValue(StaticPolicy):
    """First stage of (8)-(18) at the mean demand, second stage as SIP's recourse."""

    def plan(self, setting: Setting) -> Plan:
        """Solve the deterministic program, then the recourse for its first stage."""
        # a run of another policy checks this one's options only
        from qnetsim.policies.mean_demand import expected_value_plan

        return expected_value_plan(setting)
