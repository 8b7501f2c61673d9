"""Chunks of the world that a run serves and writes as one: fewer calls, the same trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from qnetsim.case import Case, load, open_case
from qnetsim.kernel import Kernel
from qnetsim.kernel.key_managers import KeyManagers
from qnetsim.policies import Policy
from qnetsim.policies.chosen import choose
from qnetsim.runs import simulate as runs
from qnetsim.runs.blocks_at_once import blocks_at_once
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace import open_trace
from qnetsim.trace.hdf5 import chunks
from qnetsim.trace.hdf5.chunks import LONG_RUN
from qnetsim.trace.hdf5.packing import Packer
from tests.support import SCENARIOS
from tests.support.helpers import nsfnet

SIP = PolicyTable(name="sip")


def policy(name: str) -> Policy:
    table = PolicyTable(name=name)
    return choose(table, (table,), None).once()


def long_case(**changes: str) -> Case:
    return open_case(nsfnet(run__slots="20000", **changes))


def test_long_runs_take_four_chunks_of_few_requests_and_two_of_many() -> None:
    assert blocks_at_once(long_case(), policy("sip"), "numba") == 4
    many = open_case(load(SCENARIOS / "outages.toml", slots=20_000))
    assert blocks_at_once(many, policy("evf"), "numba") == 2
    most = long_case(demand__requests="2000")
    assert blocks_at_once(most, policy("sip"), "numba") == 1


def test_other_runs_take_chunk_by_chunk() -> None:
    assert blocks_at_once(long_case(), policy("sip"), "numpy") == 1
    assert blocks_at_once(open_case(nsfnet(run__slots="9000")), policy("sip"), "numba") == 1


def test_policies_that_look_ahead_or_learn_take_chunk_by_chunk() -> None:
    class Learning(Policy):
        def learn(self, outcome) -> None:
            """Something."""

    Learning.__module__ = "qnetsim.policies"
    assert policy("perfect").sees_future
    assert blocks_at_once(long_case(), policy("perfect"), "numba") == 1
    assert blocks_at_once(long_case(), Learning(), "numba") == 1


@pytest.mark.parametrize("kernel", ["numba", "numpy"])
@pytest.mark.parametrize("slots", [LONG_RUN - 1, LONG_RUN])
def test_long_runs_by_numba_are_packed_by_it(
    kernel: Kernel, slots: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kernel == "numba":
        pytest.importorskip("numba")
    asked = []

    class Noting(Packer):
        def __init__(self, *, fast: bool = False) -> None:
            asked.append(fast)
            super().__init__(fast=fast)

    monkeypatch.setattr(chunks, "Packer", Noting)
    simulate(load("tiny", slots=slots), "sip", tmp_path / "t.h5", kernel=kernel)
    assert asked == [kernel == "numba" and slots == LONG_RUN]


def test_policies_of_others_take_chunk_by_chunk() -> None:
    """A run of one that fails, or is stopped, keeps all blocks ahead of that."""

    class Theirs(Policy):
        """As slow as it likes."""

    assert blocks_at_once(long_case(), Theirs(), "numba") == 1


@pytest.mark.parametrize("blocks", [2, 4])
@pytest.mark.parametrize("name", ["nsfnet", "outages"])
def test_the_trace_is_the_same(
    name: str, blocks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = load(SCENARIOS / f"{name}.toml", slots=6 * 1024 + 77, replications=1)
    table = PolicyTable(name="sip" if name == "nsfnet" else "evf")
    intervals: list[int] = []
    honest = KeyManagers.serve

    def serve(self, interval, routes):
        intervals.append(interval.slots)
        return honest(self, interval, routes)

    monkeypatch.setattr(KeyManagers, "serve", serve)
    digests = []
    for count in (1, blocks):
        monkeypatch.setattr(runs, "blocks_at_once", lambda *_, count=count: count)
        path = simulate(scenario, table, tmp_path / f"{count}.h5")
        with open_trace(path) as trace:
            assert trace.content_digest() == trace.attribute("content_digest")
            digests.append([trace.attribute(n) for n in ("content_digest", "world_digest")])
    assert digests[0] == digests[1]
    assert intervals[:7] == [1024] * 6 + [77]
    assert intervals[7:] == [blocks * 1024] * (6 // blocks) + ([77] if blocks == 2 else [2125])
