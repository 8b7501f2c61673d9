"""The law of jobs: how they come about, and how much is asked of a node pair in the long run."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from qnetsim.forecast.levels import LevelDistribution
from qnetsim.network.routes import NodePair
from qnetsim.scenario import JobsTable
from qnetsim.units import exact


@dataclass(frozen=True)
class JobLaw:
    """How jobs come about, and what is asked for beside them.

    Attributes
    ----------
    table : JobsTable
    nodes : tuple of int
        Positions of the nodes on which jobs may be, ascending.
    pairs : tuple of (int, int)
        Node pair of each request.
    backgrounds : tuple of LevelDistribution
        What is asked for beside the jobs: each distribution that occurs, once.
    background_kinds : tuple of int
        Position in ``backgrounds`` of each request's own; empty where all share one.
    """

    table: JobsTable
    nodes: tuple[int, ...]
    pairs: tuple[NodePair, ...]
    backgrounds: tuple[LevelDistribution, ...]
    background_kinds: tuple[int, ...] = ()

    @cached_property
    def request_of(self) -> dict[NodePair, int]:
        """Request of each pair of the jobs' nodes."""
        there = set(self.nodes)
        return {pair: request for request, pair in enumerate(self.pairs) if there.issuperset(pair)}

    @cached_property
    def busy(self) -> float:
        """Share of the slots in which a place has a job."""
        return float(self.round_rate * self.mean_period)

    @property
    def round_rate(self) -> Fraction:
        """Rounds that start in a slot in one place, in the mean."""
        table = self.table
        rounds = 1 + exact(table.more_rounds)
        return rounds / (rounds * self.mean_period + exact(table.gap_slots))

    @property
    def mean_period(self) -> Fraction:
        """Slots from round to round, delays included, in the mean."""
        periods = self.table.periods
        return Fraction(sum(periods), len(periods)) + exact(self.table.delay)

    @property
    def owner_sizes(self) -> tuple[int, ...]:
        """Levels that the hub and the owner may ask for."""
        return self.table.owner_sizes or self.table.sizes

    def of_one_place(self, levels: int) -> LevelDistribution:
        """Distribution of what one place asks of one pair in a slot, in the long run.

        A round starts with probability :attr:`round_rate`; one of its members and the hub, or one
        slot later the hub and the owner, are this pair.
        """
        pairs = len(self.nodes) * (len(self.nodes) - 1) // 2
        start = self.round_rate / pairs
        stays = 1 - exact(self.table.drop_out)
        weights = [Fraction(0)] * levels
        for sizes, chance in (
            (self.table.sizes, start * self.table.members * stays),
            (self.owner_sizes, start),
        ):
            for size in sizes:
                weights[size] += chance / len(sizes)
        weights[0] = 1 - sum(weights, Fraction(0))
        return LevelDistribution(tuple(weights))

    def stationary(self, background: LevelDistribution) -> LevelDistribution:
        """Distribution of the level of one pair in the long run, exact.

        Places are independent of each other and of the background. Pairs are not independent of
        each other, nor are slots: of that this says nothing.
        """
        total = background
        power = self.of_one_place(background.count)
        places = self.table.count
        while places:
            if places & 1:
                total = _capped_sum(total, power)
            places >>= 1
            if places:
                power = _capped_sum(power, power)
        return total


def _capped_sum(a: LevelDistribution, b: LevelDistribution) -> LevelDistribution:
    """Distribution of the sum of two independent levels, cut at the highest one."""
    top = a.count - 1
    ones, others = a.whole_probabilities, b.whole_probabilities
    total = ones.total * others.total
    sums = [0] * a.count
    for i, p in enumerate(ones.weights):
        if p:
            for j, q in enumerate(others.weights):
                if q:
                    sums[min(i + j, top)] += p * q
    return LevelDistribution(tuple(Fraction(weight, total) for weight in sums))
