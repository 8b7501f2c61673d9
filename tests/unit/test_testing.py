"""The public policy check: what it refuses, and what it allows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qnetsim.errors import PolicyError, UsageError
from qnetsim.policies import Decision, Observation, Policy
from qnetsim.testing import check_policy
from tests.support.helpers import nsfnet


class Unseeded(Policy):
    def decide(self, observation: Observation) -> Decision:
        draws = np.random.default_rng().integers(0, 50, (observation.slots_left, 21))
        return Decision(draws, draws, observation.slots_left)


class Shared(Policy):
    """Keeps a counter on the class."""

    count = 0

    def decide(self, observation: Observation) -> Decision:
        Shared.count += 1
        return Decision(np.full(21, Shared.count), np.full(21, 1))


class Clairvoyant(Policy):
    """Reads the coming slot from the world's own stream: the seed is easily guessed."""

    def prepare(self, setting, plan) -> None:
        self.setting = setting

    def decide(self, observation: Observation) -> Decision:
        return Decision(np.full(21, TOLD[observation.slot]), np.full(21, 1))


class Floating(Policy):
    def decide(self, observation: Observation) -> Decision:
        return Decision(np.full(21, 0.5), np.full(21, 1))


class Learning(Policy):
    """Uses what happened, as it may."""

    def __init__(self) -> None:
        super().__init__()
        self.last = 1

    def decide(self, observation: Observation) -> Decision:
        noise = int(observation.generator.integers(0, 3))
        pools = observation.reservation_pool_bits.sum() // 10_000
        return Decision(np.full(21, self.last + noise + int(pools)), np.full(21, 1))

    def learn(self, outcome) -> None:
        self.last = int(outcome.levels.mean()) + int(outcome.served.sum() % 3)


TOLD: list[int] = []


@pytest.mark.parametrize(
    ("policy", "word"),
    [(Unseeded, "two runs with one seed differ"), (Shared, "two runs"), (Floating, "integers")],
)
def test_the_check_refuses(policy: type[Policy], word: str) -> None:
    Shared.count = 0
    with pytest.raises(PolicyError, match=word):
        check_policy(policy)


def test_the_check_notices_anticipation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy that gets at the levels of the coming slots by the back door is found out."""
    from qnetsim.kernel import simulation

    honest = simulation.Simulation._rows_at

    def leaky(self, slot: int):
        rows = honest(self, slot)
        TOLD[:] = rows.chunk.levels[:, 0].tolist()
        return rows

    monkeypatch.setattr(simulation.Simulation, "_rows_at", leaky)
    observe = simulation.Simulation._observe
    monkeypatch.setattr(
        simulation.Simulation,
        "_observe",
        lambda self, number, slot: (self._rows_at(slot), observe(self, number, slot))[1],
    )
    with pytest.raises(PolicyError, match="change with the demand after it"):
        check_policy(Clairvoyant, nsfnet(run__slots="40"), switch=7)


def test_learning_from_the_past_is_allowed() -> None:
    check_policy(Learning)


def test_the_check_needs_a_world_in_which_the_demand_differs() -> None:
    with pytest.raises(PolicyError, match="0 < switch < slots"):
        check_policy(Learning, nsfnet(run__slots="10"), switch=10)


@pytest.mark.parametrize("make", [3, int, None, "evf"])
def test_what_makes_no_policy_is_refused(make: Any) -> None:
    with pytest.raises(UsageError, match="make: give "):
        check_policy(make)
