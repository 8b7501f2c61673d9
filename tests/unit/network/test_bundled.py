"""Networks that come with qnetsim: the sources that they were taken from."""

from __future__ import annotations

import csv
from collections import Counter
from importlib import resources

import pytest

import qnetsim
from qnetsim.case import open_case
from qnetsim.network import BUNDLED, build_network, read_topology
from qnetsim.network.keyrate import MdiLink
from qnetsim.scenario import CostTable, MdiQkdTable, NetworkTable

DEPLOYED = ("cambridge-2019", "madqci-2024", "secoqc-2008", "tokyo-2010")


def published() -> list[dict[str, str]]:
    text = (resources.files("qnetsim") / "data" / "deployed_links.csv").read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


def test_the_nsfnet_of_22_links_is_named_apart() -> None:
    chen, ramaswami = read_topology("nsfnet-22"), read_topology("nsfnet")
    assert (len(chen.nodes), len(chen.fibres)) == (14, 22)
    assert (min(chen.lengths_km), max(chen.lengths_km), sum(chen.lengths_km)) == (150, 2400, 21300)
    assert chen.nodes == ramaswami.nodes
    assert chen.digest() != ramaswami.digest()
    degrees = Counter(node for ends in chen.fibres for node in ends)
    assert sorted(degrees.values()) == [*[3] * 12, 4, 4]
    assert "10.1109/JLT.2019.2923615" in BUNDLED["nsfnet-22"]


@pytest.mark.parametrize("name", DEPLOYED)
def test_deployed_networks_are_what_was_published(name: str) -> None:
    topology = read_topology(name)
    links = [link for link in published() if link["network"] == name]
    assert len(links) == len(topology.fibres)
    for link in links:
        fibre = topology.fibre_at(link["source"], link["target"])
        assert topology.lengths_km[fibre] == float(link["length_km"])
        loss = topology.losses[fibre]
        assert loss.extra_loss_db == 0
        if link["loss_db"]:
            assert loss.attenuation_db_km is not None
            total = loss.attenuation_db_km * topology.lengths_km[fibre]
            assert total == pytest.approx(float(link["loss_db"]), rel=1e-12)
        else:
            assert loss.attenuation_db_km is None
        assert link["citation"]
        assert link["seen"] in {"V", "W", "A"}
    # authors and year of the paper stand beside the name
    assert links[0]["citation"].partition(" et al.")[0] in BUNDLED[name]


@pytest.mark.parametrize("name", DEPLOYED)
def test_a_deployed_network_has_key_rates_at_its_measured_losses(name: str) -> None:
    table = NetworkTable(topology=name, key_rate="mdi_qkd", key_rate_at="segment", span_km=100)
    network = build_network(table, CostTable(), 1.0)
    link = MdiLink.of(MdiQkdTable())
    for fibre, published_link in enumerate(link for link in published() if link["network"] == name):
        loss = published_link["loss_db"] or 0.2 * float(published_link["length_km"])
        rate = 1e9 * link.at_loss(float(loss))
        assert network.key_rate_bps[fibre] == pytest.approx(rate, rel=1e-9)


def test_the_cambridge_scenario_has_the_measured_rates() -> None:
    network = open_case(qnetsim.load("cambridge")).network
    rates = {
        network.topology.fibre_at(link["source"], link["target"]): float(link["rate_bps"])
        for link in published()
        if link["network"] == "cambridge-2019"
    }
    assert dict(enumerate(network.key_rate_bps.tolist())) == rates
    assert network.segments.tolist() == [1, 1, 1]


def test_the_madrid_scenario_has_one_segment_a_span() -> None:
    network = open_case(qnetsim.load("madqci")).network
    assert network.segments.tolist() == [1] * 9
    assert network.segment_loss_db.max() == pytest.approx(14.3)
    assert len(set(network.key_rate_bps.tolist())) == 9
