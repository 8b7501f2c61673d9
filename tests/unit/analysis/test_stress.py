"""Layouts of least stress: as good as those of networkx, and no two nodes in one place."""

from __future__ import annotations

import networkx
import numpy as np
import pytest

from qnetsim.analysis.figures.stress import least_stress, path_lengths
from qnetsim.network import read_topology


def stress(places: np.ndarray, wanted: np.ndarray) -> float:
    """Stress at the best scale."""
    others = wanted > 0
    ratio = np.linalg.norm(places[:, None] - places, axis=2)[others] / wanted[others]
    return float(((ratio * ratio.sum() / (ratio**2).sum() - 1) ** 2).sum())


def network(name: str) -> tuple[int, np.ndarray, np.ndarray]:
    topology = read_topology(name)
    return len(topology.nodes), np.array(topology.fibres), np.array(topology.lengths_km)


@pytest.mark.parametrize("name", ["nsfnet", "usnet"])
def test_the_stress_is_that_of_kamada_and_kawai(name: str) -> None:
    nodes, ends, lengths = network(name)
    wanted = path_lengths(nodes, ends, lengths)
    graph: networkx.Graph[int] = networkx.Graph()
    for (source, target), length in zip(ends.tolist(), lengths.tolist(), strict=True):
        graph.add_edge(source, target, length=length)
    for source, row in networkx.all_pairs_dijkstra_path_length(graph, weight="length"):
        assert wanted[source] == pytest.approx([row[target] for target in range(nodes)])
    theirs = networkx.kamada_kawai_layout(graph, weight="length")
    places = least_stress(wanted)
    assert stress(places, wanted) <= 1.001 * stress(
        np.array([theirs[node] for node in range(nodes)]), wanted
    )
    assert (places == least_stress(wanted)).all()
    assert np.abs(places).max() == pytest.approx(1)
    width, height = np.ptp(places, axis=0)
    assert width > height


@pytest.mark.parametrize("leaves", [1, 2, 3, 8])
def test_nodes_of_a_star_are_apart(leaves: int) -> None:
    ends = np.array([[0, leaf] for leaf in range(1, leaves + 1)])
    places = least_stress(path_lengths(leaves + 1, ends, np.full(leaves, 7.0)))
    apart = np.linalg.norm(places[:, None] - places, axis=2) + 9 * np.eye(leaves + 1)
    assert apart.min() > 0.3


def test_parts_that_no_fibre_joins_are_infinitely_far() -> None:
    found = path_lengths(4, np.array([[0, 1], [2, 3], [0, 1]]), np.array([5.0, 6.0, 4.0]))
    assert found[0, 1] == 4
    assert np.isinf(found[0, 2])


def test_a_node_alone_is_in_the_middle() -> None:
    assert least_stress(np.zeros((1, 1))).tolist() == [[0, 0]]
