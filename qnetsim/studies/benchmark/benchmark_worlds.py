"""The fixed worlds of the benchmark: shipped scenarios, and what identifies them."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qnetsim.case import Case, load, open_case
from qnetsim.errors import UsageError
from qnetsim.scenario import Scenario
from qnetsim.shipped import benchmark_scenarios
from qnetsim.studies.benchmark.wait_and_see import foreseen_prices


@dataclass(frozen=True)
class BenchmarkWorld:
    """One world of the benchmark, in all its replications.

    Attributes
    ----------
    name : str
    scenario : Scenario
        Its own policies included.
    """

    name: str
    scenario: Scenario

    @cached_property
    def case(self) -> Case:
        """Network and forecast."""
        return open_case(self.scenario)

    @property
    def setup_digest(self) -> str:
        """SHA-256 of all settings but the policies; prices and limits are no part of a world."""
        return self.scenario.model_copy(update={"policy": ()}).digest()

    @cached_property
    def drawn(self) -> DrawnWorld:
        """What happens in it, drawn here and now."""
        prices = foreseen_prices(self.case)
        columns = np.arange(prices.shape[0])
        digests = []
        floors = []
        for number in range(self.scenario.run.replications):
            world = self.case.realisation(number)
            digest = world.digest()
            chunks = digest.through(world.chunks())
            total = sum(float(prices[columns, chunk.levels].sum()) for chunk in chunks)
            digests.append(digest.hexdigest())
            floors.append(total / world.slots)
        return DrawnWorld(tuple(digests), tuple(floors))


@dataclass(frozen=True)
class DrawnWorld:
    """What identifies a world, and what serving it costs at least, by replication.

    Attributes
    ----------
    digests : tuple of str
        World digests, as in traces.
    floors : tuple of float
        Least cost per slot of any policy, even of one that foresees every slot.
    """

    digests: tuple[str, ...]
    floors: tuple[float, ...]

    @property
    def digest(self) -> str:
        """One digest for all replications, as `qnetsim compare` prints it."""
        return hashlib.sha256("".join(self.digests).encode()).hexdigest()


def open_world(name: str) -> BenchmarkWorld:
    """Read a world of the benchmark.

    Raises
    ------
    UsageError
        There is none of this name.
    """
    shipped = benchmark_scenarios()
    if name not in shipped:
        close = difflib.get_close_matches(name, shipped, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise UsageError(
            f"world {name!r} is not in the benchmark; {hint}its worlds: {', '.join(shipped)}"
        )
    return BenchmarkWorld(name, load(shipped[name]))


def all_worlds() -> Iterator[BenchmarkWorld]:
    """Read the worlds of the benchmark, one after another."""
    return map(open_world, benchmark_scenarios())
