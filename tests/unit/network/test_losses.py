"""Losses and measured key rates of single fibres, in every model of the key rate."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import qnetsim
from qnetsim.case import open_case
from qnetsim.errors import (
    ScenarioError,
    SettingError,
    TopologyError,
    TraceFormatError,
    WorldMismatchError,
)
from qnetsim.fibre_loss import FibreLoss, stored_losses
from qnetsim.network import Network, read_topology
from qnetsim.network.keyrate import plob
from qnetsim.studies.key_budget import key_budget
from qnetsim.studies.rate_card import rate_card
from qnetsim.studies.spacing import cheapest_spacing
from qnetsim.trace.files.plan_checks import check_fibre_losses

PULSES = 1e9


def entropy(p: float) -> float:
    return -p * math.log2(p) - (1 - p) * math.log2(1 - p)


def mdi_rate(loss_db: float, mu: float) -> float:
    """Secret bits per pulse pair, term by term as the formula is written down."""
    eta_d, y0, e_d, f_e = 0.145, 6.02e-6, 0.015, 1.16
    eta = eta_d * 10 ** (-(loss_db / 2) / 10)
    a = b = eta * mu
    m = a + b
    y11 = (1 - y0) ** 2 * (
        eta * eta / 2 + (4 * eta - 3 * eta * eta) * y0 + 4 * (1 - eta) ** 2 * y0**2
    )
    e11 = (y11 / 2 - (0.5 - e_d) * (1 - y0) ** 2 * eta * eta / 2) / y11
    bessel = sum((math.sqrt(a * b) / 2) ** (2 * k) / math.factorial(k) ** 2 for k in range(20))
    q_c = 2 * (1 - y0) ** 2 * math.exp(-m / 2) * (1 - (1 - y0) * math.exp(-a / 2)) ** 2
    q_e = 2 * y0 * (1 - y0) ** 2 * math.exp(-m / 2) * (bessel - (1 - y0) * math.exp(-m / 2))
    gain = q_c + q_e
    error = (e_d * q_c + (1 - e_d) * q_e) / gain
    secret = mu * mu * math.exp(-2 * mu) * y11 * (1 - entropy(e11))
    return secret - gain * f_e * entropy(error)


@pytest.fixture
def lossy(tmp_path: Path) -> Path:
    """Three fibres: a plain one, one with connectors, one of another attenuation."""
    edges = [
        {"source": "a", "target": "b", "length_km": 80},
        {"source": "b", "target": "c", "length_km": 80, "extra_loss_db": 3},
        {"source": "c", "target": "d", "length_km": 45, "attenuation_db_km": 0.35},
    ]
    path = tmp_path / "net.json"
    path.write_text(json.dumps({"nodes": [{"id": x} for x in "abcd"], "edges": edges}))
    return path


def scenario(path: Path, network: dict[str, Any], **more: Any) -> qnetsim.Scenario:
    tables = {
        "network": {"topology": str(path), "span_km": 80, **network},
        "demand": {"pairs": "all"},
        "run": {"slots": 6, "replications": 1},
        **more,
    }
    return qnetsim.make_scenario(tables)


def network(path: Path, **keys: Any) -> Network:
    return open_case(scenario(path, keys)).network


def test_files_give_losses(lossy: Path) -> None:
    found = read_topology(str(lossy))
    assert found.losses == (FibreLoss(), FibreLoss(None, 3.0), FibreLoss(0.35, 0.0))


def test_mdi_qkd_goes_by_the_loss_of_the_segment(lossy: Path) -> None:
    keys = {"key_rate": "mdi_qkd", "mdi_qkd": {"mean_photons": 0.3}, "key_rate_at": "segment"}
    found = network(lossy, **keys)
    losses = [80 * 0.2, 80 * 0.2 + 3, 45 * 0.35]
    assert found.segment_loss_db.tolist() == pytest.approx(losses, rel=1e-12)
    rates = [PULSES * mdi_rate(loss, 0.3) for loss in losses]
    assert found.key_rate_bps.tolist() == pytest.approx(rates, rel=1e-9)
    assert found.channel_bits.tolist() == [int(rate) for rate in rates]
    # the unit of a level is that of a plain stretch of span_km
    assert found.level_bits == found.channel_bits[0]


def test_the_spacing_decides_unless_the_segment_is_asked_for(lossy: Path) -> None:
    at_spacing = network(lossy, key_rate="mdi_qkd")
    # 45 km have an attenuation of their own; the other 35 of the spacing are plain ones
    assert at_spacing.segment_loss_db.tolist() == pytest.approx([16, 19, 45 * 0.35 + 35 * 0.2])
    short = network(lossy, key_rate="mdi_qkd", key_rate_at="segment", span_km=30)
    # 3 segments of 26.67 km, one of them with all connectors; 2 of 22.5 km
    expected = [80 / 3 * 0.2, 80 / 3 * 0.2 + 3, 22.5 * 0.35]
    assert short.segment_loss_db.tolist() == pytest.approx(expected)
    assert short.segments.tolist() == [3, 3, 2]


def test_what_a_loss_means_to_the_other_models(lossy: Path) -> None:
    constant = network(lossy, key_rate_bps=1e6).key_rate_bps
    assert constant.tolist() == pytest.approx(
        [1e6, 1e6 * 10**-0.3, 1e6 * 10 ** (-(0.35 - 0.2) * 45 / 10)]
    )
    inverse = network(lossy, key_rate="inverse", key_rate_bps=1e6).key_rate_bps
    # 3 dB are 15 km, and 45 km with 0.15 dB/km more than the others are as good as 33.75 km more
    assert inverse.tolist() == pytest.approx([2e6, 1e6 * 160 / 95, 1e6 * 160 / 113.75])
    points = [[50, 1e5], [80, 5e4], [95, 3e4], [113.75, 1e4]]
    table = network(lossy, key_rate="table", rate_table=points, rate_table_pulse_rate_hz=1e9)
    assert table.key_rate_bps.tolist() == pytest.approx([5e4, 3e4, 1e4])


def test_a_rate_table_says_which_loss_it_does_not_cover(lossy: Path) -> None:
    keys = {"key_rate": "table", "rate_table": [[50, 1e5], [100, 1e4]]}
    with pytest.raises(ScenarioError, match=r"22\.75 dB are those of 113\.75 km at 0\.2 dB/km"):
        scenario(lossy, {**keys, "rate_table_pulse_rate_hz": 1e9})


def test_every_model_stays_below_the_bound_of_its_own_fibre(lossy: Path) -> None:
    # at 80 km the bound is 3.7e7 bit/s, at 140 km 2.3e6; it lies below the straight line
    points = [[60, 5e7], [80, 3.6e7], [140, 2.2e6]]
    keys = {"key_rate": "table", "rate_table": points, "rate_table_pulse_rate_hz": 1e9}
    for found in (network(lossy, **keys), network(lossy, key_rate="mdi_qkd")):
        bounds = [1e9 * plob(loss, 1.0) for loss in found.segment_loss_db.tolist()]
        assert (found.key_rate_bps <= bounds).all()
        assert (found.key_rate_bps > 0).all()


def test_a_loss_of_nothing_changes_nothing(lossy: Path) -> None:
    plain = network(lossy, key_rate="mdi_qkd").key_rate_bps
    fibre = [{"source": "a", "target": "b", "attenuation_db_km": 0.2, "extra_loss_db": 0.0}]
    assert (network(lossy, key_rate="mdi_qkd", fibre=fibre).key_rate_bps == plain).all()


def test_the_scenario_overrides_the_file_key_by_key(lossy: Path) -> None:
    fibre = [
        {"source": "c", "target": "b", "attenuation_db_km": 0.25},
        {"source": "c", "target": "d", "extra_loss_db": 1.5},
        {"source": "a", "target": "b", "key_rate_bps": 4321.5, "pulse_rate_hz": 1e9},
    ]
    found = network(lossy, key_rate="mdi_qkd", fibre=fibre)
    assert found.segment_loss_db.tolist() == pytest.approx([16, 23, 24.25])
    assert (found.key_rate_bps[0], found.channel_bits[0]) == (4321.5, 4321)


@pytest.mark.parametrize(
    ("fibre", "word"),
    [
        ({"target": "d", "extra_loss_db": 1}, "no fibre joins 'a' and 'd'"),
        ({"target": "x", "extra_loss_db": 1}, "unknown node 'x'"),
        ({"target": "b"}, "says nothing of the fibre"),
        ({"target": "b", "pulse_rate_hz": 1e9, "extra_loss_db": 1}, "goes with key_rate_bps"),
        ({"target": "b", "extra_loss_db": -1}, "0 .. 200 in dB"),
        ({"target": "b", "key_rate_bps": 1e8, "pulse_rate_hz": 1e9}, "above the PLOB bound"),
        ({"target": "b", "key_rate_bps": 0.25}, "a channel of fibre a–b has 0.25 bit/s"),
    ],
)
def test_bad_tables_of_fibres_are_refused(lossy: Path, fibre: dict[str, Any], word: str) -> None:
    with pytest.raises(ScenarioError, match="network") as error:
        scenario(lossy, {"fibre": [{"source": "a", **fibre}]})
    assert word in str(error.value)


def test_a_fibre_is_given_once(lossy: Path) -> None:
    fibre = [{"source": a, "target": b, "extra_loss_db": 1} for a, b in ("ab", "ba")]
    with pytest.raises(ScenarioError, match=r"network.fibre\[1\]: fibre a–b is given twice"):
        scenario(lossy, {"fibre": fibre})


@pytest.mark.parametrize("value", ["x", -1, 1e9, True, "1_0"])
def test_bad_losses_of_files_are_refused(tmp_path: Path, value: object) -> None:
    path = tmp_path / "net.json"
    edge = {"source": "a", "target": "b", "length_km": 1, "extra_loss_db": value}
    path.write_text(json.dumps({"nodes": [{"id": "a"}, {"id": "b"}], "edges": [edge]}))
    with pytest.raises(TopologyError, match="the extra loss is"):
        read_topology(str(path))


def test_rate_card_spacing_and_key_budget_go_by_the_loss(lossy: Path) -> None:
    keys = {"key_rate": "mdi_qkd", "key_rate_at": "segment"}
    task = {"dataset": "iris", "owner": "a", "head": "b", "workers": ["d"]}
    spec = scenario(lossy, keys, fel=[task])
    case = open_case(spec)
    card = rate_card(case.network, spec.network)
    assert [entry.loss_db for entry in card] == pytest.approx([16, 19, 15.75])
    assert [entry.mdi_qkd_bps for entry in card] == pytest.approx(case.network.key_rate_bps)
    assert card[1].plob_bps == pytest.approx(-1e9 * math.log2(1 - 10**-1.9))
    budget = key_budget(case, 0)
    assert (budget.bits_per_slot == case.network.channel_bits).all()
    # a shorter spacing leaves the connectors where they are
    found = cheapest_spacing(spec, [20, 40, 80])
    spaced = open_case(found.scenario).network
    assert spaced.segment_loss_db[1] == pytest.approx(80 / spaced.segments[1] * 0.2 + 3)


def test_a_measured_rate_keeps_its_spacing(lossy: Path) -> None:
    fibre = [{"source": "a", "target": "b", "key_rate_bps": 5000.0}]
    spec = scenario(lossy, {"key_rate": "mdi_qkd", "fibre": fibre})
    found = cheapest_spacing(spec, [10, 20, 160])
    assert found.spans_km[0] == 80
    assert set(found.spans_km[1:]) <= {10, 20, 160}
    assert open_case(found.scenario).network.key_rate_bps[0] == 5000


def test_plans_and_worlds_of_other_losses_are_told_apart(lossy: Path, tmp_path: Path) -> None:
    keys = {"key_rate": "mdi_qkd"}
    data = json.loads(lossy.read_text())
    for edge in data["edges"]:
        edge.pop("extra_loss_db", None)
        edge.pop("attenuation_db_km", None)
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "net.json"
    other.write_text(json.dumps(data))
    runs = []
    for place, policy in ((lossy, "sip"), (other, "evf")):
        spec = scenario(place, keys)
        runs.append(qnetsim.run(spec, policy, out=tmp_path / f"{policy}.h5"))
    digests = [open_case(scenario(p, keys)).network.topology.digest() for p in (lossy, other)]
    assert digests[0] != digests[1]
    with pytest.raises(WorldMismatchError, match="losses of the fibres"):
        qnetsim.compare([run.path for run in runs])
    plan = qnetsim.plan(scenario(lossy, keys), "sip")
    plan.save(tmp_path / "plan.h5")
    moved = qnetsim.load_plan(tmp_path / "plan.h5", scenario(other, keys))
    assert any("loss of b–c" in text for text in moved.differences)
    same = qnetsim.load_plan(tmp_path / "plan.h5", scenario(lossy, keys))
    assert not same.differences


def test_a_trace_is_run_again_without_its_topology_file(lossy: Path, tmp_path: Path) -> None:
    spec = scenario(lossy, {"key_rate": "mdi_qkd"})
    run = qnetsim.run(spec, "sip", out=tmp_path / "run.h5")
    with qnetsim.open_trace(run.path) as trace:
        assert trace.losses() == (FibreLoss(), FibreLoss(None, 3.0), FibreLoss(0.35))
    kept = lossy.read_text()
    lossy.unlink()
    found = qnetsim.verify_trace(run.path)
    passed = {finding.name: finding.passed for finding in found.findings}
    assert passed["re-run"]
    assert passed["world digest"]
    assert passed["network"] is None
    lossy.write_text(kept)
    found = qnetsim.verify_trace(run.path, topology=lossy)
    assert {f.name: f.passed for f in found.findings}["network"]
    lossy.write_text(kept.replace('"extra_loss_db": 3', '"extra_loss_db": 2'))
    found = qnetsim.verify_trace(run.path, topology=lossy)
    finding = next(f for f in found.findings if f.name == "network")
    assert finding.passed is False
    assert "extra_loss_db" in finding.text


def test_damaged_losses_of_a_provenance_are_named() -> None:
    assert stored_losses({}) == ()
    for value in ({}, [3], [{"loss": 1}], [{"extra_loss_db": -1}], [{"extra_loss_db": True}]):
        with pytest.raises(ValueError, match=r"loss|dB"):
            stored_losses({"fibre_losses": value})


def test_without_losses_nothing_is_stored(tmp_path: Path) -> None:
    spec = qnetsim.load("tiny", slots=3, replications=1)
    run = qnetsim.run(spec, "sip", out=tmp_path / "run.h5")
    with qnetsim.open_trace(run.path) as trace:
        assert "fibre_losses" not in trace.provenance
        assert not {"fibre", "key_rate_at"} & trace.provenance["scenario"]["network"].keys()


def test_too_little_key_names_the_loss(lossy: Path) -> None:
    fibre = [{"source": "a", "target": "b", "extra_loss_db": 90}]
    with pytest.raises((ScenarioError, SettingError), match="and a loss of 106 dB has"):
        scenario(lossy, {"key_rate": "mdi_qkd", "fibre": fibre})


def test_segment_losses_are_one_array_for_all_fibres(lossy: Path) -> None:
    found = network(lossy)
    assert found.segment_loss_db.shape == (3,)
    assert found.segment_loss_db.dtype == np.float64


@pytest.mark.parametrize(
    ("losses", "word"),
    [([{}], "has 1 losses, not 3"), ([{"extra_loss_db": "3"}] * 3, "fibre 0"), (7, "no list")],
)
def test_damaged_losses_of_a_trace_are_named(
    lossy: Path, tmp_path: Path, losses: object, word: str
) -> None:
    run = qnetsim.run(scenario(lossy, {"key_rate": "mdi_qkd"}), "sip", out=tmp_path / "run.h5")
    with h5py.File(run.path, "r+") as file:
        provenance = json.loads(file.attrs["provenance"])
        file.attrs["provenance"] = json.dumps(provenance | {"fibre_losses": losses})
    with qnetsim.open_trace(run.path) as trace, pytest.raises(TraceFormatError, match=word):
        trace.losses()


def test_damaged_losses_of_a_plan_file_are_named() -> None:
    provenance = {"fibre_losses": [{"extra_loss_db": 1}]}
    with pytest.raises(ValueError, match="losses, not 2"):
        check_fibre_losses(provenance, {"fibres/source": np.array(["a", "b"])})
    check_fibre_losses({}, {"fibres/source": np.array(["a", "b"])})


def test_a_name_says_which_of_two_fibres_is_meant(tmp_path: Path) -> None:
    ends = {"source": "a", "target": "b", "length_km": 50}
    edges = [{**ends, "name": "north"}, {**ends, "name": "south", "extra_loss_db": 2}]
    path = tmp_path / "net.json"
    path.write_text(json.dumps({"nodes": [{"id": "a"}, {"id": "b"}], "edges": edges}))
    fibre = {"source": "a", "target": "b", "extra_loss_db": 4}
    keys = {"key_rate": "mdi_qkd", "key_rate_at": "segment"}
    with pytest.raises(ScenarioError, match=r"network.fibre\[0\]: 2 fibres join 'a' and 'b'"):
        scenario(path, {**keys, "fibre": [fibre]})
    found = network(path, **keys, fibre=[{**fibre, "name": "north"}])
    assert found.segment_loss_db.tolist() == pytest.approx([14, 12])
