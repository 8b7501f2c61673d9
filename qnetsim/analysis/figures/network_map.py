"""The network, its fibres coloured by utilisation, with what their wavelengths are worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.figures.style import TEXT_COLOUR, styled
from qnetsim.analysis.metrics import RunMetrics
from qnetsim.arrays import FloatArray
from qnetsim.errors import TraceFormatError
from qnetsim.trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Most policies that get a map of their own.
MOST_MAPS = 6
#: Price of a wavelength, relative to the plan's cost, below which it is rounding.
LEAST_PRICE = 1e-9
#: Colour around fibres whose wavelengths have a price.
HALO = "#e08a2c"
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


def wavelength_prices(run: RunMetrics) -> FloatArray | None:
    """Price of one more wavelength on each fibre, the dearer kind; None where no limit has one.

    Raises
    ------
    TraceFormatError
        The plan in the trace does not have a price for each fibre.
    """
    claimed = (run.plan or {}).get("wavelength_prices")
    if claimed is None:
        return None
    try:
        kinds = [np.asarray(claimed[kind], dtype=np.float64) for kind in ("qkd", "km")]
        whole = all(
            prices.shape == run.utilisation.shape and np.isfinite(prices).all() for prices in kinds
        )
    except (KeyError, TypeError, ValueError):
        whole = False
    if not whole:
        raise TraceFormatError(
            f"{run.trace}: provenance.plan.wavelength_prices is damaged: it must have a price for "
            "each fibre"
        )
    prices = np.maximum(*kinds)
    least = LEAST_PRICE * abs(float((run.plan or {})["objective"]))
    prices = np.where(prices > least, prices, 0.0)
    return prices if prices.any() else None


def _draw_prices(
    axes: Axes, lines: Sequence[tuple[FloatArray, FloatArray]], run: RunMetrics
) -> None:
    """Put a halo around fibres whose limit has a price, the wider the dearer, and name the top."""
    from matplotlib.collections import LineCollection

    prices = wavelength_prices(run)
    if prices is None:
        return
    top = float(prices.max())
    widths = np.where(prices > 0, 5.0 + 7.0 * prices / top, 0.0)
    axes.add_collection(
        LineCollection(lines, colors=HALO, linewidths=widths.tolist(), alpha=0.55, zorder=1)
    )
    axes.text(
        0.5,
        -0.02,
        f"halo: price of a wavelength, at most {top:,.4g} per slot",
        transform=axes.transAxes,
        ha="center",
        va="top",
        fontsize=7,
    )


@styled
def map_figure(comparison: Comparison, trace: Trace) -> Figure:
    """One map for each policy; utilisation is bits consumed over bits produced, all worlds.

    Where the policy's plan has prices of wavelengths, fibres with a price have a halo.

    Parameters
    ----------
    comparison : Comparison
    trace : Trace
        Any of them, open: all are of one network.
    """
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

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
        _draw_prices(axes, lines, policy.runs[0])
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
