"""What a policy is told, slot by slot, and where it failed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnetsim.arrays import IntArray
from qnetsim.errors import PolicyError
from qnetsim.network import Network
from qnetsim.optimize import Plan
from qnetsim.policies import Decision, Observation, Outcome, Policy, Setting
from qnetsim.runs.simulate import simulate
from qnetsim.world.faults import FaultEvents
from qnetsim.world.realisation import WorldChunk
from tests.support.helpers import run
from tests.support.lines import line_case

S = 10**9
ONES = np.ones(3, dtype=np.int64)


class Watching(Policy):
    """Decides for two slots at a time, and keeps what it is told."""

    sees_future = True

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Observation] = []
        self.told: list[Outcome] = []

    def decide(self, observation: Observation) -> Decision:
        self.seen.append(observation)
        return Decision(ONES, ONES, 2)

    def learn(self, outcome: Outcome) -> None:
        self.told.append(outcome)


def chunks() -> list[WorldChunk]:
    """Four slots and two; fibre 1 is down from the start of slot 2 to that of slot 4."""
    levels = [np.array(rows, dtype=np.int16)[:, None] for rows in ([1, 0, 1, 0], [0, 1])]
    faults = [FaultEvents.of([(tick * S, 1, 0, 1, down)]) for tick, down in ((2, 1), (4, 0))]
    return [
        WorldChunk(0, levels[0], faults=faults[0]),
        WorldChunk(4, levels[1], faults=faults[1]),
    ]


class Prying(Watching):
    """Asks for the future behind the back of whoever reads the class."""

    sees_future = False

    def __init__(self, when: str) -> None:
        super().__init__()
        self.when = when
        self._calls = 0

    def _at(self, when: str) -> None:
        if self.when == when:
            self.sees_future = True  # type: ignore[misc]

    def weights_sha256(self, network: Network) -> str | None:
        self._at("weights")
        return None

    def owners(self, network: Network) -> IntArray:
        self._calls += 1
        self._at("owners")
        self._at(f"owners, call {self._calls}")
        return super().owners(network)

    def prepare(self, setting: Setting, plan: Plan | None) -> None:
        self._at("prepare")

    def decide(self, observation: Observation) -> Decision:
        self._at("decide")
        return super().decide(observation)


def test_a_policy_that_asks_for_the_future_in_a_run_is_refused_or_told_nothing(
    tmp_path: Path,
) -> None:
    case = line_case(tmp_path)
    for when in ("prepare", "weights", "owners", "owners, call 2"):
        with pytest.raises(PolicyError, match="changes sees_future when it is set up; declare it"):
            simulate(case, Prying(when), tmp_path / "a.h5", force=True)
    policy = Prying("decide")
    simulate(case, policy, tmp_path / "b.h5")
    assert policy.seen
    assert not any(observation.future for observation in policy.seen)


def test_a_policy_is_told_what_is_so_at_the_start_of_its_slot(tmp_path: Path) -> None:
    policy = Watching()
    run(line_case(tmp_path), policy, chunks=chunks())
    assert [o.slot for o in policy.seen] == [0, 2, 4]
    assert [o.slots_left for o in policy.seen] == [6, 4, 2]
    assert [o.outages for o in policy.seen] == [(), (1,), ()]
    # the future reaches to the end of what is drawn
    assert [o.future.levels[:, 0].tolist() for o in policy.seen if o.future] == [
        [1, 0, 1, 0],
        [1, 0],
        [0, 1],
    ]


def test_a_policy_is_told_what_came_of_its_decision(tmp_path: Path) -> None:
    policy = Watching()
    found = run(line_case(tmp_path), policy, chunks=chunks())
    assert [o.first_slot for o in policy.told] == [0, 2, 4]
    assert [o.levels[:, 0].tolist() for o in policy.told] == [[1, 0], [1, 0], [0, 1]]
    for name in ("served", "blocked", "on_demand_channels", "on_demand_wavelengths"):
        told = np.concatenate([getattr(outcome, name) for outcome in policy.told])
        np.testing.assert_array_equal(told, found.columns[name])
    costs = np.concatenate([outcome.cost.sum(axis=1) for outcome in policy.told])
    np.testing.assert_array_equal(costs, found.cost)


def test_where_learning_failed_is_named(tmp_path: Path) -> None:
    class Forgetful(Watching):
        def learn(self, outcome: Outcome) -> None:
            if outcome.first_slot:
                raise ValueError("lost")

    with pytest.raises(PolicyError, match="failed in learn after slot 3: ValueError: lost"):
        run(line_case(tmp_path), Forgetful(), chunks=chunks())
