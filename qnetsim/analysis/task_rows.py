"""The FEL tasks of runs as tables of plain text, for a terminal and the report's page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.fel_tasks import TaskRun
from qnetsim.analysis.paired import paired_ratio
from qnetsim.analysis.rows import DASH, TextTable

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


def run_task_rows(tasks: Sequence[TaskRun]) -> TextTable:
    """FEL tasks of one run, one row for each."""
    return TextTable(TASK_COLUMNS, tuple(_task_cells([task]) for task in tasks))


def task_rows(comparison: Comparison) -> TextTable:
    """FEL tasks, one row for each task and policy, with the paired ratio of training times."""
    by_name = {policy.name: policy for policy in comparison.policies}
    base = [run.tasks for run in by_name[comparison.reference].runs]
    rows = []
    for task in range(len(base[0])):
        for policy in comparison.policies:
            runs = [run.tasks[task] for run in policy.runs]
            ratio = _training_time_ratio(runs, [tasks[task] for tasks in base])
            rows.append((policy.name, *_task_cells(runs), ratio))
    ratio_heading = f"time / {comparison.reference}, paired 95 %"
    return TextTable(("policy", *TASK_COLUMNS, ratio_heading), tuple(rows))


def _task_cells(runs: Sequence[TaskRun]) -> tuple[str, ...]:
    """One task over the replications of a policy, under ``TASK_COLUMNS``."""
    done = sum(run.done for run in runs)
    total = sum(run.rounds for run in runs)
    begun = [run for run in runs if run.done]
    last = [loss[~np.isnan(loss)][-1:] for loss in (run.loss for run in begun)]
    losses = np.concatenate(last) if last else np.zeros(0)
    busy_s = sum(float((run.ended_s - run.started_s).sum()) for run in begun)
    waited_s = sum(float(run.waited_s.sum()) for run in begun)
    return (
        runs[0].name,
        f"{done / len(runs):,.4g} of {total // len(runs)}",
        f"{sum(run.lost for run in runs) / len(runs):,.3g}",
        f"{np.mean([run.workers.mean() for run in begun]):.3g}" if begun else DASH,
        _training_time(runs),
        f"{waited_s / busy_s:.0%}" if busy_s else DASH,
        f"{sum(run.key_bits for run in runs) / done / 1e3:,.4g}" if done else DASH,
        f"{losses.mean():.4f}" if len(losses) else DASH,
        f"{np.mean([run.accuracy[-1] for run in begun]):.1%}" if begun else DASH,
    )


def _training_time(runs: Sequence[TaskRun]) -> str:
    """Mean time until trained and its standard deviation, of the runs in which it was reached."""
    ends = [run.trained_s for run in runs if run.trained_s is not None]
    if not ends:
        return DASH
    spread = f" ± {np.std(ends, ddof=1):,.3g}" if len(ends) > 1 else ""
    part = f" ({len(ends)} of {len(runs)})" if len(ends) < len(runs) else ""
    return f"{np.mean(ends):,.4g}{spread}{part}"


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
