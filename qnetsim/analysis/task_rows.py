"""The FEL tasks of runs as tables of plain text, for a terminal and the report's page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.fel_tasks import TaskRun
from qnetsim.analysis.paired import paired_ratio
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


def _silent_tasks(groups: Sequence[Sequence[TaskRun]]) -> Iterator[Nothing]:
    runs = [run for group in groups for run in group]
    yield from nothing_where(not any(run.lost for run in runs), ["lost"], "No round was lost")
    waited = any(run.waited_s.any() for run in runs)
    yield from nothing_where(not waited, ["waited"], "No round waited for keys")


def _task_columns(groups: Sequence[Sequence[TaskRun]]) -> list[list[str]]:
    """Tasks over the replications of a policy, under ``TASK_COLUMNS``."""
    figures = [_task_figures(runs) for runs in groups]
    done = at_one_precision([figure.done for figure in figures])
    return [
        [runs[0].name for runs in groups],
        [
            f"{count} of {sum(run.rounds for run in runs) // len(runs)}"
            for count, runs in zip(done, groups, strict=True)
        ],
        at_one_precision([figure.lost for figure in figures]),
        at_one_precision([figure.workers for figure in figures]),
        _training_times(groups),
        [_shown(figure.waited, ".0%") for figure in figures],
        at_one_precision([figure.kbit for figure in figures], digits=4),
        [_shown(figure.loss, ".4f") for figure in figures],
        [_shown(figure.accuracy, ".1%") for figure in figures],
    ]


def _shown(value: float | None, how: str) -> str:
    return DASH if value is None else format(value, how)


class _TaskFigures(NamedTuple):
    """One task over the replications of a policy; None where no round was done."""

    done: float
    lost: float
    workers: float | None
    waited: float | None
    kbit: float | None
    loss: float | None
    accuracy: float | None


def _task_figures(runs: Sequence[TaskRun]) -> _TaskFigures:
    done = sum(run.done for run in runs)
    begun = [run for run in runs if run.done]
    last = [loss[~np.isnan(loss)][-1:] for loss in (run.loss for run in begun)]
    losses = np.concatenate(last) if last else np.zeros(0)
    busy_s = sum(float((run.ended_s - run.started_s).sum()) for run in begun)
    waited_s = sum(float(run.waited_s.sum()) for run in begun)
    return _TaskFigures(
        done=done / len(runs),
        lost=sum(run.lost for run in runs) / len(runs),
        workers=float(np.mean([run.workers.mean() for run in begun])) if begun else None,
        waited=waited_s / busy_s if busy_s else None,
        kbit=sum(run.key_bits for run in runs) / done / 1e3 if done else None,
        loss=float(losses.mean()) if len(losses) else None,
        accuracy=float(np.mean([run.accuracy[-1] for run in begun])) if begun else None,
    )


def _training_times(groups: Sequence[Sequence[TaskRun]]) -> list[str]:
    """Mean time until trained and its standard deviation, of the runs in which it was reached."""
    ends = [[run.trained_s for run in runs if run.trained_s is not None] for runs in groups]
    means = at_one_precision([float(np.mean(times)) if times else None for times in ends], 4)
    spreads = at_one_precision(
        [float(np.std(times, ddof=1)) if len(times) > 1 else None for times in ends]
    )
    cells = []
    for runs, times, mean, spread in zip(groups, ends, means, spreads, strict=True):
        part = f" ({len(times)} of {len(runs)})" if 0 < len(times) < len(runs) else ""
        cells.append(mean + (f" ± {spread}" if spread != DASH else "") + part)
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
