"""A scenario with its network and forecast: what policies are run on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from qnetsim import seeds
from qnetsim.forecast import Forecast
from qnetsim.network import Network
from qnetsim.optimize import Solver
from qnetsim.optimize.solvers.settings import SolveSettings
from qnetsim.policies import Setting
from qnetsim.scenario import Scenario

if TYPE_CHECKING:
    from qnetsim.world.realisation import Realisation


@dataclass(frozen=True)
class Case:
    """A scenario with its network and forecast: what policies are run on."""

    scenario: Scenario
    network: Network
    forecast: Forecast

    @cached_property
    def setting(self) -> Setting:
        """What policies are told before the first slot."""
        run = self.scenario.run
        planning = self.scenario.planning
        settings = SolveSettings(
            node_limit=planning.node_limit,
            gap=planning.gap,
            round_limit=planning.round_limit,
            threads=planning.threads,
        )
        solver = Solver(planning.solver, settings)
        return Setting(
            network=self.network,
            forecast=self.forecast,
            slots=run.slots,
            slot_s=run.slot_s,
            solver=solver,
            risk=planning.risk,
            key_management=self.scenario.key_management,
            regimes=self.scenario.regimes,
        )

    def realisation(self, replication: int) -> Realisation:
        """Return the world of one replication.

        Raises
        ------
        SettingError
            Its recorded demand cannot be read, or is too short.
        """
        # what happens is for runs; plans and checks do without
        from qnetsim.world.realisation import Realisation, RecordedLevels

        tasks = tasks_of_world(self.scenario, replication)
        levels = None
        if self.scenario.recording is not None:
            from qnetsim.case.user_demand import recorded_demand

            demand = recorded_demand(self.scenario, self.network)
            levels = RecordedLevels(demand.window(replication, self.scenario.run.slots))
        return Realisation(
            network=self.network,
            forecast=self.forecast,
            scenario=self.scenario,
            replication=replication,
            tasks=tasks,
            levels=levels,
        )

    def generator(self, title: str, replication: int, controller: int) -> np.random.Generator:
        """Return a controller's own stream, apart from the world and from other policies."""
        seed = self.scenario.run.seed
        return np.random.Generator(seeds.stream(seed, "policy", title, replication, controller))


def tasks_of_world(scenario: Scenario, replication: int) -> list[dict[str, object]]:
    """What the world's digest covers of the scenario's FEL tasks; see ``task_world``."""
    if not scenario.fel:
        return []
    # cryptography and data sets are for tasks only
    from qnetsim.case.tasks import task_world

    return task_world(scenario, replication)
