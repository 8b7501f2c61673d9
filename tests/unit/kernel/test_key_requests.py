"""Keys of single FEL messages: what is kept, when a message is delivered or given up, and paths."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qnetsim.case import Case
from qnetsim.fel.messages import KINDS, Message
from qnetsim.kernel.clock import Clock
from qnetsim.kernel.rounds import Rounds
from qnetsim.kernel.running_tasks import KeptKeys, KeyRequest, Task, TaskKeys
from qnetsim.kernel.serving.open_slot import TakenKey
from qnetsim.kernel.serving.state import Hop
from qnetsim.network import Route
from tests.support.lines import context_of, line_case

S = 10**9
ENDS = ("left", "right")
#: From the task's first node to its last, and the same path as the network names it.
PATH = Route((0, 1, 2), (0, 1))


class Pieces:
    """An open slot that hands out given pieces of (bytes, tick at which they are there)."""

    interval = SimpleNamespace(first_slot=0)

    def __init__(self, *pieces: tuple[int, int], down: tuple[int, ...] = ()) -> None:
        self.pieces = list(pieces)
        self.known = down
        self.room = np.full(3, 10**6)
        self.taken: list[tuple[Route, int]] = []
        self.joined: list[set[int]] = []
        self.allowed: list[list[int]] = []

    def known_down(self, tick: int) -> tuple[int, ...]:
        return self.known

    def takeable(self, allowed: Any, joined: set[int], tick: int) -> Any:
        return self.room

    def take(self, route: Route, most: int, allowed: Any, joined: set[int], tick: int) -> Any:
        self.taken.append((route, most))
        self.joined.append(joined)
        self.allowed.append(allowed.tolist())
        if not self.pieces:
            self.room = np.zeros(3, dtype=int)
            return None
        size, ready = self.pieces.pop(0)
        hops = [Hop(f, 10 * f, 8 * size, 0, 0) for f in route.fibres]
        return TakenKey(8 * size, ready, hops)


def rounds_of(case: Case, nodes: tuple[int, int] = (0, 2), **more: Any) -> Rounds:
    context = {"task_relay": more.pop("task_relay", None)}
    session: Any = SimpleNamespace(parties=list(ENDS), workers=["left"], needed=("right",))
    task = Task(
        session=session,
        nodes=dict(zip(ENDS, nodes, strict=True)),
        rounds=3,
        patience=None,
        on_demand_channels=5,
        compute={party: np.zeros(4, dtype=np.int64) for party in ENDS},
        **{"away": {}, **more},
    )
    exposed: list[tuple[Route, int]] = []
    rounds = Rounds(
        context_of(case, **context), Clock(), [task], lambda r, bits: exposed.append((r, bits))
    )
    rounds.exposed = exposed  # type: ignore[attr-defined]
    return rounds


@pytest.fixture
def rounds(tmp_path: Path) -> Rounds:
    return rounds_of(line_case(tmp_path))


def message(size: int) -> Message:
    """A message that takes so many bytes of key: its tag's, and its content's."""
    return Message(KINDS[14], *ENDS, (0,) * (size - 32), 1, padded=True)


def asks(size: int, deadline: int | None = None, departs: int = 0) -> KeyRequest:
    return KeyRequest(message(size), departs, deadline, message(size).key_bytes)


def attempt(rounds: Rounds, request: KeyRequest, slot: Pieces, at: int = 0, number: int = 1):
    rounds.slot = slot  # type: ignore[assignment]
    rounds._clock._now = at
    rounds._try(0, number, request)
    return request.delivered


def kept(rounds: Rounds) -> dict[tuple[str, str], KeptKeys]:
    return rounds._task_keys[0].kept


def test_the_size_of_a_message_is_its_key() -> None:
    assert message(40).key_bytes == 40


def test_keys_are_taken_piece_by_piece(rounds: Rounds) -> None:
    request = asks(100)
    slot = Pieces((40, 0), (30, 5))
    assert attempt(rounds, request, slot) is None
    assert (request.missing, request.ready) == (30, 5)
    assert slot.taken == [(PATH, 800), (PATH, 480), (PATH, 240)]
    # the ends keep one wavelength on each fibre in a slot, and what they may light there
    assert all(joined is slot.joined[0] for joined in slot.joined)
    assert slot.allowed == [[5, 5, 5]] * 3
    assert attempt(rounds, request, Pieces((30, 3)), at=5) is True
    assert (request.missing, request.ready) == (0, 5)
    assert kept(rounds) == {}
    assert rounds.exposed == [(PATH, 320), (PATH, 240), (PATH, 240)]  # type: ignore[attr-defined]
    assert rounds.table.columns["round_key_bits"][1, 14] == 800


def test_a_message_goes_when_its_last_key_is_there(rounds: Rounds) -> None:
    request = asks(40, deadline=9)
    assert attempt(rounds, request, Pieces((40, 7))) is None
    assert attempt(rounds, request, Pieces(), at=6) is None
    # nothing is missing, so nothing is taken
    assert request.missing == 0
    assert attempt(rounds, request, Pieces(), at=7) is True


@pytest.mark.parametrize(("now", "answer"), [(8, None), (9, False), (10, False)])
def test_a_message_is_given_up_at_its_deadline(
    rounds: Rounds, now: int, answer: bool | None
) -> None:
    request = asks(50, deadline=9)
    assert attempt(rounds, request, Pieces((40, 3)), at=now) is answer
    assert kept(rounds) == ({} if answer is None else {ENDS: KeptKeys(40, 3)})


def test_keys_that_are_there_at_the_deadline_suffice(rounds: Rounds) -> None:
    assert attempt(rounds, asks(40, deadline=9), Pieces((40, 9)), at=9) is True
    assert kept(rounds) == {}


def test_keys_that_come_after_the_deadline_are_kept(rounds: Rounds) -> None:
    assert attempt(rounds, asks(40, deadline=9), Pieces((40, 10)), at=9) is False
    assert kept(rounds) == {ENDS: KeptKeys(40, 10)}


def test_kept_keys_serve_the_next_message(rounds: Rounds) -> None:
    kept(rounds)[ENDS] = KeptKeys(100, 6)
    slot = Pieces()
    first = asks(40)
    # they may not be there yet either
    assert attempt(rounds, first, slot, at=5) is None
    assert (first.missing, first.ready) == (0, 6)
    assert kept(rounds) == {ENDS: KeptKeys(60, 6)}
    assert attempt(rounds, first, slot, at=6) is True
    assert kept(rounds) == {ENDS: KeptKeys(60, 6)}
    assert slot.taken == []
    # the rest is taken, and what is ready last counts
    second = asks(90)
    assert attempt(rounds, second, Pieces((30, 4)), at=6) is True
    assert second.ready == 6
    assert kept(rounds) == {ENDS: KeptKeys(0, 6)}


def test_nothing_is_used_of_keys_that_nobody_keeps(rounds: Rounds) -> None:
    """An entry without bytes delays nothing."""
    kept(rounds)[ENDS] = KeptKeys(0, 8)
    request = asks(40)
    assert attempt(rounds, request, Pieces((40, 2)), at=2) is True
    assert request.ready == 2


def test_keys_got_in_vain_add_up(rounds: Rounds) -> None:
    kept(rounds)[ENDS] = KeptKeys(10, 7)
    assert attempt(rounds, asks(60, deadline=3), Pieces((20, 5)), at=3) is False
    assert kept(rounds) == {ENDS: KeptKeys(30, 7)}
    assert attempt(rounds, asks(60, deadline=3), Pieces((20, 12)), at=3) is False
    assert kept(rounds) == {ENDS: KeptKeys(50, 12)}


def test_kept_keys_that_come_too_late_stay_kept(rounds: Rounds) -> None:
    kept(rounds)[ENDS] = KeptKeys(100, 10)
    assert attempt(rounds, asks(40, deadline=9), Pieces(), at=9) is False
    assert kept(rounds) == {ENDS: KeptKeys(100, 10)}


@pytest.mark.parametrize("ready", [3, 30])
def test_keys_that_others_left_meanwhile_are_kept_too(rounds: Rounds, ready: int) -> None:
    """Whoever takes from what is kept has it when all of it is there."""
    request = asks(40, deadline=9)
    assert attempt(rounds, request, Pieces((40, 12))) is None
    kept(rounds)[ENDS] = KeptKeys(5, ready)
    assert attempt(rounds, request, Pieces(), at=9) is False
    assert kept(rounds) == {ENDS: KeptKeys(45, max(ready, 12))}


def test_keys_belong_to_one_direction(rounds: Rounds) -> None:
    kept(rounds)[ENDS[1], ENDS[0]] = KeptKeys(100, 0)
    assert attempt(rounds, asks(40, deadline=0), Pieces()) is False
    assert kept(rounds) == {(ENDS[1], ENDS[0]): KeptKeys(100, 0), ENDS: KeptKeys(0, 0)}


@pytest.mark.parametrize("party", ENDS)
def test_who_is_away_gets_no_message_in_a_round(tmp_path: Path, party: str) -> None:
    rounds = rounds_of(line_case(tmp_path), away={party: np.array([[5, 10]])})
    request = asks(60)
    assert attempt(rounds, request, Pieces((40, 2)), at=4) is None
    slot = Pieces((20, 5))
    assert attempt(rounds, request, slot, at=5) is False
    assert slot.taken == []
    assert kept(rounds) == {ENDS: KeptKeys(40, 2)}
    # while the task is set up, everybody is waited for
    assert attempt(rounds, asks(40), Pieces(), at=5, number=0) is True


@pytest.mark.parametrize(
    ("request_", "now", "wake"),
    [
        (asks(40, departs=5), 4, 5),
        # what is missing is looked for at the start of the next slot
        (asks(40, departs=5), 5, S),
        (asks(40, departs=5), S, 2 * S),
        (asks(40, deadline=20), 5, 20),
        (asks(40, deadline=2 * S), 5, S),
        (KeyRequest(message(40), 0, None, 0, ready=30), 5, 30),
        (KeyRequest(message(40), 0, 20, 0, ready=30), 5, 20),
        (KeyRequest(message(40), 0, 40, 0, ready=30), 5, 30),
    ],
)
def test_when_a_message_is_looked_at_again(
    rounds: Rounds, request_: KeyRequest, now: int, wake: int
) -> None:
    rounds._clock._now = now
    assert rounds._wakes(request_) == wake


def ring(folder: Path, on_outage: str = "wait") -> Rounds:
    """Two paths from a to c: over b, or the long fibre 2."""
    more = f'[key_management]\non_outage = "{on_outage}"'
    return rounds_of(line_case(folder, fibres="a,b,80 b,c,80 a,c,900", more=more))


LONG = Route((0, 2), (2,))


@pytest.mark.parametrize(
    ("room", "route"),
    [([8, 8, 99], PATH), ([7, 99, 99], LONG), ([99, 0, 8], LONG), ([0, 99, 7], None)],
)
def test_a_path_has_a_byte_on_every_fibre(
    tmp_path: Path, room: list[int], route: Route | None
) -> None:
    slot = Pieces((40, 0))
    slot.room = np.array(room)
    assert attempt(ring(tmp_path), asks(40), slot) is (True if route else None)
    assert [taken for taken, _ in slot.taken] == ([route] if route else [])


def test_known_outages_are_walked_around(tmp_path: Path) -> None:
    slot = Pieces((40, 0), down=(1,))
    assert attempt(ring(tmp_path, "reroute"), asks(40), slot) is True
    assert slot.taken == [(LONG, 320)]
    nowhere = Pieces((40, 0), down=(1, 2))
    assert attempt(ring(tmp_path, "reroute"), asks(40), nowhere) is None
    assert nowhere.taken == []


@pytest.mark.parametrize("room", [99, 0])
def test_known_outages_on_the_path_are_a_reason_to_give_up(tmp_path: Path, room: int) -> None:
    """The path is the one that would be taken, so whether there are keys does not matter."""
    for number, answer in ((1, False), (0, None)):
        slot = Pieces((40, 0), down=(0,))
        slot.room[0] = room
        request = asks(40)
        assert attempt(ring(tmp_path, "block"), request, slot, number=number) is answer
        assert slot.taken == []
    elsewhere = Pieces((40, 0), down=(2,))
    assert attempt(ring(tmp_path, "block"), asks(40), elsewhere) is True


def test_pairs_have_wavelengths_of_their_own(tmp_path: Path) -> None:
    rounds = rounds_of(line_case(tmp_path))
    slot = Pieces((40, 0))
    attempt(rounds, asks(40), slot)
    back = Message(KINDS[14], *ENDS[::-1], (0,) * 8, 1, padded=True)
    again = Pieces((40, 0))
    attempt(rounds, KeyRequest(back, 0, None, 40), again)
    # both directions between two nodes share what they have
    assert again.joined[0] is slot.joined[0]
    assert list(rounds._task_keys[0].joined) == [(0, 2)]


@pytest.mark.parametrize("way", [(0, 2), (2, 0)])
def test_key_bytes_are_carried_from_the_source(tmp_path: Path, way: tuple[int, int]) -> None:
    carried: list[tuple[Any, ...]] = []

    class Carrier:
        def carry_key(self, bits: int, nodes: Any, hops: list[Hop], what: str) -> int:
            carried.append((bits, nodes, [hop.fibre for hop in hops], what))
            return 0x0102

    rounds = rounds_of(line_case(tmp_path), way, real=True, task_relay=Carrier())
    told: list[Any] = []
    rounds._channels[0] = SimpleNamespace(  # type: ignore[call-overload]
        add_keys=lambda *given: told.append(given), carry=told.append
    )
    assert attempt(rounds, asks(40), Pieces((34, 0), (6, 0))) is True
    nodes = (0, 1, 2) if way == (0, 2) else (2, 1, 0)
    what = "a message of task 1 in slot 0"
    assert carried == [
        (8 * size, nodes, list(nodes[:-1] if way == (0, 2) else (1, 0)), what) for size in (34, 6)
    ]
    assert told == [
        (*ENDS, bytes(32) + b"\x01\x02"),
        (*ENDS, bytes(4) + b"\x01\x02"),
        message(40),
    ]


@pytest.mark.parametrize(
    ("tick", "back"), [(0, 0), (4, 4), (5, 10), (9, 10), (10, 10), (19, 19), (20, 30), (99, 99)]
)
def test_when_a_party_is_back(tmp_path: Path, tick: int, back: int) -> None:
    away = {"left": np.array([[5, 10], [20, 30]]), "right": np.zeros((0, 2), dtype=np.int64)}
    task = rounds_of(line_case(tmp_path), away=away)._tasks[0]
    assert task.back("left", tick) == back
    assert task.back("right", tick) == tick
    assert task.back("head", tick) == tick


def test_a_slot_begins_once() -> None:
    keys = TaskKeys()
    keys.begin_slot(0, 2, 7)
    assert keys.allowed.tolist() == [7, 7]
    keys.allowed[0] = 3
    keys.joined[0, 1] = {0}
    keys.begin_slot(0, 2, 7)
    assert (keys.allowed.tolist(), keys.joined) == ([3, 7], {(0, 1): {0}})
    keys.begin_slot(1, 2, 7)
    assert (keys.allowed.tolist(), keys.joined) == ([7, 7], {})


@pytest.mark.parametrize(
    ("now", "lost", "until", "begins"),
    [
        (5, False, 5, 5),
        # after a lost round, no other begins in the same slot
        (5, True, 5, S),
        (S, True, 5, 2 * S),
        (5, True, S + 7, S + 7),
        (5, False, 6 * S - 1, 6 * S - 1),
        # the run lasts six slots
        (5, False, 6 * S, None),
        (5, False, 6 * S + 1, None),
        (5 * S + 1, True, 5, None),
    ],
)
def test_when_a_round_begins(
    tmp_path: Path, now: int, lost: bool, until: int, begins: int | None
) -> None:
    """The label holder is away until then."""
    rounds = rounds_of(line_case(tmp_path), away={"right": np.array([[0, until]])})
    rounds._clock._now = now
    woken: list[int] = []
    rounds._clock.at = lambda tick, *order: woken.append(tick)  # type: ignore[assignment,method-assign]
    start = rounds._start(0, lost)
    with pytest.raises(StopIteration) as stop:
        while True:
            next(start)
    assert stop.value.value is (begins is not None)
    assert woken == ([] if begins in (None, now) else [begins])
