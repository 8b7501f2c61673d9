"""How figures of the paper look in a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from qnetsim.analysis.learning_curves import interquartile_mean
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import table, text_table
from qnetsim.plain_text import counted
from qnetsim.studies.paper import fig4, fig9
from qnetsim.studies.paper.compute import COST_FIGURES, FIGURES, Computed
from qnetsim.studies.paper.cost_rows import CostRow
from qnetsim.studies.paper.judges import Judgement, judgements
from qnetsim.studies.paper.loss_judges import told as over_orders
from qnetsim.studies.paper.loss_points import LossPoint
from qnetsim.studies.paper.paper_tables import (
    agreement,
    changed,
    cost_table,
    figure_title,
    learning_note,
)
from qnetsim.studies.paper.reproduction import verdict_counts


def show_reproduction(computed: Computed, written: Mapping[str, Path]) -> None:
    """Print tables of what was computed, the verdicts, and where the files are."""
    results = computed.results
    if results.losses:
        _show_losses(results.losses)
    for name, rows in results.costs.items():
        figure = COST_FIGURES[name]
        title = f"{figure_title(name)}: {figure.title.lower()}"
        print_table(text_table(title, cost_table(figure, rows)))
        note = learning_note(figure, rows)
        if note:
            echo(f"{note}.")
        echo(agreement(rows))
    if computed.curves:
        _show_curves(computed.curves)
    judged = [j for j in judgements(results) if j.claim.figure in written]
    _show_verdicts(judged)
    if results.changes:
        echo(changed(results))
    for name, path in written.items():
        echo(f"{_label(name):<13} {path}")


def _label(name: str) -> str:
    return "picture" if name in FIGURES else "values" if name.endswith(".csv") else name


def _show_verdicts(judged: Sequence[Judgement]) -> None:
    rows = table(
        "Claims", ["place", "the paper says", "verdict"], text=["the paper says", "verdict"]
    )
    for judgement in judged:
        rows.add_row(judgement.claim.place, judgement.claim.says, str(judgement.verdict))
    print_table(rows)
    echo(verdict_counts(judged))


def _show_losses(points: Sequence[LossPoint]) -> None:
    orders = counted(len(points[0].losses), "order")
    title = f"Fig. 4: loss after {fig4.ROUNDS} rounds, {orders} of the features"
    columns = ["data set", "k / K_L", "loss", "spread", "accuracy", "key bytes a round", "paper"]
    rows = table(title, columns, keys=2)
    for point in points:
        accuracy = over_orders(point.accuracy, ".1%")
        cells = (over_orders(point.loss), f"{point.spread:.3f}", accuracy)
        claim = fig4.claim_on(point.dataset) if point.workers == 1 else ""
        rows.add_row(point.dataset, str(point.workers), *cells, f"{point.key_bytes:,}", claim)
    print_table(rows)


def _show_curves(lines: Sequence[fig9.AlgorithmCurve]) -> None:
    title = "Fig. 9: cost of drawn actions over C*; converged = stays within 5 %"
    columns = ["topology", "setting", "policy", "seeds", "untrained", "epoch 4", "epoch 30", "last"]
    more = ["mean, untrained", "mean, last", "converged at", "paper", "verdict"]
    going = ["mean, untrained", "mean, last", "epoch 4", "epoch 30"]
    rows = table(title, [*columns, *more], left=3, keys=3, first_to_go=going)
    for line in lines:
        middle = interquartile_mean(line.stochastic)
        mean = interquartile_mean(line.deterministic)
        marks = [f"{middle[e]:.3f}" if e < len(middle) else "–" for e in (0, 4, 30)]
        claim = fig9.CLAIMS[line.topology][line.algorithm]
        rows.add_row(
            *(line.topology, line.setting, line.algorithm, str(line.stochastic.shape[1])),
            *(*marks, f"{middle[-1]:.3f}", f"{mean[0]:.3f}", f"{mean[-1]:.3f}"),
            *(_epochs_text(line.converged_at), str(claim), line.verdict),
        )
    print_table(rows)


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


def reproduction_json(
    figure: str, computed: Computed, written: Mapping[str, Path]
) -> dict[str, Any]:
    """What was computed, and where it is; the keys of fig4 and fig9 alone are older."""
    results = computed.results
    judged = [j for j in judgements(results) if j.claim.figure in written]
    found: dict[str, Any] = {"figure": figure, "changes": dict(results.changes)}
    if results.losses:
        found["points"] = [_loss_json(point) for point in results.losses]
    if results.costs:
        found["rows"] = [
            _row_json(name, row) for name, rows in results.costs.items() for row in rows
        ]
    if computed.curves:
        found["lines"] = [_line_json(line) for line in computed.curves]
    found["claims"] = [
        {
            "id": judgement.claim.id,
            "place": judgement.claim.place,
            "says": judgement.claim.says,
            "verdict": str(judgement.verdict),
            "findings": [f._asdict() | {"verdict": str(f.verdict)} for f in judgement.findings],
        }
        for judgement in judged
    ]
    if figure in written:
        found["picture"] = written[figure]
    return found | {"files": {name: str(path) for name, path in written.items()}}


def _loss_json(point: LossPoint) -> dict[str, Any]:
    claim = fig4.claim_on(point.dataset)
    more = {"mean": point.mean, "spread": point.spread, "accuracy": point.accuracy.estimate}
    return {**vars(point), **more, "claim": claim}


def _row_json(figure: str, row: CostRow) -> dict[str, Any]:
    stages = {"first_stage": row.analytic.first, "second_stage": row.analytic.second}
    told = asdict(row) | {"analytic": row.analytic.total, "simulated": asdict(row.total)}
    renamed = {"first": "simulated_first_stage", "second": "simulated_second_stage"}
    kept = {renamed.get(key, key): value for key, value in told.items() if key != "total"}
    return {"figure": figure, **kept, **stages, "agrees": row.agrees}


def _line_json(line: fig9.AlgorithmCurve) -> dict[str, object]:
    return {
        "topology": line.topology,
        "setting": line.setting,
        "policy": line.algorithm,
        "stochastic": line.stochastic.tolist(),
        "deterministic": line.deterministic.tolist(),
        "converged_at_epoch": [None if np.isinf(x) else int(x) for x in line.converged_at],
        "claim": fig9.CLAIMS[line.topology][line.algorithm],
        "verdict": line.verdict,
    }
