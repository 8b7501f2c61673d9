"""How often the intervals of runs cover a mean that is known: a key store as a Markov chain.

``python -m tests.support.output_analysis`` prints the table of the documentation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from qnetsim.analysis.batch_means import batch_starts, checked_batches, ratio_interval
from qnetsim.analysis.paired import ConfidenceInterval
from qnetsim.analysis.warm_up import mser_5
from qnetsim.arrays import FloatArray
from qnetsim.case import Case, open_case
from qnetsim.compiling import have_numba
from qnetsim.policies.registry import make_policy
from qnetsim.scenario import parse_scenario
from tests.support.helpers import run
from tests.support.oracles import chains

#: Studies of each kind, replications of one, and slots of a replication and of a long run.
STUDIES = 200
REPLICATIONS = 10
SHORT = 500
LONG = 10_000
#: Key units that a fibre keeps; a unit comes in each slot, and 0, 1 or 2 are asked for.
STORE = 10
ASKED = {0: 0.3, 1: 0.4, 2: 0.3}


def blocked_share() -> float:
    """Share of the requests that find too few keys, by the chain's stationary law."""
    loss = chains.bucket_loss({1: 1.0}, ASKED, STORE)
    return sum(share * loss[size] for size, share in ASKED.items())


def store_text(slots: int, topology: Path) -> str:
    """One fibre, one channel and a store that is empty at the start."""
    topology.write_text("source,target,length_km\na,b,100\n")
    return f"""
[run]
slots = {slots}
[network]
topology = '{topology}'
span_km = 200.0
key_rate_bps = 1000.0
qkd_wavelengths = 3
[cost]
blocking_cost = 1000.0
[demand]
pairs = [["a", "b"]]
kind = "table"
levels = 3
probabilities = {list(ASKED.values())}
coupling = "independent"
[key_management]
granularity = "bit"
store_bits = {1000 * STORE}
key_lifetime_slots = 10000
"""


@dataclass(frozen=True)
class Run:
    """What a run is judged by: blocked requests, bits in the pool and cost of each slot."""

    blocked: FloatArray
    stored: FloatArray
    cost: FloatArray


def runs_of(case: Case, first: int, count: int) -> list[Run]:
    """Runs of consecutive worlds."""
    kernel = "numba" if have_numba() else "auto"
    found = []
    for number in range(first, first + count):
        result = run(case, make_policy("level", {"level": 1}), number, kernel=kernel)
        blocked, stored = (
            result.columns[name].reshape(case.scenario.run.slots).astype(np.float64)
            for name in ("blocked", "reservation_stored_bits")
        )
        found.append(Run(blocked, stored, result.cost))
    return found


def common_cut(runs: list[Run]) -> int:
    """The warm-up by MSER-5 of the means over these runs."""
    series = [np.mean([getattr(r, name) for r in runs], axis=0) for name in ("cost", "stored")]
    return max(mser_5(values) or 0 for values in series)


@dataclass(frozen=True)
class Coverage:
    """How often intervals cover the mean that is known.

    Attributes
    ----------
    name : str
    share : float
        Of the studies whose interval covers it.
    estimate, width, cut : float
        Means over the studies: of the estimates, half widths and slots left out.
    refused : float
        Share of the studies whose batches failed their check.
    """

    name: str
    share: float
    estimate: float
    width: float
    cut: float
    refused: float


@dataclass(frozen=True)
class Study:
    """One interval, the slots left out, and whether its batches passed their check."""

    interval: ConfidenceInterval
    cut: int
    passed: bool = True

    @property
    def half(self) -> float:
        assert self.interval.high is not None
        return self.interval.high - self.interval.estimate


def summed_up(name: str, studies: list[Study]) -> Coverage:
    known = blocked_share()
    return Coverage(
        name,
        float(np.mean([abs(s.interval.estimate - known) <= s.half for s in studies])),
        float(np.mean([s.interval.estimate for s in studies])),
        float(np.mean([s.half for s in studies])),
        float(np.mean([s.cut for s in studies])),
        float(np.mean([not s.passed for s in studies])),
    )


def batched(found: Run, cut: int) -> Study:
    """The interval of one long run by batch means."""
    check = checked_batches(found.cost[cut:])
    assert check is not None
    blocked = found.blocked[cut:]
    starts = batch_starts(len(blocked), check.batches)
    sums = np.add.reduceat(blocked, starts)
    lengths = np.diff([*starts, len(blocked)]).astype(np.float64)
    return Study(ratio_interval(sums, lengths, float(blocked.mean())), cut, check.passed)


def replicated(runs: list[Run], cut: int) -> Study:
    """The interval over several short runs."""
    sums = np.array([r.blocked[cut:].sum() for r in runs])
    slots = np.full(len(runs), float(len(runs[0].blocked) - cut))
    return Study(ratio_interval(sums, slots, float(sums.sum() / slots.sum())), cut)


def coverages(folder: Path) -> Iterator[Coverage]:
    """Coverage of both kinds, with the warm-up left out and without."""
    topology = folder / "fibre.csv"
    case = open_case(parse_scenario(store_text(SHORT, topology)))
    groups = [runs_of(case, REPLICATIONS * n, REPLICATIONS) for n in range(STUDIES)]
    name = f"{REPLICATIONS} replications of {SHORT:,} slots"
    yield summed_up(f"{name}, MSER-5", [replicated(g, common_cut(g)) for g in groups])
    yield summed_up(f"{name}, all slots", [replicated(g, 0) for g in groups])
    case = open_case(parse_scenario(store_text(LONG, topology)))
    runs = runs_of(case, 0, STUDIES)
    name = f"batch means of {LONG:,} slots"
    yield summed_up(f"{name}, MSER-5", [batched(r, common_cut([r])) for r in runs])
    yield summed_up(f"{name}, all slots", [batched(r, 0) for r in runs])


def main() -> None:
    print(f"blocked share by the chain: {blocked_share():.5f}\n")
    print("| intervals | covered | mean estimate | half width | slots left out | check failed |")
    print("|---|---|---|---|---|---|")
    with TemporaryDirectory() as folder:
        for row in coverages(Path(folder)):
            print(
                f"| {row.name} | {row.share:.1%} | {row.estimate:.5f} | {row.width:.5f} "
                f"| {row.cut:.0f} | {row.refused:.1%} |"
            )


if __name__ == "__main__":
    main()
