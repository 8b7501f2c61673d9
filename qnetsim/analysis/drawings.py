"""The figures of a report: their names, their captions, and how each is drawn in a style."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.divergence import Divergence
from qnetsim.analysis.figures.costs import comparison_figure
from qnetsim.analysis.figures.curves import curves_figure
from qnetsim.analysis.figures.divergence import divergence_figure
from qnetsim.analysis.figures.layout import network_layout
from qnetsim.analysis.figures.network_map import map_figure
from qnetsim.analysis.figures.pools import pools_figure
from qnetsim.analysis.figures.style import FORMATS, SCREEN, Style, save, svg
from qnetsim.analysis.figures.training import training_figure
from qnetsim.analysis.figures.transient import transient_figure
from qnetsim.analysis.figures.waiting import waiting_figure
from qnetsim.plain_text import counted
from qnetsim.trace import Trace
from qnetsim.trace.files.curve_file import CurveRecord
from qnetsim.trace.hdf5.files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawing:
    """A figure of the report: the name of its files, its caption, and how it is drawn."""

    name: str
    caption: str
    draw: Callable[[Style], Figure]

    @cached_property
    def svg(self) -> str:
        """The SVG file for the screen, rendered once for the folder and the page."""
        return svg(self.draw(SCREEN))

    def write(self, folder: Path, formats: Collection[str], style: Style = SCREEN) -> None:
        """Write its files in these formats, and remove those that an earlier report left."""
        figure = None
        for kind in FORMATS:
            path = folder / f"{self.name}.{kind}"
            if kind not in formats:
                path.unlink(missing_ok=True)
            elif kind == "svg" and style is SCREEN:
                write_whole(path, self.svg)
            else:
                figure = figure or self.draw(style)
                save(figure, path, style)


@dataclass(frozen=True)
class ReportSources:
    """What the figures of a report are drawn from.

    Attributes
    ----------
    comparison : Comparison
    title : str
    first : mapping from policy to Trace
        Its open trace of the first world.
    divergences : dict from policy to Divergence
        From the reference, in the first world.
    curves : mapping
        Learning curves, by name.
    """

    comparison: Comparison
    title: str
    first: Mapping[str, Trace]
    divergences: dict[str, Divergence]
    curves: Mapping[str, CurveRecord] = field(default_factory=dict)


def drawings(sources: ReportSources) -> dict[str, Drawing]:
    """The figures that these sources give, by name; none is drawn yet."""
    found = (*_costs_and_keys(sources), *_where_there_is_something(sources))
    return {drawing.name: drawing for drawing in found}


def _costs_and_keys(sources: ReportSources) -> Iterator[Drawing]:
    """What every comparison has."""
    comparison = sources.comparison
    reference = sources.first[comparison.reference]
    worlds = comparison.replications
    cut = comparison.warm_up.slots
    slots = _slots_counted(cut)
    means = f"mean over {slots} of {worlds} world{'' if worlds == 1 else 's'}"
    yield Drawing(
        "costs",
        f"Cost per slot by kind, {means}, and its ratio to the reference with the paired "
        "95 % interval over the worlds.",
        lambda style: comparison_figure(comparison, sources.title, style=style),
    )
    yield Drawing(
        "keys",
        _keys_caption(comparison),
        lambda style: pools_figure(comparison, sources.first, style=style),
    )
    yield Drawing(
        "network",
        "Utilisation of the fibres: key bits consumed over key bits produced, sums over "
        f"{slots} of all worlds; a dashed fibre made no keys. {_map_text(reference)}",
        lambda style: map_figure(comparison, reference, style=style),
    )


def _slots_counted(cut: int) -> str:
    return f"the slots after the first {cut:,}" if cut else "all slots"


def _where_there_is_something(sources: ReportSources) -> Iterator[Drawing]:
    """Figures of what not every comparison has."""
    comparison = sources.comparison
    worlds = comparison.replications
    cut = comparison.warm_up.slots
    slots = _slots_counted(cut)
    if comparison.transients:
        caption = f"How the runs settle: mean over {counted(worlds, 'world')} against time" + (
            f"; the shaded {counted(cut, 'slot')} are left out of all means." if cut else "."
        )
        yield Drawing("transient", caption, lambda style: transient_figure(comparison, style=style))
    if any(policy.keys.wait_percentiles_s["max"] > 0 for policy in comparison.policies):
        caption = (
            f"Waiting time until their first keys, of the requests served in {slots} of all worlds."
        )
        yield Drawing("waiting", caption, lambda style: waiting_figure(comparison, style=style))
    if sources.divergences:
        caption = (
            "Cumulative cost above the reference in the first world; a tick marks the first "
            "decision that differs."
        )
        parted = {name: divergence.slot for name, divergence in sources.divergences.items()}
        yield Drawing(
            "partings",
            caption,
            lambda style: divergence_figure(comparison, parted, sources.first, style=style),
        )
    if comparison.policies[0].runs[0].tasks:
        caption = (
            "Loss of the federated tasks: against simulated time, and against key bits (one line "
            "where the policies take the same). Faint lines are worlds, the others their mean."
        )
        yield Drawing("training", caption, lambda style: training_figure(comparison, style=style))
    if sources.curves:
        caption = (
            "Learning curves: cost over the optimum, actions drawn (thick) and mean actions "
            "(thin); interquartile mean over the seeds of a training, and its 95 % bootstrap "
            "interval where there are several."
        )
        yield Drawing("curves", caption, lambda style: curves_figure(sources.curves, style=style))


def _keys_caption(comparison: Comparison) -> str:
    pools = any(policy.keys.pool_bits for policy in comparison.policies)
    return (
        "Keys against time in the first world, mean over the fibres and over the slots of a step: "
        f"{'what pools keep after a slot, and ' if pools else ''}what is taken from reserved and "
        "from on-demand channels in a slot. Where policies are the same, one line has their "
        "colours in turn."
    )


def _map_text(trace: Trace) -> str:
    if network_layout(trace).geographic:
        return "Nodes stand by longitude and latitude."
    return "Distances follow the lengths of the fibres as far as a plane allows."
