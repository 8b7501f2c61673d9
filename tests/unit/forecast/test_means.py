"""Means of requests by a gravity model, and by a table of node pairs."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from qnetsim.case import load, open_case
from qnetsim.errors import ScenarioError
from qnetsim.forecast.levels import poisson_levels
from qnetsim.forecast.means import gravity_requests
from qnetsim.network import read_topology
from qnetsim.scenario import GravityTable

NET = "source,target,length_km\na,b,100\nb,c,200\nb,d,50\n"


def scenario(folder: Path, demand: str) -> Path:
    (folder / "net.csv").write_text(NET)
    path = folder / "s.toml"
    path.write_text(f'[network]\ntopology = "net.csv"\n[demand]\nlevels = 30\n{demand}\n')
    return path


def test_means_of_a_gravity_model_go_by_the_weights(tmp_path: Path) -> None:
    (tmp_path / "net.csv").write_text(NET)
    topology = read_topology(str(tmp_path / "net.csv"))
    table = GravityTable(
        weights=(("a", 1.0), ("b", 2.0), ("c", 3.0), ("d", 0.0)), total_rate_bps=11_000.0
    )
    found = gravity_requests(table, topology)
    # w_a·w_b + w_a·w_c + w_b·w_c = 2 + 3 + 6
    means = {(r.source, r.target): r.mean_rate_bps for r in found}
    assert means == {("a", "b"): 2000, ("a", "c"): 3000, ("b", "c"): 6000}


def test_weights_alone_are_the_rates_of_the_nodes(tmp_path: Path) -> None:
    (tmp_path / "net.csv").write_text(NET)
    topology = read_topology(str(tmp_path / "net.csv"))
    table = GravityTable(weights=(("a", 6e3), ("b", 6e3), ("c", 6e3), ("d", 6e3)))
    found = gravity_requests(table, topology)
    assert [r.mean_rate_bps for r in found] == [2000] * 6
    # each node ends in three pairs
    assert sum(r.mean_rate_bps or 0 for r in found if "a" in (r.source, r.target)) == 6000


def test_degrees_are_weights_and_make_distributions(tmp_path: Path) -> None:
    path = scenario(tmp_path, 'gravity = {weights = "degree", total_rate_bps = 12000}')
    case = open_case(load(path))
    forecast = case.forecast
    assert forecast.requests == 6
    # degrees 1, 3, 1, 1: three pairs of b weigh 3 and three others 1, of 12 in all
    by_pair = dict(zip(forecast.pairs, forecast.kinds, strict=True))
    nodes = case.network.topology.nodes
    for (i, j), kind in by_pair.items():
        mean = 3 if "b" in (nodes[i], nodes[j]) else 1
        assert forecast.distributions[kind] == poisson_levels(30, Fraction(mean))
        assert forecast.distributions[kind].mean == pytest.approx(mean, rel=1e-6)


def test_weights_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "w.csv").write_text("# people\nnode;weight\na;10\nb;20\nc;0\nd;0\n")
    path = scenario(tmp_path, 'gravity = {weights = "w.csv", total_rate_bps = 1000}')
    spec = load(path)
    assert spec.demand.gravity is not None
    assert spec.demand.gravity.weights == (("a", 10.0), ("b", 20.0), ("c", 0.0), ("d", 0.0))
    assert open_case(spec).forecast.requests == 1


@pytest.mark.parametrize(
    ("gravity", "said"),
    [
        ('{weights = "degree"}', "'degree' says no rates; give total_rate_bps"),
        ('{weights = [["a", 1]], total_rate_bps = 1}', "has no weight of b, c, d; give one, or 0"),
        (
            '{weights = [["x", 1.0], ["a", 1.0]], total_rate_bps = 1.0}',
            "unknown node 'x'; allowed: a, b, c, d",
        ),
        (
            '{weights = [["a", 1.0], ["a", 1.0], ["b", -1.0]], total_rate_bps = 1.0}',
            "'b' has the weight -1",
        ),
        (
            '{weights = [["a", 1.0], ["b", 0.0], ["c", 0.0], ["d", 0.0]], total_rate_bps = 1.0}',
            "fewer than two nodes",
        ),
        ('{weights = "gone.csv", total_rate_bps = 1}', "no such table of weights"),
        ('{weights = "bad.csv", total_rate_bps = 1}', "bad.csv:3: weight 'x' is not a number"),
        (
            '{weights = "degree", total_rate_bps = 1e6}',
            "a–b: 250000 bit/s are 250 levels of 1000 bit/s",
        ),
    ],
)
def test_bad_gravity_is_named(gravity: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("node,weight\na,1\nb,x\n")
    with pytest.raises(ScenarioError) as error:
        load(scenario(tmp_path, f"gravity = {gravity}"))
    assert said in str(error.value)
    assert "demand.gravity" in str(error.value)


def test_a_table_of_means_gives_each_pair_its_own(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(
        "target,source,mean_rate_bps,count\nb,a,2500,1\nd,c,500,2\n", "utf-8"
    )
    case = open_case(load(scenario(tmp_path, 'means = "m.csv"')))
    forecast = case.forecast
    nodes = case.network.topology.nodes
    assert [(nodes[i], nodes[j]) for i, j in forecast.pairs] == [("a", "b"), ("c", "d"), ("c", "d")]
    assert [forecast.distributions[k].mean for k in forecast.kinds] == pytest.approx(
        [2.5, 0.5, 0.5]
    )


def test_means_may_stand_in_the_scenario(tmp_path: Path) -> None:
    listed = '[{source = "a", target = "c", mean = 4.0}, {source = "a", target = "b", mean = 1.0}]'
    forecast = open_case(load(scenario(tmp_path, f"means = {listed}"))).forecast
    assert [forecast.distributions[k].mean for k in forecast.kinds] == pytest.approx([4, 1])


def test_grouped_means_share_the_levels_of_their_group(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("source,target,mean,group\na,b,2,x\na,c,2,y\nb,c,2,x\n")
    forecast = open_case(load(scenario(tmp_path, 'means = "m.csv"\ncoupling = "grouped"'))).forecast
    assert forecast.bundles == (0, 1, 0)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("source,target,mean\na,b,x\n", "m.csv:2: mean 'x' is not a number"),
        (
            "source,target,mean\na,b,1\na,c,-1\n",
            "m.csv:3: mean -1.0 is not allowed; allowed: a",
        ),
        ("source,target\na,b\n", "m.csv:1: has no column of means; give one of mean (in levels)"),
        ("source,target,mean,mean_rate_bps\na,b,1,1\n", "m.csv:1: has mean and mean_rate_bps"),
        ("source,target,mean,km\na,b,1,1\n", "m.csv:1: 'km' is not used"),
        ("source,target,mean\na,z,1\n", "demand.means[0]: unknown node 'z'"),
        ("source,target,mean\na,b,\n", "demand.means[0]: give one of mean and mean_rate_bps"),
        ("source,target,mean\n", "m.csv: has no row; give a pair and its mean"),
        ("source,target,mean,group\na,b,1,x\n", "has the group 'x', and demand.coupling is"),
        ("source,target,mean_rate_bps\na,b,1e9\n", "a–b: 1e+09 bit/s are 1e+06 levels"),
    ],
)
def test_bad_means_are_named(rows: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(rows)
    with pytest.raises(ScenarioError) as error:
        load(scenario(tmp_path, 'means = "m.csv"'))
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("demand", "said"),
    [
        ('means = "m.csv"\nrequests = 3', "requests and means are both given"),
        ('means = "m.csv"\nmean = 3', "demand.mean: is used by no request: demand.means"),
        (
            'gravity = {weights = "degree", total_rate_bps = 1}\npairs = "all"',
            "pairs and gravity are both given",
        ),
        (
            'means = "m.csv"\n[[request]]\nsource = "a"\ntarget = "b"',
            "demand.means: is given beside [[request]] tables",
        ),
    ],
)
def test_one_source_of_requests_is_enough(demand: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("source,target,mean\na,b,1\n")
    with pytest.raises(ScenarioError) as error:
        load(scenario(tmp_path, demand))
    assert said in str(error.value)


def test_a_mean_must_fit_the_levels_as_a_mean_rate_must(tmp_path: Path) -> None:
    listed = '[{source = "a", target = "c", mean = 400.0}]'
    with pytest.raises(
        ScenarioError, match=r"400 levels .* raise demand\.levels to (\d+)"
    ) as caught:
        load(scenario(tmp_path, f"means = {listed}"))
    levels = str(caught.value).rpartition("raise demand.levels to ")[2].split()[0]
    path = scenario(tmp_path, f"means = {listed}")
    path.write_text(path.read_text().replace("levels = 30", f"levels = {levels}"))
    (kept,) = open_case(load(path)).forecast.distributions
    assert kept.mean >= 0.99 * 400
