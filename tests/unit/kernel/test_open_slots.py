"""What can be taken out of an open slot: bits, channels, wavelengths, and when they are there."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import Case
from qnetsim.kernel.key_managers import KeyManagers
from qnetsim.kernel.serving.intervals import ChunkRows
from qnetsim.kernel.serving.open_slot import OpenSlot, TakenKey
from qnetsim.kernel.serving.state import (
    EXPIRED,
    EXPOSED_BITS,
    HEAD,
    LIT,
    ON_DEMAND,
    RESERVATION,
    RESERVED,
    USED,
    Hop,
)
from qnetsim.network import Route
from qnetsim.recycled import Recycled
from qnetsim.world.faults import FaultEvents
from qnetsim.world.realisation import WorldChunk
from tests.support.lines import context_of, line_case

S = 10**9
PATH = Route((0, 1, 2), (0, 1))
FIRST = Route((0, 1), (0,))


def opened(
    folder: Path,
    *,
    ports: int | None = None,
    management: str = "",
    faults: tuple[tuple[int, int, int], ...] = (),
    slot: int = 0,
) -> OpenSlot:
    """A slot with 1, 2 and 4 channels of 1000 bits reserved, of which three can be lit.

    Its request has level 0: it takes a wavelength on the first two fibres and no bit.
    """
    case = line_case(folder, more=f"[key_management]\n{management}")
    network = dataclasses.replace(case.network, qkd_wavelengths=9, km_wavelengths=ports)
    case = Case(case.scenario, network, case.forecast)
    managers = KeyManagers(context_of(case, kernel="loop"))
    chunk = WorldChunk(slot, np.zeros((1, 1), dtype=np.int16))
    if faults:
        managers.outages.add(
            FaultEvents.of([(tick, fibre, 0, fibre, down) for tick, fibre, down in faults])
        )
    rows = ChunkRows(chunk, network, case.forecast, Recycled())
    ones = np.ones((1, 3), dtype=np.int64)
    interval = rows.interval(slot, slot + 1, np.array([[1, 2, 4]]), ones)
    return managers.open_slot(interval, case.setting.shortest_routes())


def lights(*channels: int) -> np.ndarray:
    return np.array(channels or (5, 5, 5))


def in_books(slot: OpenSlot, column: int) -> list[int]:
    """A column of the fibres' books while the slot is open."""
    found: list[int] = slot._state.fibres[:, column].tolist()
    return found


def test_fibres_give_what_they_have_and_can_light(tmp_path: Path) -> None:
    slot = opened(tmp_path)
    assert slot.takeable(lights(), set(), 0).tolist() == [3000, 3000, 3000]
    assert slot.takeable(lights(1, 0, 1), set(), 0).tolist() == [2000, 2000, 3000]
    # looking changes nothing
    assert slot.takeable(lights(), set(), 0).tolist() == [3000, 3000, 3000]


@pytest.mark.parametrize(
    ("ports", "joined", "found"),
    [(1, set(), [0, 0, 3000]), (1, {1}, [0, 3000, 3000]), (2, set(), [3000, 3000, 3000])],
)
def test_a_fibre_without_a_wavelength_gives_nothing(
    tmp_path: Path, ports: int, joined: set[int], found: list[int]
) -> None:
    # with a set-up time requests are served one by one
    slot = opened(tmp_path, ports=ports, management="on_demand_setup_s = 0.25")
    assert slot.takeable(lights(), joined, 0).tolist() == found


def test_a_slot_that_was_served_at_once_has_no_wavelength_left(tmp_path: Path) -> None:
    slot = opened(tmp_path, ports=1)
    assert in_books(slot, USED) == [1, 1, 0]
    assert slot.takeable(lights(), set(), 0).tolist() == [0, 0, 3000]


@pytest.mark.parametrize("number", [0, 2])
def test_channels_are_lit_while_they_can_be_set_up_in_the_slot(tmp_path: Path, number: int) -> None:
    slot = opened(tmp_path, management="on_demand_setup_s = 0.25", slot=number)
    last = number * S + 3 * S // 4
    assert slot.takeable(lights(), set(), last).tolist() == [3000, 3000, 3000]
    assert slot.takeable(lights(), set(), last + 1).tolist() == [1000, 2000, 3000]


