"""Parts of a sweep that are worked off apart, each by a process of its own."""

from __future__ import annotations

import re
from typing import NamedTuple

from qnetsim.errors import UsageError, argument
from qnetsim.studies.sweep.manifest import Manifest, SweepJob


class Shard(NamedTuple):
    """Part ``number`` of ``total``, from 1."""

    number: int
    total: int

    @property
    def turn(self) -> float:
        """Share of the shards before this one."""
        return (self.number - 1) / self.total


def read_shard(text: str) -> Shard:
    """Read ``k/n``.

    Raises
    ------
    UsageError
    """
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    shard = Shard(int(found[1]), int(found[2])) if found else Shard(0, 0)
    if not 1 <= shard.number <= shard.total:
        raise UsageError(
            f"{argument('shard', text)}: write k/n with k from 1 to n, for example 3/8"
        )
    return shard


def runs_of(manifest: Manifest, shard: Shard | None = None) -> list[SweepJob]:
    """Runs of a shard: whole worlds, and whole points where replications come in blocks."""
    runs = [job for job in manifest.jobs if job.kind == "run"]
    if shard is None:
        return runs
    if manifest.stopping:
        return [j for j in runs if any(p % shard.total == shard.number - 1 for p in j.points)]
    worlds = dict.fromkeys((job.scenario_digest, job.replication) for job in runs)
    number = {world: i for i, world in enumerate(worlds)}
    return [
        job
        for job in runs
        if number[job.scenario_digest, job.replication] % shard.total == shard.number - 1
    ]
