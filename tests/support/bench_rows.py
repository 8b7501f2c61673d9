"""Rows of the benchmark for tests, in the quickest of its worlds."""

from __future__ import annotations

import inspect
from functools import cache

import qnetsim
from qnetsim.policies.chosen import choose
from qnetsim.studies.benchmark.bench_run import bench_row
from qnetsim.studies.benchmark.benchmark_worlds import open_world
from qnetsim.studies.benchmark.reference_rows import reference
from qnetsim.studies.benchmark.row_file import BenchmarkRow

#: The world that takes least time.
QUICK = "madqci"


class Cautious(qnetsim.Policy):
    """Reserve three channels for each request routed over a fibre."""

    def prepare(self, setting: qnetsim.Setting, plan: qnetsim.Plan | None) -> None:
        self.routes = setting.shortest_routes(weight=3)
        self.requests = setting.requests_per_fibre(self.routes)

    def decide(self, observation: qnetsim.Observation) -> qnetsim.Decision:
        hold = observation.slots_left
        return qnetsim.Decision(3 * self.requests, self.requests, hold, self.routes)


#: The same as a file of a user's own.
CAUTIOUS = f"import qnetsim\n\n\n{inspect.getsource(Cautious)}"

#: The same with an option.
WITH_OPTIONS = f"""{CAUTIOUS}

class Options(qnetsim.PolicyOptions):
    channels: int = 3


class Mine(Cautious):
    Options = Options

    def decide(self, observation):
        channels = self.options.channels * self.requests
        return qnetsim.Decision(channels, self.requests, observation.slots_left, self.routes)
"""


@cache
def quick_row(policy: str) -> BenchmarkRow:
    """A row in the quickest world; run once for all tests of a process."""
    world = open_world(QUICK)
    return bench_row(world, reference().world(QUICK), choose(policy, world.scenario.policy))


def shipped_row(policy: str, world: str = QUICK) -> BenchmarkRow:
    """A row of the reference."""
    return next(r for r in reference().rows if (r.world, r.policy) == (world, policy))
