"""``qnetsim reproduce``."""

from __future__ import annotations

from pathlib import Path

import click

from qnetsim.analysis.plots import save
from qnetsim.cli.output import console, emit, force_option, json_option, progress, table
from qnetsim.errors import UsageError
from qnetsim.paper import fig4
from qnetsim.trace import make_folder


@click.command()
@click.argument("figure", type=click.Choice(["fig4"]))
@click.option("--orders", type=click.IntRange(1, 1000), default=10, help="Orders of the features.")
@click.option("--seed", type=click.IntRange(0), default=1, help="Seed of the orders.")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Folder for the picture.")
@force_option
@json_option
def reproduce(
    figure: str, orders: int, seed: int, out: Path | None, force: bool, as_json: bool
) -> None:
    """Compute a FIGURE of the paper and show it beside what the paper claims."""
    picture = (out or Path("runs")) / f"{figure}.png"
    if picture.exists() and not force:
        raise UsageError(f"{picture}: exists already; give another --out, or --force")
    with progress(figure, fig4.trainings(orders)) as advance:
        points = fig4.compute(seed, orders, progress=advance)
    make_folder(picture.parent)
    save(fig4.figure(points), picture)
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
        emit("reproduce", {"figure": figure, "points": found, "picture": picture})
        return
    title = f"Fig. 4: loss after {fig4.ROUNDS} rounds, {orders} orders of the features"
    columns = ["data set", "k / K_L", "loss", "spread", "accuracy", "key bytes a round", "paper"]
    rows = table(title, columns)
    for point in points:
        cells = (f"{point.mean:.3f}", f"{point.spread:.3f}", f"{point.accuracy:.1%}")
        claim = fig4.CLAIMS[point.dataset] if point.workers == 1 else ""
        rows.add_row(point.dataset, str(point.workers), *cells, f"{point.key_bytes:,}", claim)
    console().print(rows)
    click.echo(f"picture       {picture}")
