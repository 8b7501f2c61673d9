"""A run asks its policy for a plan once, and with what the run itself goes by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from qnetsim.case import open_case
from qnetsim.optimize import Plan
from qnetsim.policies import Decision, Observation, Policy, Setting
from qnetsim.runs.simulate import simulate
from tests.support.helpers import nsfnet


class Counting(Policy):
    """Reserves nothing, and keeps the settings that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.planned: list[Setting] = []
        self.prepared: list[Setting] = []

    def plan(self, setting: Setting) -> Plan | None:
        setting.shortest_routes()
        self.planned.append(setting)
        return None

    def prepare(self, setting: Setting, plan: Plan | None) -> None:
        self.prepared.append(setting)

    def decide(self, observation: Observation) -> Decision:
        none = np.zeros(observation.fibres.size, dtype=np.int64)
        return Decision(none, none, observation.slots_left)


def test_a_policy_without_a_plan_is_asked_once(tmp_path: Path) -> None:
    policy = Counting()
    simulate(nsfnet(run__slots="5"), policy, tmp_path / "t.h5")
    assert len(policy.planned) == len(policy.prepared) == 1
    before, after = policy.planned[0], policy.prepared[0]
    assert before.solver != after.solver
    assert before.shortest_routes() is after.shortest_routes()


def test_another_solver_keeps_the_shortest_routes_and_their_loads() -> None:
    setting = open_case(nsfnet()).setting
    quick = replace(setting.solver, settings=replace(setting.solver.settings, node_limit=7))
    other = setting.with_solver(quick)
    assert other.solver.settings.node_limit == 7 and setting.solver.settings.node_limit != 7
    routes = other.shortest_routes()
    assert setting.shortest_routes() is routes
    assert setting.channel_loads(routes) is other.channel_loads(routes)
    direct = setting.shortest_routes(weight=0)
    assert setting.channel_loads(direct) is not setting.channel_loads(direct)
    levels = np.array([[3]])
    for table in (routes, direct):
        known, made = (
            found.loads(levels)
            for found in (
                setting.channel_loads(table),
                setting.forecast.channel_loads(setting.network, table),
            )
        )
        np.testing.assert_array_equal(known.amounts, made.amounts)
