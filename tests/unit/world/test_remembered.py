from __future__ import annotations

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import load, open_case
from qnetsim.runs.simulate import simulate
from qnetsim.trace import open_trace
from qnetsim.world import remembered
from qnetsim.world.remembered import RememberedWorld
from tests.support import SCENARIOS


def test_a_world_is_drawn_once_and_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    case = open_case(load("nsfnet", slots=2500))
    world = RememberedWorld(case.realisation(3))
    first = list(world.chunks())
    monkeypatch.setattr(world, "_world", None)
    second = list(world.chunks())
    assert [c.first_slot for c in second] == [0, 1024, 2048]
    for one, other in zip(first, second, strict=True):
        assert one is other
    assert world.whole_digest() == case.realisation(3).whole_digest()


def test_a_world_whose_run_was_stopped_is_drawn_again() -> None:
    case = open_case(load("nsfnet", slots=2500))
    world = RememberedWorld(case.realisation(0))
    next(iter(world.chunks()))
    assert len(list(world.chunks())) == 3


def test_a_world_that_is_too_large_is_drawn_for_every_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST_BYTES", 100)
    case = open_case(load("nsfnet", slots=2500))
    world = RememberedWorld(case.realisation(0))
    first, second = list(world.chunks()), list(world.chunks())
    assert first[0] is not second[0]
    np.testing.assert_array_equal(first[2].levels, second[2].levels)


def test_no_part_of_a_world_that_is_too_large_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    case = open_case(load("nsfnet", slots=2500))
    chunks = RememberedWorld(case.realisation(0)).chunks()
    first = weakref.ref(next(chunks))
    monkeypatch.setattr(remembered, "MOST_BYTES", 100)
    next(chunks)
    gc.collect()
    assert first() is None


def test_no_run_changes_the_world_for_the_next_one(tmp_path: Path) -> None:
    """With everything that a world can have: yields, arrivals, sessions, failures."""
    case = open_case(load(SCENARIOS / "outages.toml", slots=60, replications=1))
    world = RememberedWorld(case.realisation(0))
    digests = []
    for number, policy in enumerate(["sip", "evf", "sip"]):
        path = simulate(case, policy, tmp_path / f"{number}.h5", world=world)
        alone = simulate(case, policy, tmp_path / f"{number}-alone.h5")
        with open_trace(path) as one, open_trace(alone) as other:
            digests.append(one.content_digest())
            assert one.content_digest() == other.content_digest()
            assert one.attribute("world_digest") == other.attribute("world_digest")
    assert digests[0] == digests[2] != digests[1]
