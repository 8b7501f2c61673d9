"""Slots that are served whole, in array steps or at once, are served as request by request."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import Case, open_case
from qnetsim.compiling import have_numba
from qnetsim.kernel.serving import loop, whole
from qnetsim.policies import Decision, Observation, Policy
from qnetsim.scenario import parse_scenario
from qnetsim.world.realisation import WorldChunk
from tests.support.helpers import Result, Scripted, run
from tests.support.random_cases import expected, hold_against, random_routes

S = 10**9
TEXT = """
[run]
slots = {slots}
[network]
topology = {topology!r}
span_km = 100
key_rate_bps = {rate}
{network}
[demand]
levels = 10
pairs = {pairs}
{demand}
[key_management]
{management}
"""


def small(
    folder: Path,
    slots: int,
    *,
    fibres: str = "a,b,250",
    pairs: str = '[["a", "b"]]',
    rate: float = 10.0,
    network: str = "",
    demand: str = "",
    management: str = "",
) -> Case:
    """One fibre of three segments and one request, unless others are given."""
    path = folder / "net.csv"
    path.write_text("\n".join(["source,target,length_km", *fibres.split()]) + "\n")
    return open_case(
        parse_scenario(
            TEXT.format(
                slots=slots,
                topology=str(path),
                rate=rate,
                network=network,
                pairs=pairs,
                demand=demand,
                management=management,
            )
        )
    )


def serve(
    case: Case, levels: list[list[int]], channels: int, kernel: str, **world: np.ndarray
) -> Result:
    """Serve given levels with so many channels reserved on each fibre, in one interval."""
    slots = case.scenario.run.slots
    rows = np.full((slots, case.network.fibres), channels)
    chunk = WorldChunk(0, np.array(levels, dtype=np.int16), **world)
    return run(case, Scripted(rows, rows, hold=slots), chunks=[chunk], kernel=kernel)


KERNELS = pytest.mark.parametrize("kernel", ["loop", "numpy"])


@KERNELS
def test_levels_that_nobody_has_are_passed_over(tmp_path: Path, kernel: str) -> None:
    found = serve(small(tmp_path, 3), [[0], [3], [5]], 9, kernel)
    assert found.columns["exposed_bits"].tolist() == [0, 60, 100]
    assert found.ledger["relay_bits"].tolist() == [80]


@KERNELS
def test_a_store_of_one_fibre_is_carried_from_slot_to_slot(tmp_path: Path, kernel: str) -> None:
    case = small(tmp_path, 4, management="store_bits = 25\nkey_lifetime_slots = 2")
    c = serve(case, [[0], [0], [5], [0]], 2, kernel).columns
    assert c["reservation_stored_bits"][:, 0].tolist() == [20, 25, 0, 20]
    assert c["reservation_overflowed_bits"][:, 0].tolist() == [0, 15, 0, 0]
    assert c["on_demand_channels"][:, 0].tolist() == [0, 0, 1, 0]


@KERNELS
def test_keys_that_live_for_one_slot_more_are_used_and_expire(tmp_path: Path, kernel: str) -> None:
    case = small(tmp_path, 4, management="store_bits = 99\nkey_lifetime_slots = 1")
    c = serve(case, [[0], [3], [0], [0]], 2, kernel).columns
    assert c["reservation_consumed_bits"][:, 0].tolist() == [0, 30, 0, 0]
    assert c["reservation_expired_bits"][:, 0].tolist() == [0, 0, 10, 20]
    assert c["reservation_stored_bits"][:, 0].tolist() == [20, 10, 20, 20]


@KERNELS
def test_what_is_left_of_a_channel_serves_later_slots(tmp_path: Path, kernel: str) -> None:
    """A channel yields 22 bits and a level takes 16 of them, so a fourth one needs no channel."""
    case = small(
        tmp_path,
        3,
        fibres="a,b,70",
        network='key_rate = "inverse"\nfibre_spans = [["a", "b", 70.0]]',
        management='granularity = "bit"\nstore_bits = 99\nkey_lifetime_slots = 3',
    )
    c = serve(case, [[1], [1], [2]], 0, kernel).columns
    assert c["on_demand_channels"][:, 0].tolist() == [1, 1, 1]
    assert c["on_demand_stored_bits"][:, 0].tolist() == [6, 12, 2]
    assert c["on_demand_consumed_bits"][:, 0].tolist() == [16, 16, 32]


@KERNELS
def test_any_number_of_channels_can_be_lit(tmp_path: Path, kernel: str) -> None:
    c = serve(small(tmp_path, 2), [[9], [8]], 1, kernel).columns
    assert c["on_demand_channels"][:, 0].tolist() == [8, 7]
    assert c["served"].tolist() == [1, 1]


@pytest.mark.parametrize("rate", [10.0, 1500.0])
def test_what_fits_takes_no_walk(
    tmp_path: Path, rate: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without limits everything fits, so no slot is walked request by request."""
    walked: list[int] = []
    honest = loop.serve_slots

    def spy(state, rules, slots, out, begin, end, closes):
        walked.append(begin)
        return honest(state, rules, slots, out, begin, end, closes)

    monkeypatch.setattr(loop, "serve_slots", spy)
    fibres = {"fibres": "a,b,250 b,c,80", "pairs": '[["a", "c"], ["a", "b"]]'}
    serve(small(tmp_path, 5, rate=rate, **fibres), [[9], [0], [1], [9], [2]], 1, "numpy")
    assert walked == []
    # a limit that some slots exceed
    narrow = small(tmp_path, 5, rate=rate, network="qkd_wavelengths = 12", **fibres)
    serve(narrow, [[2], [3], [1], [9], [2]], 1, "numpy")
    assert walked == [1, 3]


