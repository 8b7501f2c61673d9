"""Compiled draws of a world: the values of the array steps, to the bit."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from qnetsim import seeds
from qnetsim.case import open_case
from qnetsim.compiling import compiled, have_numba
from qnetsim.units import TICKS_PER_SECOND
from qnetsim.world import fast_draws, passes, renewal
from qnetsim.world.fast_draws import FastDraws
from qnetsim.world.realisation import WorldChunk
from qnetsim.world.renewal import AT_ONCE, Renewal, absences
from tests.support.helpers import nsfnet

#: The passes as they stand and compiled.
PASSES = [passes, *([compiled(passes)] if have_numba() else [])]
NOISY = {"yields__noise_counts": "400", "yields__drift": "0.1"}
#: Drifts so wide that factors reach zero.
WILD = {"yields__drift": "0.5", "yields__drift_slots": "3"}
TIMED = {
    "demand__arrivals": '"uniform"',
    "demand__holding": '"geometric"',
    "demand__holding_slots": "3",
}
WORLDS = [
    {},
    {"demand__coupling": '"independent"'},
    {"demand__coupling": '"independent"', **NOISY, **TIMED},
    {"demand__coupling": '"copula"', "demand__correlation": "0.4"},
    {"yields__noise_counts": "7"},
    {"demand__requests": "3", **WILD},
]


def rows(chunk: WorldChunk) -> dict[str, object]:
    names = ("levels", "yield_ppm", "arrivals", "holding")
    found = {name: getattr(chunk, name) for name in names}
    return {name: (a.dtype, a.tolist()) for name, a in found.items() if a is not None}


@pytest.mark.parametrize("made_by", PASSES)
@pytest.mark.parametrize("changes", WORLDS)
def test_a_world_is_the_same_however_it_is_drawn(
    changes: dict[str, str], made_by: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"demand__requests": "5", **changes}
    world = open_case(nsfnet(run__slots="1100", **changes)).realisation(1)
    monkeypatch.setattr(fast_draws, "AT_ONCE", 1000)
    monkeypatch.setattr("qnetsim.world.fast_draws.FastDraws", lambda: FastDraws(passes=made_by))
    plain = [rows(chunk) for chunk in world.chunks()]
    assert [rows(chunk) for chunk in world.chunks(fast=True)] == plain
    if "yields__drift_slots" in changes:
        assert min(map(min, plain[0]["yield_ppm"][1])) == 0  # type: ignore[index]


@pytest.mark.parametrize("made_by", PASSES)
@pytest.mark.parametrize("count", [0, 1, 2, 40, 5000])
def test_words_at_a_threshold_reach_it(count: int, made_by: ModuleType) -> None:
    rng = np.random.default_rng(count)
    bounds = np.sort(rng.integers(0, 2**64, count, dtype=np.uint64))
    if count > 2:
        # some lie together, and one at each end
        bounds[:2], bounds[-1] = 0, 2**64 - 1
    bounds.sort()
    ends = np.array([0, 2**64 - 1], dtype=np.uint64)
    words = np.concatenate([ends, bounds, bounds - np.uint64(1), bounds + np.uint64(1)])
    inversion = seeds.Inversion(bounds, np.int64)
    found = np.empty(words.size, dtype=np.int64)
    made_by.invert(words, inversion.thresholds, inversion.guide, 3, found)
    np.testing.assert_array_equal(found, inversion.sample(words) + 3)


def test_chunks_that_are_kept_stay_as_they_are() -> None:
    if not have_numba():
        pytest.skip("numba is not installed")
    world = open_case(nsfnet(run__slots="5000", demand__requests="4", **TIMED)).realisation(0)
    kept = list(world.chunks(fast=True))
    assert [rows(chunk) for chunk in kept] == [rows(chunk) for chunk in world.chunks()]


def test_times_away_do_not_depend_on_how_many_are_drawn_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    end = 400 * TICKS_PER_SECOND

    def several() -> list[Renewal]:
        return [
            Renewal(seeds.stream(2, "others"), 1.0, 0.5),
            Renewal(seeds.stream(2, "away"), 3.0, 0.5),
            Renewal(seeds.stream(2, "seldom"), 1e6, 1e9),
        ]

    together = absences(several(), end)
    _, found, none = together
    assert not none
    monkeypatch.setattr(renewal, "TOGETHER", 2)
    assert absences(several(), end) == together
    assert absences([], end) == []
    assert len(found) > 3 * AT_ONCE
    bits = seeds.stream(2, "away")
    tick = 0
    for first, last in found:
        up, down = seeds.exponentials([bits], 2)[0].tolist()
        assert first == tick + max(1, int(up * 3.0 * TICKS_PER_SECOND))
        tick = first + max(1, int(down * 0.5 * TICKS_PER_SECOND))
        assert last == tick
    assert tick + int(seeds.exponentials([bits], 1)[0, 0] * 3.0 * TICKS_PER_SECOND) >= end
