"""Worlds that `belief-net` is trained on: jobs of many kinds, on many numbers of nodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from qnetsim import seeds
from qnetsim.case import Case
from qnetsim.errors import SettingError
from qnetsim.forecast import Forecast, poisson_levels
from qnetsim.forecast.job_law import JobLaw
from qnetsim.scenario import JobsTable
from qnetsim.world.demand import Levels

#: Mean level beside the jobs, least and greatest; in between its logarithm is uniform.
BACKGROUNDS = (0.1, 2.5)
#: Jobs at a time for each node: least and greatest share of the scenario's; likewise.
JOB_SHARES = (0.2, 2.0)
#: Rounds and gaps: least and greatest share of the scenario's.
SHARES = (0.5, 2.0)
#: Least and greatest period where it is not one of the scenario's, and most of them in a world.
PERIODS = (2, 16)
MOST_PERIODS = 6
#: Least and greatest number of members where it is not the scenario's.
MEMBERS = (2, 10)
#: Most sizes that members draw from, where they are not the scenario's: any of the levels.
MOST_SIZES = 4
#: Greatest probabilities of a late round, and of a member that stays away.
MOST_DELAY = 0.2
MOST_DROP_OUT = 0.3
#: Least and greatest number of nodes where they are not the scenario's; the logarithm is uniform.
NODES = (8, 46)
#: Share of the worlds in the scenario's own place that go by its own law.
OWN_SHARE = 0.5
#: Share of the others in which periods differ, sizes do, members do; each by itself.
OTHER_SHARE = 2 / 3
#: Draws that a world takes.
DRAWS = 15 + MOST_PERIODS + MOST_SIZES


@dataclass(frozen=True, eq=False)
class TrainingPlace:
    """Nodes to train on, with requests between them.

    Attributes
    ----------
    forecast : Forecast
        What is asked for beside the jobs.
    nodes : tuple of int
        On which jobs may be.
    """

    forecast: Forecast
    nodes: tuple[int, ...]


class Worlds:
    """Training worlds of one case.

    Parameters
    ----------
    case : Case
        Its demand has jobs.
    seed : int
    training_seed : int

    Attributes
    ----------
    own : TrainingPlace
        The scenario's.

    Raises
    ------
    SettingError
        It has none.
    """

    def __init__(self, case: Case, seed: int, training_seed: int) -> None:
        law = case.forecast.jobs
        table = case.scenario.jobs
        if law is None or table is None:
            text = "is missing, and 'belief-net' is trained on jobs; add the table"
            raise SettingError([(("jobs",), text)])
        self._table = table
        self._seed = seed
        self._name = ("learning", "belief-net", training_seed)
        self.own = TrainingPlace(case.forecast.background, law.nodes)

    def other(self, epoch: int) -> TrainingPlace:
        """All pairs of as many nodes as an epoch draws."""
        bits = seeds.stream(self._seed, *self._name, "nodes", epoch)
        least, most = NODES
        drawn = _between(least, most + 1, float(seeds.uniform(bits, 1)[0]))
        nodes = tuple(range(int(drawn)))
        levels = poisson_levels(self.own.forecast.level_count, 1.0)
        forecast = Forecast((levels,), "independent", tuple(combinations(nodes, 2)))
        return TrainingPlace(forecast, nodes)

    def draw(
        self, place: TrainingPlace, epoch: int, world: int, slots: int
    ) -> npt.NDArray[np.int16]:
        """Levels of one training world, shape (slots, requests)."""
        name = (*self._name, epoch, world)
        draws = iter(seeds.uniform(seeds.stream(self._seed, *name, "jobs"), DRAWS).tolist())
        if next(draws) < OWN_SHARE and place is self.own:
            forecast, table = place.forecast, self._table
        else:
            mean = round(_between(*BACKGROUNDS, next(draws)), 3)
            background = poisson_levels(place.forecast.level_count, mean)
            forecast = replace(place.forecast, distributions=(background,), kinds=())
            table = self._jobs(draws, len(place.nodes))
        law = JobLaw(table, place.nodes, forecast.pairs, forecast.distributions, forecast.kinds)
        levels = Levels(replace(forecast, jobs=law), None, self._seed, name).draw(0, slots)
        return levels[:, forecast.group]

    def _jobs(self, draws: Iterator[float], nodes: int) -> JobsTable:
        """The scenario's jobs, changed at random."""
        table = self._table
        share = _between(*JOB_SHARES, next(draws)) * nodes / len(self.own.nodes)
        low, high = SHARES
        rounds, gaps = (low + (high - low) * next(draws) for _ in range(2))
        periods, sizes, members = (next(draws) < OTHER_SHARE for _ in range(3))
        changes: dict[str, object] = {
            "count": max(1, round(table.count * share)),
            "more_rounds": table.more_rounds * rounds,
            "gap_slots": table.gap_slots * gaps,
            "delay": next(draws) * MOST_DELAY,
            "drop_out": next(draws) * MOST_DROP_OUT,
        }
        count = _whole(MEMBERS, next(draws)) if members else table.members
        changes["members"] = min(count, nodes - 2)
        if periods:
            number = _whole((1, MOST_PERIODS), next(draws))
            changes["periods"] = tuple(
                sorted({_whole(PERIODS, next(draws)) for _ in range(number)})
            )
        if sizes:
            any_level = (1, self.own.forecast.level_count - 1)
            number = _whole((1, MOST_SIZES), next(draws))
            changes["sizes"] = tuple(_whole(any_level, next(draws)) for _ in range(number))
            # what the owner asks for may be of the same sizes, or of one that differs
            alike = next(draws) < OWN_SHARE
            changes["owner_sizes"] = () if alike else (_whole(any_level, next(draws)),)
        return table.model_copy(update=changes)


def _between(low: float, high: float, draw: float) -> float:
    """A number whose logarithm is uniform, for a uniform draw."""
    return float(low * (high / low) ** draw)


def _whole(ends: tuple[int, int], draw: float) -> int:
    """A whole number from the first to the last, for a uniform draw."""
    low, high = ends
    return low + int(draw * (high - low + 1))