def test_keys_are_taken_on_every_fibre(tmp_path: Path) -> None:
    slot = opened(tmp_path, management="on_demand_setup_s = 0.25")
    allowed, joined = lights(1, 5, 5), set[int]()
    taken = slot.take(PATH, 1604, allowed, joined, 7)
    hops = [Hop(0, 0, 1000, 0, 600), Hop(1, 0, 1600, 0, 0)]
    assert taken == TakenKey(1600, 7 + S // 4, hops)
    assert (allowed.tolist(), joined) == ([0, 5, 5], {0, 1})
    assert in_books(slot, USED) == [2, 2, 0]
    lit = zip(in_books(slot, LIT), in_books(slot, RESERVED), strict=True)
    assert [now - reserved for now, reserved in lit] == [1, 0, 0]
    assert in_books(slot, HEAD + RESERVATION) == [1000, 1600, 0]
    assert in_books(slot, HEAD + ON_DEMAND) == [600, 0, 0]
    # two relays in the first fibre and the node between the two
    assert (slot.taken_bits, slot.flows.counts[EXPOSED_BITS].tolist()) == (1600, [4800])
    # later ones wait for the channel as well, and use the wavelengths that are there
    assert slot.take(FIRST, 80, allowed, joined, 8) == TakenKey(
        80, 7 + S // 4, [Hop(0, 1000, 0, 600, 80)]
    )
    # what the reservation has is there at once
    assert slot.take(Route((1, 2), (1,)), 80, allowed, joined, 9) == TakenKey(
        80, 9, [Hop(1, 1600, 80, 0, 0)]
    )
    assert in_books(slot, USED) == [2, 2, 0]
    assert slot.taken_bits == 1760
    # as many as there are, in whole bytes
    assert slot.take(PATH, 10**6, allowed, joined, S // 2).bits == 320  # type: ignore[union-attr]
    assert slot.take(PATH, 10**6, allowed, joined, S // 2) is None
    assert slot.taken_bits == 2080


@pytest.mark.parametrize(("most", "bits"), [(0, 0), (7, 0), (8, 8), (15, 8), (16, 16)])
def test_whole_bytes_are_given(tmp_path: Path, most: int, bits: int) -> None:
    slot = opened(tmp_path)
    joined = set[int]()
    taken = slot.take(FIRST, most, lights(), joined, 0)
    assert (taken.bits if taken else 0) == bits
    assert joined == ({0} if bits else set())


def test_channels_lit_later_count_anew(tmp_path: Path) -> None:
    slot = opened(tmp_path, management="on_demand_setup_s = 0.25")
    allowed = lights()
    assert slot.take(FIRST, 1600, allowed, set(), 0).ready == S // 4  # type: ignore[union-attr]
    assert slot.take(FIRST, 800, allowed, {0}, 5).ready == 5 + S // 4  # type: ignore[union-attr]
    assert allowed.tolist() == [3, 5, 5]


EVENTS = ((S // 2, 1, 1), (3 * S // 4, 1, 0))


def test_a_fibre_gives_nothing_while_it_is_down(tmp_path: Path) -> None:
    slot = opened(tmp_path, faults=EVENTS)
    for tick, down in ((0, False), (S // 2 - 1, False), (S // 2, True), (3 * S // 4, False)):
        assert slot.down(tick).tolist() == [False, down, False]
        assert (slot.take(PATH, 8, lights(), set(), tick) is None) is down
        assert slot.take(FIRST, 8, lights(), set(), tick) is not None
        assert slot.known_down(tick) == ()


@pytest.mark.parametrize("on_outage", ["reroute", "block"])
def test_outages_are_known_after_a_while(tmp_path: Path, on_outage: str) -> None:
    management = f'on_outage = "{on_outage}"\ncontrol_delay_s = 0.125'
    slot = opened(tmp_path, faults=EVENTS, management=management)
    known = {tick: slot.known_down(tick * S // 8) for tick in range(8)}
    assert known == {**dict.fromkeys(range(8), ()), 5: (1,), 6: (1,)}


def test_the_end_drops_what_cannot_be_stored(tmp_path: Path) -> None:
    slot = opened(tmp_path)
    slot.take(FIRST, 800, lights(), set(), 0)
    slot.end()
    assert slot.flows.bits[EXPIRED, RESERVATION, 0].tolist() == [200, 2000, 3000]
