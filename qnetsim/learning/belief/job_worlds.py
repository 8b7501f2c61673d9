"""Worlds that `belief-net` is trained on: jobs of many kinds, in networks of many kinds."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from qnetsim import seeds
from qnetsim.case import Case
from qnetsim.errors import SettingError
from qnetsim.forecast import Forecast, poisson_levels
from qnetsim.forecast.job_law import JobLaw
from qnetsim.learning.belief.random_networks import random_topology
from qnetsim.network import Network, RouteTable, build_network
from qnetsim.policies import Setting
from qnetsim.records import dataclass
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
#: Networks beside the scenario's, and least and greatest number of their nodes.
NETWORKS = 8
NODES = (10, 20)
#: Share of the updates that go by the scenario's own network, and of worlds by its own periods.
OWN_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class TrainingPlace:
    """A network to train on, with its requests.

    Attributes
    ----------
    network : Network
    routes : RouteTable
    forecast : Forecast
        What is asked for beside the jobs.
    nodes : tuple of int
        On which jobs may be.
    """

    network: Network
    routes: RouteTable
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
        own = TrainingPlace(
            case.network, case.setting.shortest_routes(), case.forecast.background, law.nodes
        )
        self.places = [own, *self._other_places(case)]

    def _other_places(self, case: Case) -> list[TrainingPlace]:
        """Networks that are drawn; none where stores, limits or fibres belong to the scenario's."""
        tables = case.scenario.network
        if case.network.limited or case.scenario.key_management.store_bits or tables.fibre:
            return []
        found = []
        for number in range(NETWORKS):
            bits = seeds.stream(self._seed, *self._name, "network", number)
            topology = random_topology(bits, NODES)
            plain = tables.model_copy(update={"fibre_spans": ()}) if tables.fibre_spans else tables
            slot_s = case.scenario.run.slot_s
            network = build_network(plain, case.scenario.cost, slot_s, topology)
            pairs = tuple(combinations(range(len(topology.nodes)), 2))
            levels = case.forecast.level_count
            forecast = Forecast((poisson_levels(levels, 1.0),), "independent", pairs)
            setting = Setting(network, forecast, case.scenario.run.slots, slot_s)
            nodes = tuple(range(len(topology.nodes)))
            found.append(TrainingPlace(network, setting.shortest_routes(), forecast, nodes))
        return found

    def place_of(self, update: int) -> TrainingPlace:
        """Where an update plays."""
        others = self.places[1:]
        bits = seeds.stream(self._seed, *self._name, "place", update)
        own, which = seeds.uniform(bits, 2)
        if not others or own < OWN_SHARE:
            return self.places[0]
        return others[int(which * len(others))]

    def draw(
        self, place: TrainingPlace, update: int, world: int, slots: int
    ) -> npt.NDArray[np.int16]:
        """Levels of one training world, shape (slots, requests)."""
        name = (*self._name, update, world)
        draws = seeds.uniform(seeds.stream(self._seed, *name, "jobs"), 8 + MOST_PERIODS)
        low, high = np.log(BACKGROUNDS)
        mean = float(np.exp(low + draws[0] * (high - low)))
        background = poisson_levels(place.forecast.level_count, round(mean, 3))
        forecast = replace(place.forecast, distributions=(background,), kinds=())
        table = self._jobs(draws[1:], len(place.nodes))
        law = JobLaw(table, place.nodes, forecast.pairs, forecast.distributions)
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
