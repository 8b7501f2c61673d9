"""Chunks of a world as one: the same slots, and the same digest."""

from __future__ import annotations

import numpy as np

from qnetsim.case import load, open_case
from qnetsim.world.joined import joined
from tests.support import SCENARIOS

NAMES = ("levels", "yield_ppm", "arrivals", "holding")


def test_joined_chunks_hold_what_their_parts_do() -> None:
    """With everything that a world can have: yields, arrivals, sessions, failures."""
    world = open_case(load(SCENARIOS / "outages.toml", slots=3500, replications=1)).realisation(0)
    parts = list(world.chunks())
    found = list(joined(world.chunks(), 3))
    assert [(c.first_slot, c.slots) for c in found] == [(0, 3072), (3072, 428)]
    for name in NAMES:
        whole = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(np.concatenate([getattr(c, name) for c in found]), whole)
    assert sum(len(c.faults) for c in found) == len(world.faults) > 0
    np.testing.assert_array_equal(np.concatenate([c.faults.tick for c in found]), world.faults.tick)
    digest = world.digest()
    for chunk in found:
        digest.update(chunk)
    assert digest.hexdigest() == world.whole_digest()


def test_what_a_world_lacks_its_joined_chunks_lack_too() -> None:
    world = open_case(load("nsfnet", slots=2500)).realisation(0)
    (whole,) = joined(world.chunks(), 4)
    assert whole.slots == 2500
    assert whole.yield_ppm is whole.arrivals is whole.holding is None
    assert [part.first_slot for part in whole.joined_from] == [0, 1024, 2048]
    # no row is there twice
    assert all(np.shares_memory(part.levels, whole.levels) for part in whole.joined_from)


def test_the_memory_of_joined_chunks_is_used_again() -> None:
    world = open_case(load("nsfnet", slots=8192)).realisation(0)
    places = {chunk.levels.__array_interface__["data"][0] for chunk in joined(world.chunks(), 2)}
    assert len(places) <= 2
