"""``qnetsim plan --sensitivity``: plans over one key of the scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from qnetsim.analysis.figures.plan_costs import sensitivity_figure
from qnetsim.analysis.figures.style import Style, save
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, figure, table, working
from qnetsim.plain_text import counted
from qnetsim.policies.chosen import policy_table
from qnetsim.scenario import Scenario
from qnetsim.studies.sensitivity import (
    SensitivityPoint,
    Sweep,
    sensitivity,
)
from qnetsim.trace import make_folder


def plan_over(
    sweep: Sweep,
    specs: Sequence[Scenario],
    policy: str,
    picture: Path | None,
    style: Style,
    *,
    as_json: bool,
) -> None:
    """Plan for each value, and show cost, bound and status.

    Parameters
    ----------
    sweep : Sweep
    specs : sequence of Scenario
        One for each value.
    policy : str
    picture : Path, optional
        Figure to write.
    style : Style
        Of the figure.
    as_json : bool
    """
    chosen = policy_table(policy, specs[0].policy)
    with working(f"planning {chosen.title}") as tell:
        points = sensitivity(sweep, specs, chosen, tell)
    if picture is not None:
        _draw(sweep, points, picture, style)
    if as_json:
        found = {"key": sweep.key, "asked": sweep.asked, "points": [asdict(p) for p in points]}
        emit("plan", {"policy": chosen.title, "sensitivity": found, "figure_file": picture})
        return
    _show(sweep, points, chosen.title)
    if picture is not None:
        echo(f"figure        {picture}")


def _draw(sweep: Sweep, points: Sequence[SensitivityPoint], path: Path, style: Style) -> None:
    costs = np.array([np.nan if p.objective is None else p.objective for p in points])
    bounds = np.array([np.nan if p.bound is None else p.bound for p in points])
    values = np.array(sweep.values, dtype=np.float64)
    missing = ", ".join(sorted({p.status for p in points if p.objective is None}))
    make_folder(path.parent)
    drawn = sensitivity_figure(
        sweep.key,
        values=values,
        costs=costs,
        bounds=bounds,
        valid=[p.valid for p in points],
        missing=missing,
        style=style,
    )
    save(drawn, path, style)


def _show(sweep: Sweep, points: Sequence[SensitivityPoint], title: str) -> None:
    rows = table(
        f"plans of {title} over {sweep.key}, per slot", [sweep.key, "cost", "bound", "status"]
    )
    for point in points:
        cells = ("—" if x is None else f"{x:,.2f}" for x in (point.objective, point.bound))
        rows.add_row(f"{point.value:.12g}", *cells, point.status)
    print_table(rows)
    if len(sweep.values) < sweep.asked:
        echo(
            f"{sweep.key} takes integers: {counted(sweep.asked, 'value was', 'values were')} asked "
            f"for, {figure(len(sweep.values))} are different"
        )
    for point in points:
        if point.objective is None:
            echo(f"{sweep.key} = {point.value:.12g}: {point.note}")
