"""The network, its fibres coloured by utilisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.figures.style import TEXT_COLOUR, styled
from qnetsim.arrays import FloatArray
from qnetsim.trace import open_trace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Most policies that get a map of their own.
MOST_MAPS = 6
#: Most nodes whose names are written.
MOST_NAMED_NODES = 60


def _positions(
    sources: list[str], targets: list[str], lengths: FloatArray
) -> dict[str, FloatArray]:
    """Place nodes so that distances follow the lengths of the fibres.

    Traces hold no coordinates.
    """
    import networkx

    graph: networkx.Graph[str] = networkx.Graph()
    for source, target, length in zip(sources, targets, lengths.tolist(), strict=True):
        graph.add_edge(source, target, length=length)
    placed: dict[str, FloatArray] = {}
    for number, part in enumerate(networkx.connected_components(graph)):
        piece = networkx.kamada_kawai_layout(graph.subgraph(sorted(part)), weight="length")
        placed |= {node: place + np.array([2.5 * number, 0]) for node, place in piece.items()}
    return placed


@styled
def map_figure(comparison: Comparison) -> Figure:
    """One map for each policy; utilisation is bits consumed over bits produced, all worlds."""
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

    with open_trace(comparison.policies[0].runs[0].trace) as trace:
        sources, targets = (trace.column(f"fibres/{end}").tolist() for end in ("source", "target"))
        places = _positions(sources, targets, trace.column("fibres/length_km"))
    lines = [(places[a], places[b]) for a, b in zip(sources, targets, strict=True)]
    policies = comparison.policies[:MOST_MAPS]
    columns = min(len(policies), 3)
    rows = -(-len(policies) // columns)
    figure = Figure(figsize=(3.3 * columns + 0.6, 2.9 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    dots = np.array(list(places.values()))
    for axes in panels:
        axes.set_axis_off()
    for axes, policy in zip(panels, policies, strict=False):
        drawn = LineCollection(lines, cmap="viridis", norm="linear", linewidths=2.4)
        drawn.set_array(np.mean([run.utilisation for run in policy.runs], axis=0))
        drawn.set_clim(0, 1)
        axes.add_collection(drawn)
        axes.scatter(dots[:, 0], dots[:, 1], s=14, color=TEXT_COLOUR, zorder=3)
        if len(places) <= MOST_NAMED_NODES:
            for node, place in places.items():
                axes.annotate(
                    node,
                    place,
                    xytext=(3, 3),
                    textcoords="offset points",
                    fontsize=7,
                    parse_math=False,
                )
        axes.set_title(policy.name, fontsize=10, parse_math=False)
        axes.margins(0.08)
        axes.set_aspect("equal")
    figure.colorbar(drawn, ax=panels.tolist(), label="keys consumed / produced", shrink=0.7)
    return figure
