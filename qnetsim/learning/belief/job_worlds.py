"""Worlds that `belief-net` is trained on: jobs of many kinds, on many numbers of nodes."""

from __future__ import annotations

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
BACKGROUNDS = (0.1, 1.5)
#: Jobs at a time, their rounds and gaps: least and greatest share of the scenario's.
SHARES = (0.5, 1.6)
#: Least and greatest period where it is not one of the scenario's.
PERIODS = (2, 10)
#: Most periods that differ in a world.
MOST_PERIODS = 6
#: Greatest probabilities of a late round, and of a member that stays away.
MOST_DELAY = 0.1
MOST_DROP_OUT = 0.2
#: Least and greatest number of nodes where they are not the scenario's.
NODES = (10, 20)
#: Share of the worlds that go by the scenario's own law, and of the others by its own periods.
OWN_SHARE = 0.5


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
        nodes = tuple(range(least + int(seeds.integers(bits, most - least + 1, 1)[0])))
        levels = poisson_levels(self.own.forecast.level_count, 1.0)
        forecast = Forecast((levels,), "independent", tuple(combinations(nodes, 2)))
        return TrainingPlace(forecast, nodes)

    def draw(
        self, place: TrainingPlace, epoch: int, world: int, slots: int
    ) -> npt.NDArray[np.int16]:
        """Levels of one training world, shape (slots, requests)."""
        name = (*self._name, epoch, world)
        draws = seeds.uniform(seeds.stream(self._seed, *name, "jobs"), 9 + MOST_PERIODS)
        own_law, draws = draws[0] < OWN_SHARE, draws[1:]
        if own_law and place is self.own:
            forecast, table = place.forecast, self._table
        else:
            low, high = np.log(BACKGROUNDS)
            mean = float(np.exp(low + draws[0] * (high - low)))
            background = poisson_levels(place.forecast.level_count, round(mean, 3))
            forecast = replace(place.forecast, distributions=(background,), kinds=())
            table = self._jobs(draws[1:], len(place.nodes))
        law = JobLaw(table, place.nodes, forecast.pairs, forecast.distributions, forecast.kinds)
        levels = Levels(replace(forecast, jobs=law), None, self._seed, name).draw(0, slots)
        return levels[:, forecast.group]

    def _jobs(self, draws: npt.NDArray[np.float64], nodes: int) -> JobsTable:
        """The scenario's jobs, changed at random."""
        table = self._table
        low, high = SHARES
        shares = low + (high - low) * draws[:3]
        periods = table.periods
        if draws[3] >= OWN_SHARE:
            least, most = PERIODS
            count = 1 + int(draws[4] * MOST_PERIODS)
            drawn = least + (draws[7 : 7 + count] * (most - least + 1)).astype(int)
            periods = tuple(sorted({int(period) for period in drawn}))
        return table.model_copy(
            update={
                "count": max(1, round(table.count * shares[0])),
                "more_rounds": table.more_rounds * shares[1],
                "gap_slots": table.gap_slots * shares[2],
                "periods": periods,
                "delay": draws[5] * MOST_DELAY,
                "drop_out": draws[6] * MOST_DROP_OUT,
                "members": min(table.members, nodes - 2),
            }
        )
