"""The jobs of a world, and what they ask of each node pair slot by slot.

Jobs of one place follow each other. Each is drawn as a whole from a stream of its own, so a world
does not depend on how it is cut into chunks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qnetsim import seeds
from qnetsim.arrays import FloatArray, IntArray
from qnetsim.forecast.job_law import JobLaw

#: No rows of slot, request and levels.
NOTHING = np.zeros((0, 3), dtype=np.int64)


@dataclass(frozen=True)
class Job:
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

    def asked(self, law: JobLaw) -> IntArray:
        """What is asked for: a row of slot, request and levels for each time, in no order."""
        rounds = len(self.starts)
        pairs = [tuple(sorted((self.hub, node))) for node in (*self.members, self.owner)]
        request = np.array([law.request_of[a, b] for a, b in pairs])
        size = np.array([*self.sizes, self.owner_size])
        slot = np.repeat(self.starts[:, None], request.size, axis=1)
        slot[:, -1] += 1
        there = np.column_stack([self.there, np.ones(rounds, dtype=bool)])
        rows: IntArray = np.stack(np.broadcast_arrays(slot, request, size), axis=-1)[there]
        return rows


class Place:
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

    def next_job(self) -> Job:
        """The next job; the first one may have begun before slot 0."""
        bits = seeds.stream(self._seed, *self._name, self._count)
        table = self._law.table
        if self._count == 0 and (first := self._running(bits)) is not None:
            job = first
        else:
            period = table.periods[seeds.integers(bits, len(table.periods), 1)[0]]
            gap, more = self._gap(bits), int(seeds.geometric(bits, table.more_rounds, 1)[0])
            job = self._drawn(bits, period, self._free + gap, 1 + more)
        self._count += 1
        self._free = job.end
        return job

    def _gap(self, bits: np.random.BitGenerator) -> int:
        # a place that is free in slot 0 has been so for a while: that slot counts, and as many more
        ahead = int(self._count == 0)
        return ahead + int(seeds.geometric(bits, self._law.table.gap_slots, 1)[0])

    def _running(self, bits: np.random.BitGenerator) -> Job | None:
        """Job whose round lies over slot 0; None where the place is free then."""
        law = self._law
        table = law.table
        busy, which, age = seeds.uniform(bits, 3)
        share = float(law.round_rate * law.mean_period)
        if busy >= share:
            return None
        lengths: FloatArray = np.array(table.periods) + table.delay
        period = table.periods[_pick(lengths, which)]
        # the last slot of a round is there only where the next one is late
        weights = np.append(np.ones(period), table.delay)
        begun = _pick(weights, age)
        more = int(seeds.geometric(bits, table.more_rounds, 1)[0])
        return self._drawn(bits, period, -begun, 1 + more, late=begun == period)

    def _drawn(
        self, bits: np.random.BitGenerator, period: int, start: int, rounds: int, late: bool = False
    ) -> Job:
        """Job with this period, first round and number of rounds; the rest is drawn."""
        table = self._law.table
        nodes = list(self._law.nodes)
        for i in range(table.members + 2):
            j = i + int(seeds.integers(bits, len(nodes) - i, 1)[0])
            nodes[i], nodes[j] = nodes[j], nodes[i]
        sizes = seeds.integers(bits, len(table.sizes), table.members)
        owner = self._law.owner_sizes[seeds.integers(bits, len(self._law.owner_sizes), 1)[0]]
        chances = seeds.uniform(bits, rounds * (1 + table.members)).reshape(rounds, -1)
        waits = period + (chances[:, 0] < table.delay)
        if late:
            waits[0] = period + 1
        ends = start + np.cumsum(waits)
        return Job(
            hub=nodes[0],
            owner=nodes[1],
            members=tuple(nodes[2 : table.members + 2]),
            period=period,
            sizes=tuple(table.sizes[i] for i in sizes),
            owner_size=owner,
            starts=np.append(start, ends[:-1]),
            there=chances[:, 1:] >= table.drop_out,
            end=int(ends[-1]),
        )


class JobDemand:
    """What all jobs of one world ask for, chunk by chunk in order.

    Parameters
    ----------
    law : JobLaw
    seed : int
    name : tuple of str or int
        Of the streams.
    """

    def __init__(self, law: JobLaw, seed: int, name: tuple[str | int, ...]) -> None:
        self._law = law
        self._places = [Place(law, seed, (*name, "job", i)) for i in range(law.table.count)]
        self._known = [0] * law.table.count
        self._ahead = NOTHING
        self._slot = 0

    def draw(self, slots: int) -> IntArray:
        """Levels that jobs ask for in the next slots, shape (slots, requests); they are not cut."""
        end = self._slot + slots
        rows = [self._ahead]
        for i, place in enumerate(self._places):
            while self._known[i] < end:
                job = place.next_job()
                rows.append(job.asked(self._law))
                self._known[i] = job.end
        asked = np.concatenate(rows)
        found = np.zeros((slots, len(self._law.pairs)), dtype=np.int64)
        now = asked[(asked[:, 0] >= self._slot) & (asked[:, 0] < end)]
        np.add.at(found, (now[:, 0] - self._slot, now[:, 1]), now[:, 2])
        self._ahead = asked[asked[:, 0] >= end]
        self._slot = end
        return found


def _pick(weights: FloatArray, uniform: float) -> int:
    """Place of a weight, drawn with probabilities that go by the weights."""
    total = np.cumsum(weights)
    place = np.searchsorted(total, uniform * total[-1], side="right")
    return int(min(place, np.flatnonzero(weights)[-1]))
