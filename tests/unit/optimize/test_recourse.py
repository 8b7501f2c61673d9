"""The second stage of a policy: routes for a slot once its demand is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qnetsim.arrays import IntArray
from qnetsim.errors import PolicyError
from qnetsim.network import BLOCKED, RouteTable
from qnetsim.policies import Decision, Observation, Policy
from qnetsim.scenario import Scenario
from tests.support.helpers import nsfnet, run


class Rerouting(Policy):
    """Reserves three channels per request and routes as a function says."""

    reroutes = True

    def __init__(self, routing: Any) -> None:
        super().__init__()
        self.routing, self.seen = routing, list[tuple[int, list[int]]]()

    def prepare(self, setting: Any, plan: Any) -> None:
        self.routes = setting.shortest_routes()
        self.requests = setting.requests_per_fibre(self.routes)

    def decide(self, observation: Observation) -> Decision:
        return Decision(3 * self.requests, self.requests, 7, self.routes)

    def recourse(self, slot: int, levels: IntArray) -> RouteTable | None:
        self.seen.append((slot, levels.tolist()))
        with pytest.raises(ValueError, match=r"read-only|writeable"):
            levels[0] = 1
        return self.routing(self, slot, levels)


def scenario(**changes: str) -> Scenario:
    management = {
        "key_management__store_bits": "5000",
        "key_management__key_lifetime_slots": "2",
        "key_management__patience_s": "2.0",
    }
    return nsfnet(
        run__slots="40",
        demand__requests="15",
        network__qkd_wavelengths="60",
        **management,
        **changes,
    )


@pytest.mark.parametrize("coupling", ["comonotone", "independent"])
def test_the_same_routes_give_the_same_run(coupling: str) -> None:
    asked = scenario(demand__coupling=f'"{coupling}"')
    policies = [Rerouting(lambda p, s, k: None), Rerouting(lambda p, s, k: p.routes)]
    plain = Rerouting(None)
    plain.reroutes = False
    results = [run(asked, policy) for policy in (*policies, plain)]
    for result in results[1:]:
        for name, column in results[0].columns.items():
            if name != "decide_s":
                np.testing.assert_array_equal(column, result.columns[name], name)
    assert plain.seen == []
    levels = results[0].levels
    group = np.zeros(15, int) if coupling == "comonotone" else np.arange(15)
    assert policies[0].seen == [(s, row[group].tolist()) for s, row in enumerate(levels)]


def test_routes_take_effect_in_their_own_slot() -> None:
    """Everybody is refused in odd slots."""

    def routing(policy: Rerouting, slot: int, levels: IntArray) -> RouteTable | None:
        return RouteTable.of([[BLOCKED] * 10] * 15) if slot % 2 else None

    result = run(scenario(cost__blocking_cost="50.0"), Rerouting(routing))
    served, blocked = result.columns["served"], result.columns["blocked"]
    assert (served[1::2] == 0).all()
    assert served[::2].sum() > 0
    # those that waited are refused as well
    assert (blocked[1::2] >= 15).all()
    assert (result.columns["waiting"][1::2] == 0).all()
    np.testing.assert_array_equal(result.columns["blocking_cost"], 50.0 * blocked)


def test_senseless_routes_are_refused_by_slot() -> None:
    def routing(policy: Rerouting, slot: int, levels: IntArray) -> RouteTable | None:
        return RouteTable.of([[policy.routes.route(0, 0)] * 10] * 15) if slot == 3 else None

    with pytest.raises(PolicyError, match=r"policy test in slot 3: request \d+ joins"):
        run(scenario(), Rerouting(routing))

    def broken(policy: Rerouting, slot: int, levels: IntArray) -> RouteTable | None:
        raise KeyError("lost")

    with pytest.raises(PolicyError, match=r"failed in recourse in slot 0: KeyError"):
        run(scenario(), Rerouting(broken))
