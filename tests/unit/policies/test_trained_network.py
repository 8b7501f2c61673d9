"""Policies of agents' own go to the agents of their training, whatever the file is called."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import Case, open_case
from qnetsim.errors import UsageError
from qnetsim.network import Topology, read_topology
from qnetsim.network.ownership import agents_of
from qnetsim.policies.learned.model_files import MODELS
from qnetsim.policies.learned.spec import Spec
from qnetsim.policies.learned.trained_network import graph_of, parsed_graph
from qnetsim.policies.learned.training_facts import ModelWarning, facts_of
from qnetsim.policies.learned.weights import Weights, packed, read_weights
from qnetsim.policies.registry import make_policy
from tests.support.helpers import run, scenario

FIBRES = ["a,b,100", "b,c,210", "c,a,330", "c,d,150", "d,a,470"]
#: The same fibres, one of them from its other end: other agents own other fibres.
OTHER_ORDER = ["d,a,470", "a,c,330", "d,c,150", "a,b,100", "b,c,210"]
PAIRS = [["a", "b"], ["a", "c"], ["a", "d"], ["b", "c"], ["b", "d"], ["c", "d"]]
TEXT = """
[run]
slots = 30
seed = 4
[network]
topology = {topology}
[demand]
levels = 6
coupling = "independent"
pairs = {pairs}
"""
OBSERVE = ("actions", "demand", "pools", "context", "pairs", "neighbours")


def case_of(folder: Path, nodes: str, fibres: Sequence[str], name: str = "net.json") -> Case:
    folder.mkdir(exist_ok=True)
    path = folder / name
    columns = ("source", "target", "length_km")
    links = [dict(zip(columns, fibre.split(","), strict=True)) for fibre in fibres]
    graph = {
        "nodes": [{"id": node} for node in nodes],
        "links": [{**link, "length_km": float(link["length_km"])} for link in links],
    }
    path.write_text(json.dumps(graph))
    pairs = [pair for pair in PAIRS if set(pair) <= set(nodes)] or [["x", "y"]]
    return open_case(scenario(TEXT.format(topology=json.dumps(str(path)), pairs=pairs)))


def weights_in(case: Case, decide_by: str = "agent", *, graph: bool = True) -> Weights:
    """Policies that act differently, one of each unit."""
    topology = case.network.topology
    units = len(agents_of(topology).nodes) if decide_by == "agent" else len(topology.fibres)
    spec = Spec(2, OBSERVE, decide_by=decide_by, most_channels=5, pairs=3)
    rng = np.random.default_rng(7)
    shapes = [(spec.size, 8), (8, 4)]
    layers = tuple(
        (
            rng.normal(size=(units, *shape)).astype(np.float32),
            rng.normal(size=(units, 1, shape[1])).astype(np.float32),
        )
        for shape in shapes
    )
    card: dict[str, object] = {"policy": "decsac", "topology": "net.json"}
    card["training"] = facts_of(case.setting)
    if graph:
        card["graph"] = graph_of(topology)
    return Weights(layers, spec, card)


def written(path: Path, weights: Weights) -> str:
    path.write_bytes(packed(weights))
    return str(path)


@pytest.mark.parametrize("decide_by", ["agent", "fibre"])
def test_policies_follow_their_nodes_into_another_order(decide_by: str, tmp_path: Path) -> None:
    here = case_of(tmp_path / "here", "abcd", FIBRES)
    there = case_of(tmp_path / "there", "cadb", OTHER_ORDER, "other.json")
    assert here.network.topology.nodes != there.network.topology.nodes
    model = written(tmp_path / "w.safetensors", weights_in(here, decide_by))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one, other = (run(case, make_policy("decsac", {"model": model})) for case in (here, there))
    np.testing.assert_array_equal(one.levels, other.levels)
    topology = here.network.topology
    place = [topology.fibre_at(*fibre.split(",")[:2]) for fibre in OTHER_ORDER]
    for name in ("qkd_channels", "km_wavelengths", "on_demand_channels"):
        np.testing.assert_array_equal(one.columns[name][:, place], other.columns[name])
    np.testing.assert_allclose(one.cost, other.cost, rtol=1e-12)
    assert np.ptp(one.cost) > 0
    # the orders alone would give other agents other fibres
    nodes = there.network.topology.nodes
    own = agents_of(there.network.topology)
    trained = read_weights(Path(model)).agents_in(there.network.topology)
    assert trained is not None
    assert [nodes[n] for n in np.array(own.nodes)[own.owners]] != [
        nodes[n] for n in np.array(trained.agents.nodes)[trained.agents.owners]
    ]


@pytest.mark.parametrize(
    ("nodes", "fibres", "differs"),
    [
        (
            "xyzw",
            ["x,y,100", "y,z,210", "z,x,330", "z,w,150", "w,x,470"],
            "lacks the training's nodes a, b, c, d, and it has nodes x, y, z, w that the training",
        ),
        (
            "abcd",
            ["a,b,100", "b,c,210", "c,a,330", "c,d,150", "d,b,470"],
            "it lacks the training's fibre d–a, and it has fibre d–b that the training lacked",
        ),
        ("abc", FIBRES[:3], "it lacks the training's node d"),
    ],
)
def test_another_graph_of_the_same_name_is_refused(
    nodes: str, fibres: list[str], differs: str, tmp_path: Path
) -> None:
    model = written(
        tmp_path / "w.safetensors", weights_in(case_of(tmp_path / "here", "abcd", FIBRES))
    )
    other = case_of(tmp_path / "there", nodes, fibres)
    policy = make_policy("decsac", {"model": model})
    for ask in (
        lambda: policy.plan(other.setting),
        lambda: policy.owners(other.network),
    ):
        with pytest.raises(
            UsageError, match=r"the model has 4 policies, for net\.json; "
        ) as caught:
            ask()
        assert differs in str(caught.value)
        assert "Only a shared policy (FedSAC) fits another network" in str(caught.value)


def test_weights_that_tell_a_name_only_go_by_it_and_say_so(tmp_path: Path) -> None:
    here = case_of(tmp_path / "here", "abcd", FIBRES)
    model = written(tmp_path / "w.safetensors", weights_in(here, graph=False))
    with pytest.warns(ModelWarning) as caught:
        make_policy("decsac", {"model": model}).prepare(here.setting, None)
    (warning,) = caught
    assert "does not tell nodes and fibres of its network, only the name net.json" in str(
        warning.message
    )
    renamed = case_of(tmp_path / "here", "abcd", FIBRES, "renamed.json")
    with pytest.raises(UsageError, match=r"for net\.json; renamed\.json has 4 units\. Only"):
        make_policy("decsac", {"model": model}).prepare(renamed.setting, None)


def test_shipped_weights_know_the_bundled_network(tmp_path: Path) -> None:
    nsfnet = read_topology("nsfnet")
    order = np.random.default_rng(1).permutation(nsfnet.nodes).tolist()
    fibres = tuple(
        tuple(order.index(nsfnet.nodes[node]) for node in ends) for ends in nsfnet.fibres[::-1]
    )
    turned = Topology("mine", tuple(order), fibres, nsfnet.lengths_km[::-1])  # type: ignore[arg-type]
    weights = read_weights(MODELS / "decsac-nsfnet.safetensors")
    trained = weights.agents_in(turned)
    assert trained is not None
    usual = agents_of(nsfnet)
    assert trained.fibres.tolist() == list(range(21))[::-1]
    for fibre, owner in enumerate(trained.agents.owners):
        node = turned.nodes[trained.agents.nodes[owner]]
        there = usual.owners[trained.fibres[fibre]]
        assert node == nsfnet.nodes[usual.nodes[there]]
        assert trained.numbers[owner] == there
    with pytest.raises(UsageError, match="14 policies, for nsfnet; nsfnet has 14 units; it lacks"):
        weights.agents_in(replace(turned, name="nsfnet", nodes=(*order[:-1], "new")))


def test_parallel_fibres_are_told_apart_by_their_names() -> None:
    lengths, labels = (1.0, 2.0, 3.0), ("up", "down", "own name")
    ends = ((0, 1), (0, 1), (1, 2))
    one = Topology("one", ("a", "b", "c"), ends, lengths, fibre_labels=labels)
    assert graph_of(one)["fibres"] == [["a", "b", "up"], ["a", "b", "down"], ["b", "c"]]
    again = parsed_graph(graph_of(one))
    assert (again.nodes, again.fibres) == (one.nodes, one.fibres)
    turned = replace(one, fibre_labels=("down", "up", ""))
    spec = Spec(1, ("actions",), decide_by="fibre", most_channels=1)
    layers = tuple(
        (np.zeros((3, *shape), np.float32), np.zeros((3, 1, shape[1]), np.float32))
        for shape in ((2, 2), (2, 4))
    )
    weights = Weights(layers, spec, {"topology": "one", "graph": graph_of(one)})
    trained = weights.agents_in(turned)
    assert trained is not None
    assert trained.fibres.tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        ([], "its graph is no table"),
        ({"nodes": "ab", "fibres": []}, "nodes and fibres of its graph are no lists"),
        ({"nodes": ["a", "a"], "fibres": []}, "is there twice"),
        ({"nodes": ["a", 1], "fibres": []}, "is no text"),
        ({"nodes": ["a", "b"], "fibres": [["a", "a"]]}, r"\['a', 'a'\] is no fibre"),
        ({"nodes": ["a", "b"], "fibres": [["a", "c"]]}, "'c'"),
        ({"nodes": ["a", "b"], "fibres": [["a", "b"], ["b", "a"]]}, "2 fibres join 'a' and 'b'"),
        ({"nodes": ["a"]}, "'fibres'"),
    ],
)
def test_a_damaged_graph_is_told(graph: object, message: str, tmp_path: Path) -> None:
    weights = weights_in(case_of(tmp_path / "here", "abcd", FIBRES), graph=False)
    damaged = replace(weights, card={**weights.card, "graph": graph})
    path = tmp_path / "w.safetensors"
    with pytest.raises(UsageError, match=rf"w\.safetensors: is damaged: .*{message}"):
        read_weights(Path(written(path, damaged)))


def test_a_training_keeps_the_graph_of_policies_of_their_own(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from qnetsim.learning.checkpoint import weights_of
    from qnetsim.learning.train import Training

    text = TEXT + "[learning]\nepochs = 1\nslots_per_epoch = 2\nupdates_per_epoch = 1\nbatch = 2\n"
    path = case_of(tmp_path / "here", "abcd", FIBRES).scenario.network.topology
    case = open_case(scenario(text.format(topology=json.dumps(path), pairs=PAIRS)))
    for algorithm, kept in (("masac", graph_of(case.network.topology)), ("fedsac", None)):
        training = Training(case, algorithm, [0])
        training.run()
        assert weights_of(training).card.get("graph") == kept
