"""``qnetsim reproduce``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import click

from qnetsim.analysis.figures.style import STYLES
from qnetsim.cli.exit_status import EXIT_PARTIAL
from qnetsim.cli.figure_option import style_option
from qnetsim.cli.set_option import Changes, set_option
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, force_option, json_option, progress
from qnetsim.cli.show.reproduction import reproduction_json, show_reproduction
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.errors import MissingExtraError, UsageError
from qnetsim.extras import require
from qnetsim.studies.paper.compute import (
    COST_FIGURES,
    FIGURES,
    MODES,
    Reproduction,
    compute,
    refuse_changes,
)
from qnetsim.studies.paper.cost_figure import TOPOLOGIES
from qnetsim.studies.paper.curve_settings import SETTINGS
from qnetsim.studies.paper.paper_files import refuse_files, write_files
from qnetsim.trace.hdf5.files import make_folder, remove_empty

#: Settings of fig9 by their names on the command line, which are those of its files.
SLUGS = {setting.slug: name for name, setting in SETTINGS.items()}
#: Options that say something about some figures only.
COSTS = tuple(COST_FIGURES)
GO_WITH = {
    "--orders": ("fig4",),
    "--seeds": ("fig9",),
    "--epochs": ("fig9",),
    "--setting": ("fig9",),
    "--topology": (*COSTS, "fig9"),
    "--set": (*COSTS, "fig9"),
    "--trained": ("fig9",),
    "--workers": (*COSTS, "fig9"),
}


@dataclass(frozen=True)
class Asked:
    """Options that take the place of what the mode says; None where one is not given."""

    orders: int | None
    seeds: int | None
    epochs: int | None
    settings: tuple[str, ...]
    topology: tuple[str, ...]
    changes: Changes
    trained: bool
    workers: int | None

    def refuse_foreign(self, figure: str) -> None:
        """Refuse options that say nothing about a figure.

        Raises
        ------
        UsageError
        """
        given = {
            "--orders": self.orders,
            "--seeds": self.seeds,
            "--epochs": self.epochs,
            "--setting": self.settings or None,
            "--topology": self.topology or None,
            "--set": self.changes or None,
            "--trained": self.trained or None,
            "--workers": self.workers,
        }
        for option, value in given.items():
            allowed = GO_WITH[option]
            if value is None or figure in {*allowed, "all"}:
                continue
            raise UsageError(f"{option} goes with {', '.join(allowed)}, not with {figure}")
        refuse_changes(figures_of(figure), self.changes)


def figures_of(figure: str) -> tuple[str, ...]:
    """Figures that are computed: all of them, or the one that is named."""
    return FIGURES if figure == "all" else (figure,)


@click.command(cls=StrictCommand)
@click.argument("figure", type=click.Choice([*FIGURES, "all"]))
@click.option("--quick", is_flag=True, help="Fewer worlds, orders, trainings and epochs.")
@click.option(
    "--orders", type=click.IntRange(1, 1000), help="fig4: orders of the features.  [default: 10]"
)
@click.option(
    "--seeds",
    type=click.IntRange(1, 1000),
    help="fig9: trainings of each policy.  [default: 5]",
)
@click.option(
    "--topology",
    type=click.Choice(TOPOLOGIES),
    multiple=True,
    help="fig5 to fig9: on this one only.",
)
@click.option("--epochs", type=click.IntRange(1, 10**5), help="fig9: at most so many.")
@click.option(
    "--setting",
    type=click.Choice(list(SLUGS)),
    multiple=True,
    help="fig9: in this one only.  [default: all of them]",
)
@click.option(
    "--seed", type=click.IntRange(0), default=1, help="Of worlds, node pairs and fig4's orders."
)
@set_option
@click.option("--workers", type=click.IntRange(min=1), help="fig5 to fig9: processes.")
@click.option(
    "--trained", is_flag=True, help="fig9: show the trainings that are there; make no more."
)
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Folder for all files.")
@style_option
@force_option
@json_option
def reproduce(
    figure: str,
    quick: bool,
    orders: int | None,
    seeds: int | None,
    topology: tuple[str, ...],
    epochs: int | None,
    setting: tuple[str, ...],
    seed: int,
    changes: Changes,
    workers: int | None,
    trained: bool,
    out: Path | None,
    style: str,
    force: bool,
    as_json: bool,
) -> int:
    """Compute a FIGURE of the paper, or all of them, and show it beside what the paper claims.

    Traces and learning curves in the folder that are complete are verified and kept, so that the
    same command goes on after an interruption. --set changes keys of the scenarios of fig5 to fig9;
    fig4 has none. Values that the paper does not state are told on the page and in the CSV files.
    Exit status 4 where simulated and analytic costs do not agree, or a figure had to be left out.
    """
    settings = tuple(SLUGS[slug] for slug in dict.fromkeys(setting))
    asked = Asked(orders, seeds, epochs, settings, topology, changes, trained, workers)
    asked.refuse_foreign(figure)
    folder = out or Path("runs")
    figures = figures_of(figure)
    refuse_files(folder, figures, force)
    if trained and next((folder / "fig9").glob("*.h5"), None) is None:
        raise UsageError(
            f"{folder / 'fig9'}: holds no training to show; leave --trained out to train, or give "
            "--out with the folder of trainings"
        )
    left_out = _left_out(figure)
    made = make_folder(folder)
    request = _request(figures, folder, quick, seed, asked)
    if left_out:
        echo(f"warning: fig9 is left out: {left_out}", err=True)
        request = replace(request, figures=FIGURES[:-1])
    try:
        computed = compute(request, progress)
    finally:
        # values that are refused leave no folder behind
        remove_empty(made)
    written = write_files(folder, figures, computed, STYLES[style])
    if as_json:
        emit("reproduce", reproduction_json(figure, computed, written))
    else:
        show_reproduction(computed, written)
    rows = [row for found in computed.results.costs.values() for row in found]
    return EXIT_PARTIAL if left_out or not all(row.agrees for row in rows) else 0


def _left_out(figure: str) -> str:
    """Why Fig. 9 is left out of all figures; empty where it is not.

    Raises
    ------
    MissingExtraError
        It is the only one that was asked for: ahead of a folder that would stay empty.
    """
    if figure not in {"fig9", "all"}:
        return ""
    error = _no_training()
    if error and figure == "fig9":
        raise error
    return str(error or "")


def _no_training() -> MissingExtraError | None:
    """Why nothing can be trained here; None where it can."""
    try:
        require("training", "torch")
    except MissingExtraError as error:
        return error
    return None


def _request(
    figures: tuple[str, ...], folder: Path, quick: bool, seed: int, asked: Asked
) -> Reproduction:
    mode = MODES[quick]
    return Reproduction(
        figures=figures,
        folder=folder,
        budget=replace(mode.budget, seed=seed),
        topologies=asked.topology or TOPOLOGIES,
        orders=asked.orders or mode.orders,
        seeds=asked.seeds or mode.seeds,
        epochs=asked.epochs or mode.epochs,
        settings=asked.settings or mode.settings,
        common=dict(asked.changes),
        trained=asked.trained,
        anew=mode.anew and _no_training() is None,
        workers=asked.workers or 1,
    )
