"""Sizes of federated jobs from what counted rounds take: what demand of ``[jobs]`` stands for.

A job has members, a hub and an owner. All keys of a member's messages in a round are what it and
the hub ask for; those of the owner's messages are what owner and hub ask for. The size of a
message does not depend on its content, so one counted round gives those of all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from qnetsim.case import Case
from qnetsim.case.tasks import open_session
from qnetsim.fel.key_usage import KeyUsageTable, run_flow
from qnetsim.fel.protocol import RoundOutcome


@dataclass(frozen=True)
class JobSizes:
    """What one task asks for in a round.

    Attributes
    ----------
    name : str
    member_bits : tuple of int
        Key bits of each worker's messages in a round, with whomever; a message between two workers
        counts for both.
    owner_bits : int
        Key bits of the owner's messages with heads.
    level_bits : int
        Bits that one level asks for in a slot.
    """

    name: str
    member_bits: tuple[int, ...]
    owner_bits: int
    level_bits: int

    def sizes(self, slots: int = 1) -> tuple[int, ...]:
        """Levels of the members where a round's keys are asked for in so many slots."""
        return tuple(_levels(bits, self.level_bits * slots) for bits in self.member_bits)

    def owner_size(self, slots: int = 1) -> int:
        """Levels of the owner, likewise; one at least."""
        return _levels(self.owner_bits, self.level_bits * slots)

    def dispersion(self, period: int, slots: int = 1) -> float:
        """Variance over mean of a member's level in a slot; a Poisson level has 1.

        Every ``period`` slots a round begins, in which the member asks for its size in each of
        ``slots`` slots. All members' sizes count alike.
        """
        sizes = self.sizes(slots)
        share = slots / period
        mean = share * sum(sizes) / len(sizes)
        square = share * sum(size * size for size in sizes) / len(sizes)
        return (square - mean * mean) / mean


def _levels(bits: int, level_bits: int) -> int:
    return max(math.ceil(bits / level_bits), 1)


def job_sizes(case: Case) -> tuple[JobSizes, ...]:
    """Count a round of each federated task of a scenario.

    Parameters
    ----------
    case : Case

    Returns
    -------
    tuple of JobSizes
        Task by task.
    """
    found = []
    for number, table in enumerate(case.scenario.fel):
        session = open_session(table, number, case.scenario.run.seed, counted=True)
        run_flow(session.setup(), KeyUsageTable())
        usage = KeyUsageTable()
        run_flow(session.round(session.workers, RoundOutcome()), usage)
        members = dict.fromkeys(session.workers, 0)
        owner = 0
        for (_, _, source, target), entry in usage.entries.items():
            ends = {source, target}
            for worker in ends & members.keys():
                members[worker] += 8 * entry.key_bytes
            if table.owner in ends and not ends & members.keys():
                owner += 8 * entry.key_bytes
        found.append(
            JobSizes(
                f"{number + 1} {table.data_name}",
                tuple(members.values()),
                owner,
                case.network.level_bits,
            )
        )
    return tuple(found)
