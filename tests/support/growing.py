"""Scenarios that grow in slots, requests and fibres."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np

TEXT = """
[run]
slots = {slots}
[network]
topology = {topology!r}
[demand]
requests = {requests}
coupling = "independent"
[key_management]
store_bits = 5000
key_lifetime_slots = 3
"""


def network(folder: Path, nodes: int) -> str:
    """A ring with random chords, three fibres for two nodes."""
    rng = np.random.default_rng(nodes)
    graph = nx.cycle_graph(nodes)
    while graph.number_of_edges() < 3 * nodes // 2:
        a, b = rng.choice(nodes, 2, replace=False).tolist()
        graph.add_edge(a, b)
    rows = [f"n{a},n{b},{int(rng.integers(50, 900))}" for a, b in sorted(graph.edges)]
    path = folder / f"net{nodes}.csv"
    path.write_text("source,target,length_km\n" + "\n".join(rows) + "\n")
    return str(path)
