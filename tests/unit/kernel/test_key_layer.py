"""Key rates, yields, outages, sessions, and keys carried as real bytes."""

from __future__ import annotations

import base64
import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnetsim import seeds
from qnetsim.analysis.metrics import _exact_total
from qnetsim.case import Case, load, open_case
from qnetsim.errors import LedgerError, ScenarioError, SettingError
from qnetsim.kernel import DeliveredKey, Ledger, Relay
from qnetsim.kernel.relay import Announcement, KeyStream
from qnetsim.network import read_topology
from qnetsim.network.keyrate import MdiLink, plob
from qnetsim.policies import Decision, Observation, Policy
from qnetsim.policies.registry import make_policy
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, parse_scenario
from qnetsim.studies.spacing import cheapest_spacing
from qnetsim.trace import open_trace, schema
from qnetsim.trace.schema import recorded
from qnetsim.world.faults import CAUSES, NO_FAULTS
from qnetsim.world.yields import PoissonTable
from tests.support.helpers import Scripted, nsfnet, run

LINK = MdiLink(0.145, 6.02e-6, 0.015, 1.16)


@pytest.mark.parametrize(
    ("km", "mu", "printed"),
    [
        (0, 0.3, "3.41569e-04"),
        (50, 0.3, "3.27690e-05"),
        (100, 0.3, "2.99546e-06"),
        (150, 0.3, "2.21632e-07"),
        (50, None, "5.1815e-05"),
        (100, None, "4.5785e-06"),
        (150, None, "3.156e-07"),
    ],
)
def test_mdi_qkd_rates_to_the_printed_digits(km: float, mu: float | None, printed: str) -> None:
    digits = len(printed.split("e")[0]) - 2
    assert f"{LINK.symmetric(km, 0.2, mu):.{digits}e}" == printed


@given(st.floats(0.1, 400), st.floats(0.1, 400), st.one_of(st.none(), st.floats(0.01, 1.0)))
def test_mdi_qkd_falls_and_stays_below_the_bound(a: float, b: float, mu: float | None) -> None:
    near, far = sorted((a, b))
    rates = LINK.symmetric(near, 0.2, mu), LINK.symmetric(far, 0.2, mu)
    assert rates[0] >= rates[1] * (1 - 1e-9) >= 0
    assert rates[1] < plob(far, 0.2)


@given(st.floats(1e-4, 0.2), st.floats(1e-4, 0.2), st.floats(0.05, 0.8), st.floats(0.05, 0.8))
def test_mdi_qkd_is_symmetric(x: float, y: float, mu_a: float, mu_b: float) -> None:
    assert math.isclose(
        LINK.rate(x, y, mu_a, mu_b), LINK.rate(y, x, mu_b, mu_a), rel_tol=1e-9, abs_tol=1e-15
    )


def test_spacing_and_rate_differ_by_fibre() -> None:
    network = open_case(
        nsfnet(
            network__key_rate='"inverse"',
            network__fibre_spans='[["1", "2", 80.0], ["4", "5", 320]]',
        )
    ).network
    names = [network.topology.fibre_name(e) for e in range(network.fibres)]
    at = {name: e for e, name in enumerate(names)}
    assert network.channel_bits[[at["1–2"], at["4–5"], at["1–3"]]].tolist() == [2000, 500, 1000]
    assert network.segments[at["1–2"]] == math.ceil(1100 / 80)
    # ρ of level 3 counts in channels of each fibre
    assert network.level_channels(4)[3, [at["1–2"], at["4–5"]]].tolist() == [2, 6]


def table_scenario(folder: Path, rows: str, **network: object) -> Path:
    (folder / "rates.csv").write_text("distance_km,rate_bps\n" + rows)
    keys = {"span_km": 100, "rate_table_pulse_rate_hz": 1e6, **network}
    listed = "\n".join(f"{key} = {value}" for key, value in keys.items())
    path = folder / "case.toml"
    path.write_text(
        f'[network]\ntopology = "nsfnet"\nkey_rate = "table"\nrate_table = "rates.csv"\n{listed}\n'
        "[demand]\nrequests = 3\n"
    )
    return path


def test_a_rate_table_is_interpolated_in_the_logarithm(tmp_path: Path) -> None:
    scenario = load(table_scenario(tmp_path, "50,4000\n150,1000\n"))
    assert scenario.network.rate_table == ((50.0, 4000.0), (150.0, 1000.0))
    assert open_case(scenario).network.level_bits == 2000


@pytest.mark.parametrize(
    ("rows", "network", "word"),
    [
        ("50,4000\n150,900000\n", {}, "above the PLOB bound"),
        ("50,4000\n90,1000\n", {}, "covers 50 .. 90 km"),
        ("50,4000\n50,1000\n", {}, "must ascend"),
        ("50,4000\n150,-1\n", {}, "rates > 0"),
        ("50,4000\n150,x\n", {}, "rates.csv:3"),
        ("50,4000\n", {}, "at least two points"),
    ],
)
def test_bad_rate_tables_are_refused(
    tmp_path: Path, rows: str, network: dict[str, object], word: str
) -> None:
    path = table_scenario(tmp_path, rows, **network)
    with pytest.raises(ScenarioError, match=word) as error:
        load(path)
    assert f"{path}:4: network.rate_table" in str(error.value)


