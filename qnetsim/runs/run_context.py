"""What makes one simulation from a case: the context of a run, and a policy prepared in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from qnetsim.case import Case
from qnetsim.kernel import Kernel, Simulation
from qnetsim.kernel.context import SimulationContext
from qnetsim.kernel.serving.jit import Served
from qnetsim.kernel.serving.jit import chosen as chosen_kernel
from qnetsim.kernel.simulation import Sink
from qnetsim.optimize import Plan
from qnetsim.plans.make import planned
from qnetsim.policies import Policy
from qnetsim.policies.base import guarded, steady_foresight
from qnetsim.scenario import Scenario
from qnetsim.vocabulary import PLAN_STATUS
from qnetsim.world.realisation import WorldChunk

if TYPE_CHECKING:
    from qnetsim.kernel.followed_requests import FollowedRequests
    from qnetsim.kernel.relay import Relay
    from qnetsim.kernel.running_tasks import Task


def _never_stop() -> None:
    """Check that stops nothing."""


@dataclass(frozen=True)
class RunContext:
    """What makes a run: the case, and under what name and number a policy meets it.

    Attributes
    ----------
    case : Case
    title : str
        Names the policy's random streams and stands in messages.
    replication : int
        Names the policy's random streams too.
    check : callable
        Called ahead of every decision; raises to stop the run.
    kernel : {"auto", "numba", "numpy", "loop"}
        What serves the requests. The results are the same; ``auto`` takes numba where it is
        installed and the run is long enough.
    relay : Relay or None
        Carries every key as real bytes; made for the run where the scenario asks for it.
    """

    case: Case
    title: str
    replication: int = 0
    check: Callable[[], None] = _never_stop
    kernel: Kernel = "auto"
    relay: Relay | None = None

    def generator(self, controller: int) -> np.random.Generator:
        """Random stream of a controller."""
        return self.case.generator(self.title, self.replication, controller)

    @property
    def served_by(self) -> Served:
        """What serves the requests, once it is chosen."""
        requests = self.case.setting.slots * self.case.forecast.requests
        return chosen_kernel(self.kernel, requests, walks=_walks(self.case.scenario))

    def for_kernel(self, tasks: Sequence[Task]) -> SimulationContext:
        """What the kernel goes by, with relays where keys are carried as bytes."""
        case = self.case
        keys = self.case.scenario.key_management
        relay = self.relay
        if relay is None and keys.relay == "real":
            relay = self._new_relay()
        task_relay = relay
        if relay is None and any(task.real for task in tasks):
            task_relay = self._new_relay()
        return SimulationContext(
            setting=case.setting,
            key_management=keys,
            title=self.title,
            check=self.check,
            kernel=self.served_by,
            relay=relay,
            task_relay=task_relay,
            followed=self._followed(),
        )

    def _followed(self) -> FollowedRequests | None:
        """Which requests are followed one by one, as the scenario says."""
        scenario = self.case.scenario
        which = scenario.trace.requests
        if which == "none":
            return None
        from qnetsim.kernel.followed_requests import FollowedRequests

        share = scenario.trace.requests_sample
        return FollowedRequests(which, share, scenario.run.seed, self.replication)

    def _new_relay(self) -> Relay:
        case = self.case
        seed = case.scenario.run.seed
        from qnetsim.kernel.relay import Relay

        return Relay(case.network, case.forecast, seed, self.replication, check=self.check)


def run_case(
    context: RunContext,
    policy: Policy,
    chunks: Iterator[WorldChunk],
    sink: Sink,
    *,
    plan: Plan | None = None,
    statuses: npt.NDArray[np.uint8] | None = None,
) -> Simulation:
    """Simulate a policy in a world; returns the finished simulation.

    Parameters are those of :func:`new_simulation`; the plan is worked out here unless given.
    """
    plan = plan if plan is not None else planned(policy, context.title, context.case)
    simulation = new_simulation(context, policy, chunks, sink, plan=plan, statuses=statuses)
    simulation.run()
    return simulation


def new_simulation(
    context: RunContext,
    policy: Policy,
    chunks: Iterator[WorldChunk],
    sink: Sink,
    *,
    plan: Plan | None = None,
    statuses: npt.NDArray[np.uint8] | None = None,
) -> Simulation:
    """Prepare a policy and what simulates it, at the start of the run.

    Parameters
    ----------
    context : RunContext
    policy : Policy
        A fresh object; it is prepared here.
    chunks : iterator of WorldChunk
        The world, in order.
    sink : callable
        Receives each chunk of the world with what was recorded for it.
    plan : Plan, optional
        What ``policy.plan`` returned for this case.
    statuses : ndarray of uint8, shape (slots,), optional
        Status of the plan behind each slot, where it is not that of ``plan`` throughout.
    """
    case = context.case
    title = context.title
    if statuses is None:
        statuses = np.broadcast_to(plan_status_code(plan), case.setting.slots)
    tasks: list[Task] = []
    if case.scenario.fel:
        from qnetsim.case.tasks import open_tasks

        tasks = open_tasks(case.scenario, case.network.topology.nodes, context.replication)
    with steady_foresight(policy, title):
        with guarded(title, "prepare"):
            policy.prepare(case.setting, plan)
        return Simulation(
            context.for_kernel(tasks),
            policy,
            chunks=chunks,
            sink=sink,
            generators=context.generator,
            plan_status=statuses,
            tasks=tasks,
        )


def plan_status_code(plan: Plan | None) -> np.uint8:
    """Status of a plan as it stands in a trace."""
    return np.uint8(PLAN_STATUS.index(plan.status) if plan else 0)


def _walks(scenario: Scenario) -> bool:
    """Whether slots are tied to each other, or requests inside a slot come one by one."""
    keys = scenario.key_management
    demand = scenario.demand
    tied = keys.store_bits or keys.patience_s or keys.on_demand_setup_s or keys.relay == "real"
    return bool(tied or demand.holding_slots > 1 or demand.arrivals != "slot_start")
