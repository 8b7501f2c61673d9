"""What ``qnetsim bench run`` is asked for: policies in worlds, and the rows that come of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qnetsim.errors import BoundError, QnetsimError, UsageError, WorldMismatchError
from qnetsim.policies.chosen import choose
from qnetsim.runs.simulate import Progress
from qnetsim.scenario.labels import refuse_clashing_labels
from qnetsim.studies.benchmark.bench_run import bench_row
from qnetsim.studies.benchmark.benchmark_worlds import BenchmarkWorld
from qnetsim.studies.benchmark.reference_rows import reference
from qnetsim.studies.benchmark.row_keeper import Asked, RowKeeper

#: Told of what cannot be run, and where.
Warn = Callable[[str], None]


@dataclass(frozen=True)
class BenchJobs:
    """Policies in worlds of the benchmark.

    Attributes
    ----------
    jobs : tuple of (BenchmarkWorld, ChosenPolicy)
    unfit : tuple of (str, UsageError)
        Worlds that lack a policy which others of the worlds have.
    """

    jobs: tuple[Asked, ...]
    unfit: tuple[tuple[str, UsageError], ...] = ()

    @classmethod
    def of(cls, worlds: Sequence[BenchmarkWorld], policies: Sequence[str]) -> BenchJobs:
        """Find the policies; those of each world's scenario unless any are given.

        Raises
        ------
        UsageError
            A policy is to be had in none of the worlds.
        """
        jobs: list[Asked] = []
        unfit: list[tuple[str, UsageError]] = []
        if not policies:
            for world in worlds:
                listed = world.scenario.policy
                jobs += [(world, choose(table, listed)) for table in listed]
        for policy in dict.fromkeys(policies):
            lacking: list[tuple[str, UsageError]] = []
            for world in worlds:
                try:
                    jobs.append((world, choose(policy, world.scenario.policy)))
                except UsageError as error:
                    lacking.append((world.name, error))
            if len(lacking) == len(worlds):
                raise lacking[0][1]
            unfit += lacking
        places = {world.name: place for place, world in enumerate(worlds)}
        jobs.sort(key=lambda job: places[job[0].name])
        for world in worlds:
            refuse_clashing_labels([one.title for there, one in jobs if there is world])
        return cls(tuple(jobs), tuple(unfit))

    @property
    def slots(self) -> int:
        """Slots that are simulated, all told."""
        return sum(_slots(world) for world, _ in self.jobs)

    def run(
        self, keeper: RowKeeper, warn: Warn, *, workers: int = 1, progress: Progress | None = None
    ) -> bool:
        """Make the rows that the keeper lacks; returns whether all could be made.

        Raises
        ------
        QnetsimError
            No row could be made; or a cost, or a world, is not what was proved or drawn.
        """
        failed: list[QnetsimError] = []
        for name, unfit in self.unfit:
            failed.append(unfit)
            warn(f"world {name}: {unfit}")
        for world, policy in self.jobs:
            if keeper.has(world, policy):
                if progress:
                    progress(_slots(world))
                continue
            record = reference().world(world.name)
            try:
                row = bench_row(world, record, policy, workers=workers, progress=progress)
            except (BoundError, WorldMismatchError):
                raise
            except QnetsimError as error:
                if len(self.jobs) == 1:
                    raise
                failed.append(error)
                warn(f"world {world.name}: {error}")
                continue
            keeper.add(row)
        if not keeper.rows:
            raise type(failed[0])("no row could be made, in any of the worlds")
        return not failed


def _slots(world: BenchmarkWorld) -> int:
    run = world.scenario.run
    return run.slots * run.replications
