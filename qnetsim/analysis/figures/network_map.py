"""The network, its fibres coloured by utilisation, with what their wavelengths are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from qnetsim.analysis.compare import Comparison, PolicyResult
from qnetsim.analysis.figures.layout import Layout, network_layout
from qnetsim.analysis.figures.node_labels import AIR, Box, place_labels
from qnetsim.analysis.figures.room import lay_out
from qnetsim.analysis.figures.style import (
    SCREEN,
    TEXT_COLOUR,
    UTILISATION_COLOURS,
    Style,
    styled,
    text_size,
)
from qnetsim.analysis.metrics import RunMetrics
from qnetsim.arrays import FloatArray
from qnetsim.errors import TraceFormatError
from qnetsim.plain_text import visible
from qnetsim.trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

#: Price of a wavelength, relative to the plan's cost, below which it is rounding.
LEAST_PRICE = 1e-9
#: Colour around fibres whose wavelengths have a price.
HALO = "#e08a2c"
#: Colour of fibres that made no keys.
UNUSED = "#8c8c8c"
UNUSED_DASH: Any = (0, (3.0, 2.0))
#: Height over width that a map may have at least, and at most without and with coordinates.
LEAST_RATIO = 0.4
MOST_RATIO = {False: 0.9, True: 1.3}
#: Nodes from which on nodes and fibres are drawn finer.
MANY_NODES = 30
#: Characters of a label; the rest is left out.
LONGEST_LABEL = 18
#: Size of a node on the screen, in pt².
NODE_SIZE = 14


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


def _draw_prices(axes: Axes, lines: FloatArray, run: RunMetrics, style: Style) -> None:
    """Put a halo around fibres whose limit has a price, the wider the dearer, and name the top."""
    from matplotlib.collections import LineCollection

    prices = wavelength_prices(run)
    if prices is None:
        return
    top = float(prices.max())
    widths = np.where(prices > 0, 5.0 + 7.0 * prices / top, 0.0) * style.line
    axes.add_collection(
        LineCollection(
            _segments(lines), colors=HALO, linewidths=widths.tolist(), alpha=0.55, zorder=1
        )
    )
    axes.text(
        0.5,
        -0.02,
        f"halo: price of a wavelength, at most {top:,.4g} per slot",
        transform=axes.transAxes,
        ha="center",
        va="top",
        fontsize=0.85 * style.small_pt,
    )


@styled
def map_figure(comparison: Comparison, trace: Trace, *, style: Style = SCREEN) -> Figure:
    """One map for each policy; utilisation is bits consumed over bits produced, all worlds.

    Fibres that made no keys are dashed. Where the policy's plan has prices of wavelengths, fibres
    with a price have a halo.

    Parameters
    ----------
    comparison : Comparison
    trace : Trace
        Any of them, open: all are of one network.
    style : Style
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    layout = network_layout(trace)
    policies = comparison.policies
    most = (2 if len(policies) < 5 else 3) if style.narrow else 4 if style.placed else 3
    columns = min(len(policies), most)
    rows = -(-len(policies) // columns)
    width = style.width_in or 3.3 * columns + 0.6
    # for the screen: a canvas makes it smaller together with its text
    ratio = min(max(layout.ratio, LEAST_RATIO), MOST_RATIO[layout.geographic])
    panel = width / columns * ratio * SCREEN.font_pt / style.font_pt
    figure = style.canvas(width, (panel + 0.35) * rows + 0.4 + (0.5 if style.narrow else 0))
    grid = figure.add_gridspec(rows, columns)
    panels = [figure.add_subplot(grid[divmod(i, columns)]) for i in range(len(policies))]
    for axes in panels:
        axes.set_axis_off()
    scale = LinearSegmentedColormap.from_list("utilisation", UTILISATION_COLOURS)
    colours = ScalarMappable(Normalize(0, 1), scale)
    unused = [
        _draw_fibres(axes, layout, policy, colours, style)
        for axes, policy in zip(panels, policies, strict=True)
    ]
    place = {"location": "bottom", "aspect": 30} if style.narrow else {"shrink": 0.7}
    # it stands beside all panels; the layout measures it once for each that it is told of
    corners = dict.fromkeys((panels[0], panels[columns - 1], panels[-1]))
    figure.colorbar(colours, ax=list(corners), label="keys consumed / produced", **place)
    for axes in panels:
        # and which side of its place a panel takes
        axes.set_anchor(panels[0].get_anchor())
    if any(unused):
        _explain_unused(figure, style)
    lay_out(figure)
    labels = _placed_labels(panels[0], layout, style)
    for axes in panels:
        _draw_labels(axes, layout, labels, style)
    return figure


def _draw_fibres(
    axes: Axes, layout: Layout, policy: PolicyResult, colours: ScalarMappable, style: Style
) -> bool:
    """Draw nodes and fibres of a policy; returns whether some made no keys."""
    from matplotlib.collections import LineCollection

    produced = np.sum([run.produced_bits for run in policy.runs], axis=0)
    consumed = np.sum([run.consumed_bits for run in policy.runs], axis=0)
    made = produced > 0
    line = style.line * _fineness(layout)
    drawn = LineCollection(
        _segments(layout.lines[made]),
        cmap=colours.get_cmap(),
        norm=colours.norm,
        linewidths=2.4 * line,
    )
    drawn.set_array(consumed[made] / produced[made])
    axes.add_collection(drawn)
    if not made.all():
        axes.add_collection(
            LineCollection(
                _segments(layout.lines[~made]),
                colors=UNUSED,
                linestyles=UNUSED_DASH,
                linewidths=line,
            )
        )
    _draw_prices(axes, layout.lines, policy.runs[0], style)
    size = NODE_SIZE * line**2
    axes.scatter(layout.places[:, 0], layout.places[:, 1], s=size, color=TEXT_COLOUR, zorder=3)
    # a place of its own, or matplotlib measures ticks that are not there
    axes.set_title(visible(policy.name), y=1.0, fontsize=style.font_pt, parse_math=False)
    axes.margins(0.08)
    axes.set_aspect("equal")
    return not made.all()


def _fineness(layout: Layout) -> float:
    """Factor on nodes and fibres that leaves room between them."""
    return min(1.0, float(np.sqrt(MANY_NODES / len(layout.nodes))))


def _segments(lines: FloatArray) -> list[FloatArray]:
    return list(lines)


def _explain_unused(figure: Figure, style: Style) -> None:
    from matplotlib.lines import Line2D

    line = Line2D([], [], color=UNUSED, ls=UNUSED_DASH, lw=style.line, label="made no keys")
    figure.legend(handles=[line], loc="outside lower left", handlelength=2.8)


class _Label(NamedTuple):
    """Name of a node, and the place of its lower left corner from the node, in pt."""

    text: str
    offset_pt: tuple[float, float]


def _placed_labels(axes: Axes, layout: Layout, style: Style) -> dict[int, _Label]:
    """Names of the nodes that have room for them in a panel; all panels are of one size.

    The figure must be laid out.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    axes.apply_aspect()
    pt = 72 / figure.dpi
    dots = axes.transData.transform(layout.places) * pt
    lines = axes.transData.transform(layout.lines.reshape(-1, 2)).reshape(-1, 2, 2) * pt
    labels = [_short(visible(label)) for label in layout.labels]
    size_pt = _label_pt(style)
    degrees = np.bincount(layout.fibres.ravel(), minlength=len(dots))
    boxes = place_labels(
        dots,
        [text_size(label, size_pt) for label in labels],
        np.argsort(-degrees, kind="stable").tolist(),
        lines,
        Box(*(pt * float(edge) for edge in axes.get_window_extent().extents)),
        np.sqrt(NODE_SIZE) / 2 * style.line * _fineness(layout),
    )
    return {
        node: _Label(labels[node], (box.left + AIR - dots[node, 0], box.low + AIR - dots[node, 1]))
        for node, box in boxes.items()
    }


def _label_pt(style: Style) -> float:
    return 0.85 * style.small_pt


def _draw_labels(axes: Axes, layout: Layout, labels: dict[int, _Label], style: Style) -> None:
    """Write names of nodes into a panel."""
    # names that cross fibres stay readable in print; the ground of a page is not known
    ground = {"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.2}
    for node, label in labels.items():
        axes.annotate(
            label.text,
            layout.places[node],
            xytext=label.offset_pt,
            textcoords="offset points",
            va="bottom",
            fontsize=_label_pt(style),
            parse_math=False,
            zorder=4,
            # its node is in the panel
            annotation_clip=False,
            bbox=ground if style.placed else None,
        )


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"
