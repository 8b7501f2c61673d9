"""The FEL tasks of runs as tables of plain text, for a terminal and the report's page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.fel_tasks import TaskRun
from qnetsim.analysis.paired import ConfidenceInterval, paired_ratio
from qnetsim.analysis.task_means import TaskMeans, task_means
from qnetsim.analysis.text_table import DASH, Nothing, TextTable, at_one_precision, nothing_where

TASK_COLUMNS = (
    "task",
    "rounds",
    "lost",
    "workers",
    "trained after, s",
    "waited",
    "kbit a round",
    "last loss",
    "accuracy",
)
#: Means of tasks that have an interval, and those of them that are shares.
INTERVAL_COLUMNS = dict(
    zip(
        ("done", "lost", "workers", "trained_s", "waited", "kbit", "loss", "accuracy"),
        TASK_COLUMNS[1:],
        strict=True,
    )
)
SHARES = ("waited", "accuracy")
#: Columns that a narrow terminal leaves out, in this order.
FIRST_TO_GO = ("workers", "last loss", "lost", "waited", "kbit a round", "accuracy")


def run_task_rows(tasks: Sequence[TaskRun]) -> TextTable:
    """FEL tasks of one run, one row for each."""
    groups = [[task] for task in tasks]
    return TextTable(
        TASK_COLUMNS,
        tuple(zip(*_task_columns(groups), strict=True)),
        first_to_go=FIRST_TO_GO,
        nothing=tuple(_silent_tasks(groups)),
    )


def task_rows(comparison: Comparison) -> TextTable:
    """FEL tasks, one row for each task and policy, with the paired ratio of training times."""
    by_name = {policy.name: policy for policy in comparison.policies}
    base = [run.tasks for run in by_name[comparison.reference].runs]
    names, groups, ratios = [], [], []
    for task in range(len(base[0])):
        for policy in comparison.policies:
            runs = [run.tasks[task] for run in policy.runs]
            names.append(policy.name)
            groups.append(runs)
            ratios.append(_training_time_ratio(runs, [tasks[task] for tasks in base]))
    ratio_heading = f"time / {comparison.reference}, paired 95 %"
    return TextTable(
        ("policy", *TASK_COLUMNS, ratio_heading),
        tuple(zip(names, *_task_columns(groups), ratios, strict=True)),
        text=("task",),
        keys=2,
        first_to_go=FIRST_TO_GO,
        nothing=tuple(_silent_tasks(groups)),
    )


def task_interval_rows(comparison: Comparison) -> TextTable:
    """Half the width of the 95 % interval of each mean of the FEL tasks, by policy and task."""
    keys, means = [], []
    for task, first in enumerate(comparison.policies[0].runs[0].tasks):
        for policy in comparison.policies:
            keys.append((policy.name, first.name))
            means.append(task_means([run.tasks[task] for run in policy.runs]))
    columns: dict[str, list[str]] = {}
    for name, heading in INTERVAL_COLUMNS.items():
        halves = [_half(getattr(mean, name)) for mean in means]
        if name in SHARES:
            cells = [DASH if half is None else f"± {half:.2%}" for half in halves]
        else:
            cells = [text if text == DASH else f"± {text}" for text in at_one_precision(halves)]
        if any(halves):
            columns[heading] = cells
    names, tasks = zip(*keys, strict=True)
    return TextTable(
        ("policy", "task", *columns),
        tuple(zip(names, tasks, *columns.values(), strict=True)),
        text=("task",),
        keys=2,
        first_to_go=tuple(heading for heading in FIRST_TO_GO if heading in columns),
    )


def _half(value: ConfidenceInterval | None) -> float | None:
    return None if value is None or value.high is None else value.high - value.estimate


def _silent_tasks(groups: Sequence[Sequence[TaskRun]]) -> Iterator[Nothing]:
    runs = [run for group in groups for run in group]
    yield from nothing_where(not any(run.lost for run in runs), ["lost"], "No round was lost")
    waited = any(run.waited_s.any() for run in runs)
    yield from nothing_where(not waited, ["waited"], "No round waited for keys")


def _task_columns(groups: Sequence[Sequence[TaskRun]]) -> list[list[str]]:
    """Tasks over the replications of a policy, under ``TASK_COLUMNS``."""
    means = [task_means(runs) for runs in groups]
    done = at_one_precision(_estimates(means, "done"))
    return [
        [runs[0].name for runs in groups],
        [
            f"{count} of {sum(run.rounds for run in runs) // len(runs)}"
            for count, runs in zip(done, groups, strict=True)
        ],
        at_one_precision(_estimates(means, "lost")),
        at_one_precision(_estimates(means, "workers")),
        _training_times(groups, means),
        [_shown(value, ".0%") for value in _estimates(means, "waited")],
        at_one_precision(_estimates(means, "kbit"), digits=4),
        [_shown(value, ".4f") for value in _estimates(means, "loss")],
        [_shown(value, ".1%") for value in _estimates(means, "accuracy")],
    ]


def _estimates(means: Sequence[TaskMeans], name: str) -> list[float | None]:
    found = [getattr(mean, name) for mean in means]
    return [None if value is None else value.estimate for value in found]


def _shown(value: float | None, how: str) -> str:
    return DASH if value is None else format(value, how)


def _training_times(groups: Sequence[Sequence[TaskRun]], means: Sequence[TaskMeans]) -> list[str]:
    """Mean time until trained, of the runs in which it was reached; says how many these are."""
    cells = []
    for runs, mean in zip(groups, at_one_precision(_estimates(means, "trained_s"), 4), strict=True):
        reached = sum(run.trained_s is not None for run in runs)
        part = f" ({reached} of {len(runs)})" if 0 < reached < len(runs) else ""
        cells.append(mean + part)
    return cells


def _training_time_ratio(runs: Sequence[TaskRun], base: Sequence[TaskRun]) -> str:
    """Time until trained over that of the reference, where every run of both was trained."""
    times, base_times = ([run.trained_s for run in group] for group in (runs, base))
    if None in times or None in base_times:
        return DASH
    ratio = paired_ratio(np.array(times, np.float64), np.array(base_times, np.float64))
    if ratio is None:
        return DASH
    interval = "" if ratio.low is None else f" ({ratio.low:.2f} … {ratio.high:.2f})"
    return f"{ratio.estimate:.2f}{interval}"