@KERNELS
def test_a_queue_grows_late_in_an_interval(tmp_path: Path, kernel: str) -> None:
    """One channel at most, so requests of level 2 wait from slot 300 on."""
    case = small(tmp_path, 310, network="qkd_wavelengths = 3", management="patience_s = 50")
    c = serve(case, [[1]] * 300 + [[2]] * 10, 0, kernel).columns
    assert c["served"].tolist() == [1] * 300 + [0] * 10
    assert c["waiting"].tolist() == [0] * 300 + list(range(1, 11))


UNEVEN = {
    "fibres": "a,b,100 b,c,100",
    "pairs": '[["a", "c"], ["a", "b"], ["b", "c"]]',
    "network": 'key_rate = "inverse"\nfibre_spans = [["a", "b", 70.0]]',
    "demand": 'coupling = "independent"',
}


@KERNELS
def test_levels_that_do_not_add_up_are_counted_one_by_one(tmp_path: Path, kernel: str) -> None:
    """A channel of a–b yields more, so levels 1, 2 and 3 take 1, 2 and 3 of them, and 5 takes 4."""
    case = small(tmp_path, 3, **UNEVEN)
    assert case.network.channel_bits.tolist() == [22, 16]
    c = serve(case, [[1, 2, 3], [5, 3, 0], [0, 0, 0]], 1, kernel).columns
    consumed = c["reservation_consumed_bits"] + c["on_demand_consumed_bits"]
    assert consumed.tolist() == [[66, 64], [154, 80], [0, 0]]
    assert c["on_demand_channels"].tolist() == [[2, 3], [6, 4], [0, 0]]
    assert c["on_demand_wavelengths"].tolist() == [[1, 1]] * 3


@KERNELS
def test_who_waits_for_channels_to_be_set_up_is_counted(tmp_path: Path, kernel: str) -> None:
    case = small(tmp_path, 2, management="on_demand_setup_s = 0.25")
    c = serve(case, [[2], [1]], 1, kernel).columns
    assert c["served"].tolist() == [1, 1]
    assert c["waited"].sum(axis=1).tolist() == [1, 0]