BAD = {
    "network.key_rate: .*yields 0 bits": '[network]\nkey_rate = "mdi_qkd"\nspan_km = 300',
    "network.key_rate_bps: goes with": '[network]\nkey_rate = "mdi_qkd"\nkey_rate_bps = 10',
    "no fibre joins '1' and '9'": '[network]\nfibre_spans = [["1", "9", 100]]',
    "outage.0.*unknown node 'x'": '[[outage]]\nnode = "x"\nstart_s = 1\nduration_s = 1',
    "outage.0.*6 trusted relays; there is no number 9": (
        '[[outage]]\nfibre = ["1", "2"]\ntrusted_relay = 9\nstart_s = 1\nduration_s = 1'
    ),
    "outage.0.: needs a node or a fibre": "[[outage]]\nstart_s = 1\nduration_s = 1",
    "needs fibre_mttr_s beside it": "[faults]\nfibre_mtbf_s = 3",
    "faults: about .* failures and repairs": ("[faults]\nfibre_mtbf_s = 1e-6\nfibre_mttr_s = 1e-6"),
    "is longer than a slot": "[key_management]\non_demand_setup_s = 2.0",
    "give 1 to 16": "[demand]\npriority_shares = []",
}


@pytest.mark.parametrize(("word", "text"), BAD.items())
def test_bad_settings_of_the_key_layer_are_refused(tmp_path: Path, word: str, text: str) -> None:
    tables = {"[network]": 'topology = "nsfnet"', "[demand]": "requests = 3"}
    for head, keys in tables.items():
        if head in text:
            text = text.replace(head, f"{head}\n{keys}")
        else:
            text += f"\n{head}\n{keys}"
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises((ScenarioError, SettingError), match=word):
        load(path)


def test_yields_have_the_moments_they_state() -> None:
    scenario = nsfnet(run__slots="20000", yields__noise_counts="50")
    ppm = np.concatenate([c.yield_ppm for c in open_case(scenario).realisation(0).chunks()])
    assert abs(ppm.mean() / 1e6 - 1) < 1e-3
    assert abs(ppm.std() / 1e6 - math.sqrt(1 / 50)) < 1e-3
    drifting = nsfnet(run__slots="20000", yields__drift="0.2", yields__drift_slots="5")
    ppm = np.concatenate([c.yield_ppm for c in open_case(drifting).realisation(0).chunks()]) / 1e6
    assert abs(ppm.mean() - 1) < 0.01
    assert abs(ppm.std() - 0.2) < 0.01
    pairs = np.corrcoef(ppm[:-1].ravel(), ppm[1:].ravel())[0, 1]
    assert abs(pairs - 0.8) < 0.01


@pytest.mark.parametrize("mean", [1, 7, 1000])
def test_poisson_counts_have_mean_and_variance(mean: int) -> None:
    table = PoissonTable(mean)
    values = table.first + np.arange(table.probabilities.size)
    assert (values * table.probabilities).sum() == pytest.approx(mean, rel=1e-12)
    spread = ((values - mean) ** 2 * table.probabilities).sum()
    assert spread == pytest.approx(mean, rel=1e-9)


def test_times_up_and_down_are_exponential() -> None:
    drawn = seeds.exponential(seeds.stream(1, "test"), 200_000)
    assert abs(drawn.mean() - 1) < 0.01
    assert abs(drawn.std() - 1) < 0.01
    words = 1 - seeds.uniform(seeds.stream(1, "test"), 200_000)
    np.testing.assert_allclose(drawn, -np.log(words), rtol=1e-13, atol=1e-16)


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
    path = int(paths.choice[0, 1])
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


def test_cheapest_spacing_is_cheapest_fibre_by_fibre() -> None:
    scenario = nsfnet(network__key_rate='"inverse"', demand__levels="4")
    found = cheapest_spacing(scenario, [80, 120, 160, 240])
    assert all(a <= b + 1e-6 for a, b in zip(found.after, found.before, strict=True))
    # the plan of the found network is no dearer than that of any uniform spacing
    from qnetsim.plans.make import make_plan

    def cost(made) -> float:
        return make_plan(made, PolicyTable(name="sip")).objective(open_case(made).network)

    best = cost(found.scenario)
    for span in (80.0, 120.0, 160.0, 240.0):
        listed = tuple((a, b, span) for a, b, _ in found.scenario.network.fibre_spans)
        network = scenario.network.model_copy(update={"fibre_spans": listed})
        assert best <= cost(scenario.model_copy(update={"network": network})) + 1e-6


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


TOO_MUCH = {
    "allowed: at most 4.61e\\+09 s": {"run__slots": "10000", "run__slot_s": "1e6"},
    "bits in a slot, waiting requests included": {
        # fat channels: a level of few bits takes a whole one
        "network__key_rate": '"inverse"',
        "network__span_km": "1e6",
        "network__key_rate_bps": "5e8",
        "network__fibre_spans": '[["1", "2", 0.001]]',
        "demand__requests": "3000",
    },
    "to trusted relays in a slot": {
        "network__span_km": "0.001",
        "network__key_rate_bps": "1e12",
    },
}


@pytest.mark.parametrize(("word", "changes"), TOO_MUCH.items())
def test_what_cannot_be_counted_is_refused(word: str, changes: dict[str, str]) -> None:
    with pytest.raises(SettingError, match=word):
        open_case(nsfnet(**{"demand__requests": "100", **changes}))


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


def test_exposure_adds_up_beyond_64_bits() -> None:
    class Column:
        def blocks(self, path: str):
            yield np.full(1024, 2**62, dtype=np.int64)

    assert _exact_total(Column(), "x") == 1024 * 2**62  # type: ignore[arg-type]


def test_trace_and_world_name_causes_alike() -> None:
    assert schema.CAUSES == CAUSES
