"""The environment in the kernel, for scenarios that no arrays cover.

These are scenarios with arrivals inside a slot, sessions, faults, FEL tasks or a setup of channels,
and those in which a request waits that cannot be served at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.case import Case
from qnetsim.kernel.serving.state import ON_DEMAND, RESERVATION
from qnetsim.learning.admitted import blocking_work, clocks_work
from qnetsim.learning.blocking_environment import BlockingEnvironment
from qnetsim.learning.environment import ArrayEnvironment, PlayedSlot, World
from qnetsim.learning.run_environment import RunEnvironment
from qnetsim.policies.base import Decision, Observation, Outcome, Policy
from qnetsim.policies.learned.features import Float32Array
from qnetsim.runs.run_context import RunContext, new_simulation
from qnetsim.world.realisation import Realisation

#: Columns of ``Outcome.cost`` that are no reservation and no purchase: blocking and exposure.
PENALTIES = slice(4, 6)


class ToldPolicy(Policy):
    """Does what it is told, slot after slot, and remembers what came of it.

    Attributes
    ----------
    decision : Decision
        For the next slot.
    outcome : Outcome or None
        Of the last slot, once it is over.
    """

    decision: Decision
    outcome: Outcome | None = None

    def decide(self, observation: Observation) -> Decision:
        """The decision that it was told."""
        return self.decision

    def learn(self, outcome: Outcome) -> None:
        """Remember the outcome."""
        self.outcome = outcome


class KernelWorld:
    """One run in the kernel that moves from slot to slot.

    Parameters
    ----------
    case : Case
        Its slots are those of the run.
    replication : int
        Number of the world.
    """

    def __init__(self, case: Case, replication: int) -> None:
        self._policy = ToldPolicy()
        self._simulation = new_simulation(
            RunContext(case, "learner", replication),
            self._policy,
            # no digest is asked for, so that no data of FEL tasks is drawn for one
            Realisation(case.network, case.forecast, case.scenario, replication).chunks(),
            lambda chunk, block: None,
        )
        self._simulation.start()

    def play(self, channels: IntArray, wavelengths: IntArray) -> Outcome:
        """Play a slot with these reservations, each of shape (fibres,)."""
        policy = self._policy
        policy.decision = Decision(channels, wavelengths)
        policy.outcome = None
        while policy.outcome is None:
            self._simulation.clock.step()
        return policy.outcome

    @property
    def pools(self) -> IntArray:
        """Bits in the pools of reserved and of bought keys, shape (2, fibres)."""
        bits = self._simulation.managers.pool_bits
        return np.stack([bits[RESERVATION], bits[ON_DEMAND]])


class KernelEnvironment(RunEnvironment):
    """Worlds of the kernel side by side, each a simulation that moves from slot to slot.

    What a unit sees and what it is rewarded for is as in the arrays.

    Parameters
    ----------
    case, worlds, purpose, seed, slots
        As those of :class:`RunEnvironment`.
    """

    def reset(self, worlds: Sequence[World] | None = None) -> None:
        """Begin the runs again, in the same worlds or in others."""
        super().reset(worlds)
        # a run takes long to build, and the next reset may come ahead of its first slot
        self._runs: list[KernelWorld] = []

    @property
    def _played(self) -> list[KernelWorld]:
        """The runs, which begin when they are first looked at."""
        if not self._runs:
            self._runs = [KernelWorld(self._run, number) for number in self._numbers()]
        return self._runs

    def _look(self) -> None:
        """Take the pools of the runs."""
        self.pools = np.stack([world.pools for world in self._played], axis=1)

    def observe(self) -> Float32Array:
        """What all units see, as in the arrays."""
        if not self._runs:
            self._look()
        return super().observe()

    def _play(self, channels: IntArray, wavelengths: IntArray) -> PlayedSlot:
        outcomes = [
            world.play(q, x)
            for world, q, x in zip(self._played, channels, wavelengths, strict=True)
        ]
        self._look()
        self._charged = np.array([o.cost[0, PENALTIES].sum() for o in outcomes])
        return PlayedSlot(
            np.stack([outcome.levels[0] for outcome in outcomes]),
            np.stack([outcome.on_demand_channels[0] for outcome in outcomes]),
            np.stack([outcome.on_demand_wavelengths[0] for outcome in outcomes]),
        )


def new_environment(
    case: Case, worlds: Sequence[World], purpose: str, seed: int | None = None, *, slots: int
) -> ArrayEnvironment:
    """The arrays that cover a scenario, else the kernel.

    Parameters
    ----------
    case, worlds, purpose, seed
        As those of :class:`ArrayEnvironment`.
    slots : int
        That are played until the next reset or epoch.
    """
    scenario = case.scenario
    blocking = blocking_work(scenario)
    if clocks_work(scenario) or (blocking and scenario.key_management.patience_s):
        return KernelEnvironment(case, worlds, purpose, seed, slots=slots)
    if blocking:
        return BlockingEnvironment(case, worlds, purpose, seed, slots=slots)
    return ArrayEnvironment(case, worlds, purpose, seed)
