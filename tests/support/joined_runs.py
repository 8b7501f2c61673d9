"""Random runs by the plain path and by the one that long runs take, down to the trace's digest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from qnetsim.case import Case
from qnetsim.kernel import Kernel
from qnetsim.network import RouteTable
from qnetsim.runs import simulate as runs
from qnetsim.runs.simulate import simulate
from qnetsim.trace import Trace, open_trace
from qnetsim.trace.schema import CHUNK_ROWS
from tests.support.helpers import Scripted
from tests.support.random_cases import following, random_case, random_routes

#: Most blocks of slots in a run.
MOST_BLOCKS = 6
#: Where it is looked up whether a run is long.
LONG_RUN = tuple(
    f"qnetsim.trace.{place}.LONG_RUN" for place in ("hdf5.chunks", "creation", "writer")
)


class RandomRun(NamedTuple):
    """A case, and what its policy does in it."""

    case: Case
    channels: npt.NDArray[np.int64]
    wavelengths: npt.NDArray[np.int64]
    hold: int
    routes: RouteTable

    def write(self, path: Path, *, kernel: Kernel, joined: int) -> Path:
        """Write the trace; with several chunks joined, the run is also long for the writer."""
        policy = Scripted(self.channels, self.wavelengths, hold=self.hold, routes=self.routes)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runs, "blocks_at_once", lambda *_: joined)
            for place in LONG_RUN:
                patch.setattr(place, 1 if joined > 1 else self.case.scenario.run.slots + 1)
            return simulate(self.case, policy, path, title="scripted", kernel=kernel)


def random_run(seed: int, folder: Path, blocks: int) -> RandomRun:
    """One of the random configurations, over more than one block of slots."""
    rng = np.random.default_rng(seed)
    case = random_case(rng, folder)
    slots = int(rng.integers(CHUNK_ROWS + 1, blocks * CHUNK_ROWS + 1))
    case = replace(case, scenario=case.scenario.with_run(slots=slots))
    if rng.random() < 0.3:
        case = following(case, requests="all")
    shape = slots, case.network.fibres
    return RandomRun(
        case=case,
        channels=rng.integers(0, 6, shape),
        wavelengths=rng.integers(0, 4, shape),
        hold=int(rng.choice([29, 700, CHUNK_ROWS, slots])),
        routes=random_routes(rng, case),
    )


def compare_paths(seed: int, folder: Path, blocks: int = MOST_BLOCKS) -> dict[str, int]:
    """Write a run by both paths and compare the digests; returns what happened in it.

    On the plain path blocks are drawn, served and written one by one; in every fourth run they are
    also served in Python.
    """
    one = random_run(seed, folder, blocks)
    joined = int(np.random.default_rng([seed, 1]).choice([2, 4]))
    kernel: Kernel = "numba" if seed % 4 else "loop"
    plain = one.write(folder / f"{seed}-plain.h5", kernel=kernel, joined=1)
    fast = one.write(folder / f"{seed}-joined.h5", kernel="numba", joined=joined)
    with open_trace(plain) as first, open_trace(fast) as second:
        for name in ("world_digest", "content_digest"):
            assert first.attribute(name) == second.attribute(name), name
        assert second.content_digest() == second.attribute("content_digest")
        happened = _happened(one, second)
    plain.unlink()
    fast.unlink()
    return happened


def _happened(run: RandomRun, trace: Trace) -> dict[str, int]:
    names = (
        *("served", "blocked", "waiting", "interrupted", "holding", "rerouted"),
        *("reservation_expired_bits", "on_demand_stored_bits"),
    )
    return {
        **{name: int(np.sum(trace.column(f"slots/{name}"))) for name in names},
        "followed": int(trace.follows_requests),
        "several decisions": int(run.hold < trace.slots),
    }
