"""Outages, sessions, the ledger, and keys carried as real bytes."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import Case, open_case
from qnetsim.errors import LedgerError
from qnetsim.kernel import DeliveredKey, Ledger, Relay
from qnetsim.kernel.relay import Announcement, KeyStream
from qnetsim.network import read_topology
from qnetsim.policies import Decision, Observation, Policy
from qnetsim.policies.registry import make_policy
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, parse_scenario
from qnetsim.trace import open_trace
from qnetsim.trace.schema import recorded
from qnetsim.world.faults import NO_FAULTS
from tests.support.helpers import Scripted, nsfnet, run

ONE_FIBRE = """
[run]
slots = 6
[network]
topology = {topology!r}
key_rate_bps = 10
{network}
[demand]
levels = 2
probabilities = [0, 1]
kind = "table"
pairs = [["a", "b"]]
{demand}
[[outage]]
{outage}
[key_management]
{management}
"""


def ring(tmp_path: Path, outage: str, management: str = "", demand: str = "") -> Case:
    """A ring of three nodes; one request a–b of one channel, over the short fibre."""
    path = tmp_path / "ring.csv"
    path.write_text("source,target,length_km\na,b,400\nb,c,600\na,c,600\n")
    text = ONE_FIBRE.format(
        topology=str(path), network="", demand=demand, outage=outage, management=management
    )
    return open_case(parse_scenario(text))


RELAY = 'fibre = ["a", "b"]\ntrusted_relay = 1\nstart_s = 1.5\nduration_s = 1.0'


def idle(case: Case) -> Scripted:
    zeros = np.zeros((6, case.network.fibres), int)
    return Scripted(zeros, zeros)


def test_a_relay_fails_in_the_middle_of_a_slot(tmp_path: Path) -> None:
    """Down from 1.5 s to 2.5 s: slot 2 starts in the outage; its request waits for the repair."""
    case = ring(tmp_path, RELAY, "patience_s = 0.8")
    for kernel in ("numpy", "loop", "numba"):
        c = run(case, idle(case), kernel=kernel).columns
        assert c["served"].tolist() == [1] * 6
        assert c["blocked"].sum() == 0
        bins = np.flatnonzero(c["waited"].sum(axis=0)).tolist()
        assert bins == [49]  # half a second, in bins of 10 ms
        assert c["waited"][2].sum() == 1
    impatient = ring(tmp_path, RELAY, "patience_s = 0.4")
    c = run(impatient, idle(impatient)).columns
    assert c["blocked"].tolist() == [0, 0, 1, 0, 0, 0]


def test_requests_take_a_detour_once_the_outage_is_known(tmp_path: Path) -> None:
    outage = 'fibre = ["a", "b"]\nstart_s = 1.0\nduration_s = 3.0'
    reroute = 'on_outage = "reroute"\npatience_s = 0.9\ncontrol_delay_s = '
    case = ring(tmp_path, outage, reroute + "0.5")
    c = run(case, idle(case)).columns
    assert c["served"].tolist() == [1] * 6
    # known from 1.5 s to 4.5 s: in slot 1 after half a second, and still at the start of slot 4
    assert c["rerouted"].tolist() == [0, 1, 1, 1, 1, 0]
    assert c["waited"][1].sum() == 1
    assert c["on_demand_channels"][1].tolist() == [0, 1, 1]
    blocking = ring(tmp_path, outage, 'on_outage = "block"\npatience_s = 0.9')
    c = run(blocking, idle(blocking)).columns
    assert c["blocked"].tolist() == [0, 1, 1, 1, 0, 0]


def test_policies_see_an_outage_when_it_is_known(tmp_path: Path) -> None:
    outage = 'node = "c"\nstart_s = 0.5\nduration_s = 2.0'
    case = ring(tmp_path, outage, "control_delay_s = 1.0")
    seen = []

    class Watch(Policy):
        def decide(self, observation: Observation) -> Decision:
            seen.append(observation.outages)
            return Decision(np.zeros(3, int), np.zeros(3, int))

    run(case, Watch())
    # down from 0.5 s to 2.5 s, known from 1.5 s to 3.5 s
    assert seen == [(), (), (1, 2), (1, 2), (), ()]


def test_sessions_ask_in_every_slot_and_can_be_interrupted(tmp_path: Path) -> None:
    outage = 'fibre = ["a", "b"]\nstart_s = 2.0\nduration_s = 1.0'
    case = ring(tmp_path, outage, demand="holding_slots = 2")
    c = run(case, idle(case)).columns
    # two deliveries in each slot but the first; at 2 s the session and the arrival are lost
    assert c["on_demand_channels"][:, 0].tolist() == [1, 2, 0, 1, 2, 2]
    assert c["interrupted"].tolist() == [0, 0, 1, 0, 0, 0]
    assert c["blocked"].tolist() == [0, 0, 1, 0, 0, 0]
    assert c["holding"].tolist() == [1, 1, 0, 1, 1, 1]


def busy(**changes: str) -> Case:
    return open_case(
        nsfnet(
            run__slots="40",
            network__key_rate_bps="37.0",
            network__qkd_wavelengths="60",
            demand__requests="12",
            demand__coupling='"independent"',
            demand__holding_slots="2",
            key_management__granularity='"bit"',
            key_management__store_bits="500",
            key_management__key_lifetime_slots="3",
            key_management__patience_s="2",
            key_management__on_outage='"reroute"',
            faults__fibre_mtbf_s="100",
            faults__fibre_mttr_s="3",
            **changes,
        )
    )


def test_real_keys_arrive_and_change_nothing() -> None:
    case = busy()
    keys: list[DeliveredKey] = []
    announced: list[Announcement] = []
    relay = Relay(case.network, case.forecast, 1, 0, keys.append, announced.append)
    counted = run(case, make_policy("random", {}))
    for kernel in ("numpy", "numba"):
        fresh = relay if kernel == "numpy" else Relay(case.network, case.forecast, 1, 0)
        real = run(case, make_policy("random", {}), relay=fresh, kernel=kernel)
        for column in recorded():
            if not column.volatile:
                np.testing.assert_array_equal(
                    real.columns[column.name], counted.columns[column.name], column.name
                )
        assert fresh.bits > 0
        # what the relays held in clear is what the run counts in any case
        by_fibre, by_node = counted.ledger["relay_bits"], counted.ledger["node_bits"]
        for place, bits in fresh.seen.items():
            assert bits == (by_node[place] if isinstance(place, int) else by_fibre[place[0]])
        assert sum(fresh.seen.values()) == counted.columns["exposed_bits"].sum()
    assert len(keys) == relay.deliveries
    assert len({key.key_ID for key in keys}) == len(keys)
    one = max(keys, key=lambda key: key.bits)
    assert base64.b64decode(one.container()["keys"][0]["key"]) == one.key
    assert one.key.hex() not in repr(one)
    # a pad is used for one announcement only, so no sum of announcements can lack its pad
    assert len({(a.fibre, a.segment, a.bits, a.padded) for a in announced if a.bits > 30}) == sum(
        a.bits > 30 for a in announced
    )


def test_a_bit_cannot_be_spent_twice() -> None:
    case = busy()
    relay = Relay(case.network, case.forecast, 1, 0)
    simulation = run(case, make_policy("random", {}), relay=relay, kernel="loop").simulation
    paths = simulation.managers._paths[0]
    path = int(paths.arrays.choice[0, 1])
    fibres = paths.route(path).fibres
    rows = np.array([[0, 0, 1, path, f, 0, 37, 0, 0] for f in fibres])
    with pytest.raises(LedgerError, match="would be spent twice"):
        relay.carry(rows, paths)
    fresh = Relay(case.network, case.forecast, 1, 0)
    rows[:, 6] = 36
    with pytest.raises(LedgerError, match="would be stretched"):
        fresh.carry(rows, paths)


def test_key_streams_can_be_read_anywhere() -> None:
    stream, other = KeyStream(1, "a", 2), KeyStream(1, "a", 3)
    whole = stream.bits(0, 1000)
    for offset, count in ((0, 1), (127, 2), (128, 128), (333, 600)):
        expected = (whole >> (1000 - offset - count)) & ((1 << count) - 1)
        assert stream.bits(offset, count) == expected
    assert other.bits(0, 1000) != whole


def test_no_key_material_is_in_a_trace(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows of every key and of the pads, raw, in hex and in base64 at any alignment."""
    windows: set[bytes] = set()
    honest = KeyStream.bits

    def listening(self: KeyStream, offset: int, count: int) -> int:
        value = honest(self, offset, count)
        if count >= 96:
            data = value.to_bytes(-(-count // 8), "big")
            windows.update(data[i : i + 12] for i in range(0, len(data) - 11, 12))
        return value

    monkeypatch.setattr(KeyStream, "bits", listening)
    scenario = nsfnet(run__slots="3", demand__requests="8", key_management__relay='"real"')
    path = simulate(scenario, PolicyTable(name="sip"), tmp_path / "t.h5")
    assert len(windows) > 500
    output = "".join(capfd.readouterr()).encode()
    with open_trace(path) as trace:
        text = repr(trace.provenance).encode()
        tables = b"".join(np.ascontiguousarray(trace.column(c.path)).tobytes() for c in recorded())
    for place in (path.read_bytes(), output, text, tables):
        for window in windows:
            assert window not in place
            assert window.hex().encode() not in place
            for shift in range(3):
                whole = base64.b64encode(bytes(shift) + window)
                assert whole[4:-4] not in place


def test_urgent_requests_go_first(tmp_path: Path) -> None:
    """Two requests, one channel: the urgent one has it in every slot, whatever its number."""
    for classes, first in (((), 0), ((0, 1), 0), ((1, 0), 1)):
        case = ring(tmp_path, RELAY, "patience_s = 0.5")
        forecast = dataclasses.replace(
            case.forecast, pairs=case.forecast.pairs * 2, classes=classes
        )
        narrow = Case(case.scenario, dataclasses.replace(case.network, qkd_wavelengths=3), forecast)
        keys: list[DeliveredKey] = []
        relay = Relay(narrow.network, forecast, 1, 0, keys.append)
        chunk = dataclasses.replace(next(narrow.realisation(0).chunks()), faults=NO_FAULTS)
        run(narrow, idle(narrow), chunks=[chunk], relay=relay)
        assert [key.request for key in keys] == [first] * 6


def test_the_ledger_does_not_wrap() -> None:
    ledger = Ledger(read_topology("nsfnet"), "test")
    columns = {
        c.name: np.zeros((2, 21) if "fibre" in c.dims else 2, dtype=np.int64) for c in recorded()
    }
    for flow in ("produced", "consumed"):
        columns[f"reservation_{flow}_bits"] += 2**53 - 1
    with pytest.raises(LedgerError, match="64-bit totals"):
        for _ in range(1000):
            ledger.add(
                {name: np.tile(v, (512, 1) if v.ndim > 1 else 512) for name, v in columns.items()}
            )
            ledger.close({})
    columns["reservation_produced_bits"][1, 4] = 2**53
    columns["reservation_consumed_bits"][1, 4] = 2**53
    fresh = Ledger(read_topology("nsfnet"), "test")
    fresh.add(columns)
    with pytest.raises(LedgerError, match="too many to count, in slot 1"):
        fresh.close({})


def test_real_relays_can_be_stopped() -> None:
    calls = []

    def stop() -> None:
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt

    case = busy()
    relay = Relay(case.network, case.forecast, 1, 0, check=stop)
    with pytest.raises(KeyboardInterrupt):
        run(case, make_policy("random", {}), relay=relay)
    assert len(calls) == 5
    assert relay.deliveries < 4  # a delivery over many segments is left inside it
