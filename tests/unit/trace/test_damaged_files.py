"""Files that were damaged by chance: one clear error, or an honest answer, never a traceback."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnetsim.analysis import compare_traces, run_metrics
from qnetsim.analysis.divergence import diverge
from qnetsim.case import open_case
from qnetsim.errors import QnetsimError
from qnetsim.replay.record import record_world
from qnetsim.replay.replay import replay
from qnetsim.replay.verify import verify
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace import open_world
from tests.support.damage import mutated
from tests.support.helpers import nsfnet, outages

EVF = PolicyTable(name="evf")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("sources")
    small = outages(slots=30, replications=1)
    plain = nsfnet(run__slots="1100", demand__requests="5")
    record_world(open_case(small), folder / "world.h5")
    return [
        simulate(plain, EVF, folder / "plain.h5"),
        simulate(small, EVF, folder / "small.h5"),
        folder / "world.h5",
    ]


def use(path: Path, sound: Path, out: Path) -> str:
    """Do with a file what the commands do; says how it ended, or raises what is not ours."""
    try:
        with open_world(path) as trace:
            noun = trace.kind.noun
            digests = trace.content_digest(), trace.attribute("content_digest")
    except QnetsimError as error:
        assert str(path) in str(error)
        return "refused"
    try:
        found = verify(path, rerun=noun == "trace" and digests[0] != digests[1])
        if noun == "trace":
            with open_world(path) as trace:
                run_metrics(trace)
            diverge(sound, path)
            compare_traces([path])
        replay(path, EVF, out, force=True)
    except QnetsimError:
        return "refused in use"
    return "noticed" if found.failed else "read"


def sweep(sources: list[Path], count: int, folder: Path) -> dict[str, int]:
    rng = np.random.default_rng(11)
    ends: dict[str, int] = {}
    for number in range(count):
        source = sources[number % len(sources)]
        raw = source.read_bytes()
        path = folder / "mutated.h5"
        path.write_bytes(mutated(raw, rng))
        end = use(path, sources[0], folder / "out.h5")
        ends[end] = ends.get(end, 0) + 1
    return ends


def test_damaged_files_are_refused_or_noticed(sources: list[Path], tmp_path: Path) -> None:
    ends = sweep(sources, 100, tmp_path)
    assert ends["refused"] > 20


@pytest.mark.slow
def test_two_thousand_damaged_files(sources: list[Path], tmp_path: Path) -> None:
    ends = sweep(sources, 2000, tmp_path)
    print(f"\n{ends}")
    assert ends["refused"] > 400
