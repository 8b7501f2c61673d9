"""Jobs drawn from their law, and what they ask of each node pair slot by slot.

Jobs of one place follow each other. Each is drawn as a whole from a stream of its own, so a world
does not depend on how it is cut into chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qnetsim import seeds
from qnetsim.arrays import FloatArray, IntArray
from qnetsim.forecast.job_law import JobLaw


@dataclass(frozen=True)
class FelJob:
    """One job.

    Attributes
    ----------
    hub, owner : int
        Positions of their nodes.
    members : tuple of int
        Of the members' nodes.
    period : int
    sizes : tuple of int
        Levels that each member and the hub ask for.
    owner_size : int
        Levels that the hub and the owner ask for.
    starts : ndarray of int64, shape (rounds,)
        Slot in which each round starts.
    there : ndarray of bool, shape (rounds, members)
        Which members take part.
    end : int
        First slot after the last round.
    """

    hub: int
    owner: int
    members: tuple[int, ...]
    period: int
    sizes: tuple[int, ...]
    owner_size: int
    starts: IntArray
    there: npt.NDArray[np.bool_]
    end: int

    def asked(self, law: JobLaw, first: int, end: int) -> IntArray:
        """What is asked for in the slots from ``first`` up to ``end``.

        Returns
        -------
        ndarray of int64, shape (times, 3)
            Slot, request and levels of each time, in no order.
        """
        # a round reaches into the slot after that of its start
        low, high = np.searchsorted(self.starts, [first - 1, end])
        starts = self.starts[low:high]
        hub = self.hub
        nodes = (*self.members, self.owner)
        request = np.array([law.request_of[min(hub, n), max(hub, n)] for n in nodes])
        size = np.array([*self.sizes, self.owner_size])
        late = np.zeros_like(size)
        late[-1] = 1
        there = np.ones((len(starts), size.size), dtype=bool)
        there[:, :-1] = self.there[low:high]
        begun, who = np.nonzero(there)
        rows = np.stack([starts[begun] + late[who], request[who], size[who]], axis=1)
        return rows[(rows[:, 0] >= first) & (rows[:, 0] < end)]


class JobPlace:
    """The jobs of one place, one after the other; in the long run from slot 0 on.

    Parameters
    ----------
    law : JobLaw
    seed : int
    name : tuple of str or int
        Of the streams.
    """

    def __init__(self, law: JobLaw, seed: int, name: tuple[str | int, ...]) -> None:
        self._law = law
        self._seed = seed
        self._name = name
        self._count = 0
        self._free = 0

    def next_job(self) -> FelJob:
        """The next job; the first one may have begun before slot 0."""
        bits = seeds.stream(self._seed, *self._name, self._count)
        table = self._law.table
        more, gap = seeds.geometric(bits, table.more_rounds, table.gap_slots)
        chances = seeds.uniform(bits, 2 * table.members + 6).tolist()
        begun = self._running(chances[:3]) if self._count == 0 else None
        if begun is not None:
            period, age = begun
            start, late = -age, age == period
        else:
            period, late = _one_of(table.periods, chances[0]), False
            # a place that is free in slot 0 is so in that slot, and in as many more
            start = self._free + gap + int(self._count == 0)
        rounds = seeds.uniform(bits, (1 + more) * (1 + table.members)).reshape(1 + more, -1)
        waits = period + (rounds[:, 0] < table.delay)
        if late:
            waits[0] = period + 1
        ends = start + np.cumsum(waits)
        self._count += 1
        self._free = int(ends[-1])
        hub, owner, *members = self._nodes(chances[3 : table.members + 5])
        *sizes, owner_size = chances[table.members + 5 :]
        return FelJob(
            hub=hub,
            owner=owner,
            members=tuple(members),
            period=period,
            sizes=tuple(_one_of(table.sizes, chance) for chance in sizes),
            owner_size=_one_of(self._law.owner_sizes, owner_size),
            starts=np.append(start, ends[:-1]),
            there=rounds[:, 1:] >= table.drop_out,
            end=self._free,
        )

    def _running(self, chances: Sequence[float]) -> tuple[int, int] | None:
        """Period of the job that is there in slot 0, and slots since its round began; or None."""
        table = self._law.table
        busy, which, age = chances
        if busy >= self._law.busy:
            return None
        period = table.periods[_pick(np.array(table.periods) + table.delay, which)]
        # the last slot of a round is there only where the next one is late
        return period, _pick(np.append(np.ones(period), table.delay), age)

    def _nodes(self, chances: Sequence[float]) -> list[int]:
        """Nodes of their own for the hub, the owner and the members."""
        nodes = list(self._law.nodes)
        for i, chance in enumerate(chances):
            j = i + min(int(chance * (len(nodes) - i)), len(nodes) - i - 1)
            nodes[i], nodes[j] = nodes[j], nodes[i]
        return nodes[: len(chances)]


class JobDemand:
    """What all jobs together ask for, chunk by chunk in order.

    Parameters
    ----------
    law : JobLaw
    seed : int
    name : tuple of str or int
        Of the streams.
    """

    def __init__(self, law: JobLaw, seed: int, name: tuple[str | int, ...]) -> None:
        self._law = law
        self._places = [JobPlace(law, seed, (*name, "job", i)) for i in range(law.table.count)]
        self._running: list[list[FelJob]] = [[] for _ in self._places]
        self._slot = 0

    def draw(self, slots: int) -> IntArray:
        """Levels that jobs ask for in the next slots, shape (slots, requests); they are not cut."""
        first, end = self._slot, self._slot + slots
        found = np.zeros((slots, len(self._law.pairs)), dtype=np.int64)
        for place, running in zip(self._places, self._running, strict=True):
            while not running or running[-1].end < end:
                running.append(place.next_job())
            for job in running:
                rows = job.asked(self._law, first, end)
                np.add.at(found, (rows[:, 0] - first, rows[:, 1]), rows[:, 2])
            # those before the last one are over
            del running[:-1]
        self._slot = end
        return found


def _one_of(values: Sequence[int], chance: float) -> int:
    return values[min(int(chance * len(values)), len(values) - 1)]


def _pick(weights: FloatArray, uniform: float) -> int:
    """Position of a weight, drawn with probabilities that go by the weights."""
    total = np.cumsum(weights)
    place = np.searchsorted(total, uniform * total[-1], side="right")
    return int(min(place, np.flatnonzero(weights)[-1]))
