"""Figures of FEL tasks on training records and on those that are held out, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.fel_tasks import TaskRun
from qnetsim.analysis.paired import ConfidenceInterval
from qnetsim.analysis.task_means import task_means
from qnetsim.analysis.text_table import DASH, TextTable

#: Figures by their headings; each is that after the last step, but for the training loss.
COLUMNS = {
    "training loss": ("loss", ".4f"),
    "training accuracy": ("accuracy", ".1%"),
    "training AUC": ("auc", ".4f"),
    "test loss": ("test_loss", ".4f"),
    "test accuracy": ("test_accuracy", ".1%"),
    "test AUC": ("test_auc", ".4f"),
}
FIRST_TO_GO = ("training loss", "test loss", "training accuracy", "training AUC")


def run_held_out_rows(tasks: Sequence[TaskRun]) -> TextTable | None:
    """Tasks of one run, one row for each that holds records out; None where none does."""
    found = [task for task in tasks if task.held_out]
    if not found:
        return None
    rows = tuple((task.name, *_cells([task])) for task in found)
    return TextTable(("task", *COLUMNS), rows, first_to_go=FIRST_TO_GO)


def held_out_rows(comparison: Comparison) -> TextTable | None:
    """Means over the replications, one row for each task and policy; None where there are none."""
    rows = []
    for number, first in enumerate(comparison.policies[0].runs[0].tasks):
        for policy in comparison.policies:
            runs = [run.tasks[number] for run in policy.runs]
            if any(run.held_out for run in runs):
                rows.append((policy.name, first.name, *_cells(runs)))
    if not rows:
        return None
    columns = ("policy", "task", *COLUMNS)
    return TextTable(columns, tuple(rows), text=("task",), keys=2, first_to_go=FIRST_TO_GO)


def _cells(runs: Sequence[TaskRun]) -> list[str]:
    means = task_means(runs)
    return [_cell(getattr(means, name), how) for name, how in COLUMNS.values()]


def _cell(value: ConfidenceInterval | None, how: str) -> str:
    if value is None:
        return DASH
    half = "" if value.high is None else f" ± {value.high - value.estimate:{how}}"
    return f"{value.estimate:{how}}{half}"