@KERNELS
@pytest.mark.parametrize(("arrival", "served"), [(3 * S // 4, [1, 0]), (3 * S // 4 + 1, [0, 1])])
def test_channels_must_be_set_up_within_the_slot(
    tmp_path: Path, kernel: str, arrival: int, served: list[int]
) -> None:
    """The first request needs a channel of its own, set up by the slot's end at the latest."""
    case = small(
        tmp_path,
        2,
        network="km_wavelengths = 1",
        demand='arrivals = "uniform"',
        management="on_demand_setup_s = 0.25\npatience_s = 0.5",
    )
    arrivals = np.array([[arrival], [S - 1]])
    c = serve(case, [[2], [2]], 1, kernel, arrivals=arrivals).columns
    assert c["served"].tolist() == served
    # where it could not be lit, the request is served at the start of the next slot
    assert c["on_demand_channels"][:, 0].tolist() == served


class Standing(Policy):
    """Three channels and wavelengths on each fibre, for the whole run."""

    name = "standing"

    def decide(self, observation: Observation) -> Decision:
        three = np.full(len(observation.fibres), 3)
        return Decision(three, three, observation.slots_left)


@pytest.mark.parametrize("kept", [False, True])
def test_a_slot_like_an_earlier_one_is_repeated(
    tmp_path: Path, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fibre that nobody uses is down for five slots; with stores, no slot is like another."""
    repeated: list[int] = []
    honest = whole.repeat

    def spy(fibres, tails, slot, out, other, row):
        repeated.append(slot)
        honest(fibres, tails, slot, out, other, row)

    monkeypatch.setattr(whole, "repeat", spy)
    outage = '[[outage]]\nfibre = ["b", "c"]\nstart_s = 20\nduration_s = 5'
    store = "store_bits = 25\nkey_lifetime_slots = 2" if kept else "store_bits = 25"
    case = small(tmp_path, 60, fibres="a,b,250 b,c,80", management=f"{store}\n{outage}")
    found, plain = (run(case, Standing(), kernel=k) for k in ("loop", "numpy"))
    for name in plain.columns.keys() - {"decide_s"}:
        np.testing.assert_array_equal(found.columns[name], plain.columns[name], err_msg=name)
    assert {n: v.tolist() for n, v in found.ledger.items()} == {
        n: v.tolist() for n, v in plain.ledger.items()
    }
    made = found.columns["reservation_produced_bits"][:, 1]
    assert made[20:25].tolist() == [0] * 5
    assert made[[0, 19, 25, 59]].tolist() == [made[0]] * 4
    assert made[0] > 0
    assert not repeated if kept else len(repeated) >= 35


class StandingScript(Scripted):
    """The first row of the script, for the whole run."""

    def decide(self, observation: Observation) -> Decision:
        first = observation.fibres
        rows = self.channels[0, first], self.wavelengths[0, first]
        return Decision(*rows, observation.slots_left, self.routes)


@pytest.mark.parametrize("seed", range(6))
def test_repeated_slots_are_those_of_the_plain_simulator(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some slots do not fit, wait or meet an outage; every column is compared."""
    repeated: list[int] = []
    honest = whole.repeat

    def spy(fibres, tails, slot, out, other, row):
        repeated.append(slot)
        honest(fibres, tails, slot, out, other, row)

    monkeypatch.setattr(whole, "repeat", spy)
    rng = np.random.default_rng(seed)
    lifetime = int(rng.integers(0, 3))
    keys = {
        "store_bits": 0 if lifetime else 35,
        "key_lifetime_slots": lifetime,
        "patience_s": rng.choice([0.0, 1.5]),
        "on_outage": repr(str(rng.choice(["wait", "reroute", "block"]))),
        "control_delay_s": rng.choice([0.0, 1.3]),
    }
    outages = [
        f'[[outage]]\nfibre = ["{ends[0]}", "{ends[1]}"]\nstart_s = {first}\nduration_s = {long}'
        for ends, first, long in (("ab", 20, 5), ("bc", 23.5, 3), ("ab", 50, rng.integers(1, 6)))
    ]
    case = small(
        tmp_path,
        80,
        fibres="a,b,250 b,c,80 a,c,120",
        pairs='[["a", "b"], ["a", "c"], ["b", "c"]]',
        network=f"qkd_wavelengths = {rng.choice([0, 36, 60])}",
        demand="mean = 2.5",
        management="\n".join([*(f"{key} = {value}" for key, value in keys.items()), *outages]),
    )
    routes = random_routes(np.random.default_rng(7), case)
    shape = case.scenario.run.slots, case.network.fibres
    rows = [np.broadcast_to(rng.integers(0, most, shape[1]), shape) for most in (8, 4)]
    policy = StandingScript(*rows, routes=routes)
    reference = expected(case, policy, routes)
    for kernel in ("loop", "numpy", *(["numba"] if have_numba() else [])):
        hold_against(run(case, StandingScript(*rows, routes=routes), kernel=kernel), reference)
    assert len(repeated) > 20
