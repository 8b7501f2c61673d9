"""What if another decision had been taken: follow a trace to a slot, then depart from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import IntArray, frozen
from qnetsim.case import Case
from qnetsim.errors import PolicyError
from qnetsim.kernel.controllers import DecisionBoard
from qnetsim.kernel.simulation import checked_owners
from qnetsim.network import RouteTable
from qnetsim.optimize import Plan
from qnetsim.policies import Decision, Observation, Outcome, Policy, Setting
from qnetsim.policies.base import guarded
from qnetsim.scenario import PolicyTable

#: Slots decided at once: rows of a long hold are handed on piece by piece.
MOST_SLOTS = 8192

#: Reads rows ``first .. end − 1`` of a column of the trace that is followed.
Reader = Callable[[str, int, int], npt.NDArray[Any]]


@dataclass(frozen=True)
class Forced:
    """Reservations on one fibre that stand whatever the policy says.

    Attributes
    ----------
    fibre : int
    qkd_channels, km_wavelengths : int or None
        None leaves the policy's own.
    first_slot, end_slot : int
    """

    fibre: int
    qkd_channels: int | None
    km_wavelengths: int | None
    first_slot: int
    end_slot: int


class ControlledPolicy:
    """A policy with controllers of its own, run inside another one.

    Parameters
    ----------
    case : Case
    policy : Policy
    table : PolicyTable
        Its title names its random streams, as in a run of its own.
    plan : Plan or None
    replication : int
    """

    def __init__(
        self, case: Case, policy: Policy, table: PolicyTable, plan: Plan | None, replication: int
    ) -> None:
        self.policy = policy
        self.table = table
        self.plan = plan
        self._case = case
        self._replication = replication

    def prepare(self, setting: Setting) -> None:
        """Get ready for a run."""
        with guarded(self.table.title, "prepare"):
            self.policy.prepare(setting, self.plan)
        owners = checked_owners(self.policy, setting.network, self.table.title)
        self._board = DecisionBoard(setting, owners)
        self._generators = [
            self._case.generator(self.table.title, self._replication, number)
            for number in range(len(self._board.owned))
        ]
        self._until = [0] * len(self._board.owned)
        self._setting = setting

    def decide(self, whole: Observation) -> tuple[IntArray, IntArray, RouteTable]:
        """Rows of channels and wavelengths from this slot on, and the routes that stand."""
        slot = whole.slot
        title = self.table.title
        for number, owned in enumerate(self._board.owned):
            if self._until[number] > slot:
                continue
            part = replace(
                whole,
                controller=number,
                fibres=frozen(owned, np.int64),
                reservation_pool_bits=frozen(whole.reservation_pool_bits[owned], np.int64),
                on_demand_pool_bits=frozen(whole.on_demand_pool_bits[owned], np.int64),
                generator=self._generators[number],
                future=whole.future if self.policy.sees_future else None,
            )
            with guarded(title, f"decide at slot {slot}"):
                decision = self.policy.decide(part)
            try:
                hold = self._board.post(number, slot, decision)
            except PolicyError as error:
                raise PolicyError(f"policy {title} at slot {slot}: {error}") from None
            self._until[number] = slot + hold
        end = min(*self._until, slot + MOST_SLOTS)
        channels, wavelengths = self._board.rows(slot, end)
        if self._board.routes is None:
            # named outright, so that those of the other policy do not stay
            self._board.routes = self._setting.shortest_routes()
        return channels, wavelengths, self._board.routes


class Counterfactual(Policy):
    """One policy until a slot, another one or forced reservations from there on.

    Until the slot its reservations must be those of the trace; then both have seen what
    happened, since both are told the outcomes.

    Parameters
    ----------
    before, after : ControlledPolicy
        The same object where only reservations are forced.
    from_slot : int
        First slot of ``after``.
    forced : sequence of Forced
    recorded : callable
        Reads the reservations of the trace.
    """

    def __init__(
        self,
        before: ControlledPolicy,
        after: ControlledPolicy,
        from_slot: int,
        forced: Sequence[Forced],
        recorded: Reader,
    ) -> None:
        super().__init__(after.policy.options)
        self.before = before
        self.after = after
        self._from = from_slot
        self._forced = forced
        self._recorded = recorded
        self._both = [before] if after is before else [before, after]
        # told the future where one of the two is; the other gets none
        self.sees_future = any(one.policy.sees_future for one in self._both)  # type: ignore[misc]

    def prepare(self, setting: Setting, plan: Plan | None) -> None:
        """Prepare both policies with plans of their own."""
        self._network = setting.network
        for one in self._both:
            one.prepare(setting)
        self.reroutes = any(one.policy.reroutes for one in self._both)

    def weights_sha256(self, network: Any) -> str | None:
        """Weights of the policy that decides in the end."""
        return self.after.policy.weights_sha256(network)

    def _at(self, slot: int) -> ControlledPolicy:
        return self.before if slot < self._from else self.after

    def decide(self, observation: Observation) -> Decision:
        """Decide for the whole network."""
        slot = observation.slot
        channels, wavelengths, routes = self._at(slot).decide(observation)
        if slot < self._from:
            channels, wavelengths = (rows[: self._from - slot] for rows in (channels, wavelengths))
            self._refuse_departure("qkd_channels", slot, channels)
            self._refuse_departure("km_wavelengths", slot, wavelengths)
        end = slot + len(channels)
        for force in self._forced:
            first = max(force.first_slot, slot)
            last = min(force.end_slot, end)
            if first < last:
                rows = slice(first - slot, last - slot)
                channels, wavelengths = (
                    _with(values, rows, force.fibre, amount)
                    for values, amount in (
                        (channels, force.qkd_channels),
                        (wavelengths, force.km_wavelengths),
                    )
                )
        return Decision(channels, wavelengths, len(channels), routes)

    def _refuse_departure(self, name: str, slot: int, rows: IntArray) -> None:
        stored = self._recorded(f"decisions/{name}", slot, slot + len(rows))
        apart = np.argwhere(stored != rows)
        if len(apart):
            row, fibre = apart[0].tolist()
            raise PolicyError(
                f"policy {self.before.table.title} does not decide again as in the trace: slot "
                f"{slot + row}, fibre {self._network.topology.fibre_title(fibre)}: {name} is "
                f"{stored[row, fibre]} in the trace and {rows[row, fibre]} now"
            )

    def recourse(self, slot: int, levels: IntArray) -> RouteTable | None:
        """Second stage of the policy that decides in the slot, where it has one."""
        policy = self._at(slot).policy
        return policy.recourse(slot, levels) if policy.reroutes else None

    def learn(self, outcome: Outcome) -> None:
        """Tell both what came of the decisions."""
        for one in self._both:
            with guarded(one.table.title, f"learn from slot {outcome.first_slot}"):
                one.policy.learn(outcome)


def _with(values: IntArray, rows: slice, fibre: int, amount: int | None) -> IntArray:
    if amount is None:
        return values
    changed = np.array(values)
    changed[rows, fibre] = amount
    return changed
