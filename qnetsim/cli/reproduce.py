"""``qnetsim reproduce``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from qnetsim.analysis.figures.style import STYLES, Style, save
from qnetsim.analysis.learning_curves import interquartile_mean
from qnetsim.cli.figure_option import style_option
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, force_option, json_option, progress, table
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.extras import require
from qnetsim.plain_text import counted
from qnetsim.studies.paper import fig4, fig9
from qnetsim.trace import make_folder, refuse_existing


@click.command(cls=StrictCommand)
@click.argument("figure", type=click.Choice(["fig4", "fig9"]))
@click.option(
    "--orders", type=click.IntRange(1, 1000), default=10, help="fig4: orders of the features."
)
@click.option(
    "--seeds", type=click.IntRange(1, 1000), default=5, help="fig9: trainings of each policy."
)
@click.option(
    "--topology",
    type=click.Choice(list(fig9.CLAIMS)),
    multiple=True,
    help="fig9: on this one only.",
)
@click.option("--epochs", type=click.IntRange(1, 10**5), help="fig9: at most so many.")
@click.option("--seed", type=click.IntRange(0), default=1, help="fig4: seed of the orders.")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Folder for the picture.")
@style_option
@force_option
@json_option
def reproduce(
    figure: str,
    orders: int,
    seeds: int,
    topology: tuple[str, ...],
    epochs: int | None,
    seed: int,
    out: Path | None,
    style: str,
    force: bool,
    as_json: bool,
) -> None:
    """Compute a FIGURE of the paper and show it beside what the paper claims.

    fig9 keeps the curve of every training in the folder, and takes those that are there already.
    """
    folder = out or Path("runs")
    picture = folder / f"{figure}.png"
    refuse_existing(picture, force)
    if figure == "fig9":
        require("training", "torch")  # ahead of a folder that would stay empty
    make_folder(folder)
    if figure == "fig4":
        _fig4(picture, orders, seed, STYLES[style], as_json=as_json)
    else:
        topologies = topology or tuple(fig9.CLAIMS)
        _fig9(picture, seeds, epochs, topologies, STYLES[style], as_json=as_json)


def _fig4(picture: Path, orders: int, seed: int, style: Style, *, as_json: bool) -> None:
    with progress("fig4", fig4.total_trainings(orders)) as advance:
        points = fig4.compute(seed, orders, progress=advance)
    save(fig4.figure(points, style=style), picture, style)
    if as_json:
        found = [
            {
                **vars(point),
                "mean": point.mean,
                "spread": point.spread,
                "claim": fig4.CLAIMS[point.dataset],
            }
            for point in points
        ]
        emit("reproduce", {"figure": "fig4", "points": found, "picture": picture})
        return
    title = f"Fig. 4: loss after {fig4.ROUNDS} rounds, {counted(orders, 'order')} of the features"
    columns = ["data set", "k / K_L", "loss", "spread", "accuracy", "key bytes a round", "paper"]
    rows = table(title, columns, keys=2)
    for point in points:
        cells = (f"{point.mean:.3f}", f"{point.spread:.3f}", f"{point.accuracy:.1%}")
        claim = fig4.CLAIMS[point.dataset] if point.workers == 1 else ""
        rows.add_row(point.dataset, str(point.workers), *cells, f"{point.key_bytes:,}", claim)
    print_table(rows)
    echo(f"picture       {picture}")


def _fig9(
    picture: Path,
    seeds: int,
    epochs: int | None,
    topologies: Sequence[str],
    style: Style,
    *,
    as_json: bool,
) -> None:
    folder = picture.parent / "fig9"
    with progress("fig9", fig9.total_epochs(epochs, topologies)) as advance:
        lines = list(fig9.compute(folder, seeds, epochs, topologies, advance))
    save(fig9.figure(lines, style=style), picture, style)
    if as_json:
        emit("reproduce", {"figure": "fig9", "lines": _line_json(lines), "picture": picture})
        return
    title = (
        f"Fig. 9: cost of drawn actions over C*, {counted(seeds, 'seed')}; "
        "converged = stays within 5 %"
    )
    columns = ["topology", "setting", "policy", "untrained", "epoch 4", "epoch 30", "last"]
    rows = table(title, [*columns, "converged at", "paper", "verdict"], left=3, keys=3)
    for line in lines:
        middle = interquartile_mean(line.stochastic)
        marks = [f"{middle[e]:.3f}" if e < len(middle) else "–" for e in (0, 4, 30)]
        claim = fig9.CLAIMS[line.topology][line.algorithm]
        rows.add_row(
            *(line.topology, line.setting, line.algorithm),
            *(*marks, f"{middle[-1]:.3f}"),
            *(_epochs_text(line.converged_at), str(claim), line.verdict),
        )
    print_table(rows)
    echo(f"curves        {folder}")
    echo(f"picture       {picture}")


def _epochs_text(converged_at: Sequence[float] | np.ndarray) -> str:
    """Median and range of the epochs of convergence, and how many seeds never converge."""
    values = np.asarray(converged_at)
    never = int(np.isinf(values).sum())
    middle = np.median(values)
    text = "never" if np.isinf(middle) else f"{middle:g}"
    finite = values[np.isfinite(values)]
    if finite.size and values.size > 1:
        text += f" ({finite.min():g} … {finite.max():g})"
    return text + (f", {never} of {values.size} never" if 0 < never < values.size else "")


def _line_json(lines: Sequence[fig9.AlgorithmCurve]) -> list[dict[str, object]]:
    return [
        {
            "topology": line.topology,
            "setting": line.setting,
            "policy": line.algorithm,
            "stochastic": line.stochastic.tolist(),
            "deterministic": line.deterministic.tolist(),
            "converged_at_epoch": [None if np.isinf(x) else int(x) for x in line.converged_at],
            "claim": fig9.CLAIMS[line.topology][line.algorithm],
            "verdict": line.verdict,
        }
        for line in lines
    ]
