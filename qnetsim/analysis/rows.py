"""FEL tasks as a table: one line for each policy and task."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.fel_tasks import TaskRun
from qnetsim.analysis.paired import paired_ratio

TRAINING_COLUMNS = (
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
DASH = "—"


def training_cells(runs: Sequence[TaskRun]) -> tuple[str, ...]:
    """One task over the replications of a policy, under ``TRAINING_COLUMNS``."""
    done, total = sum(run.done for run in runs), sum(run.rounds for run in runs)
    begun = [run for run in runs if run.done]
    ends = [run.trained_s for run in runs if run.trained_s is not None]
    trained = DASH
    if ends:
        spread = f" ± {np.std(ends, ddof=1):,.3g}" if len(ends) > 1 else ""
        part = f" ({len(ends)} of {len(runs)})" if len(ends) < len(runs) else ""
        trained = f"{np.mean(ends):,.4g}{spread}{part}"
    last = [loss[~np.isnan(loss)][-1:] for loss in (run.loss for run in begun)]
    losses = np.concatenate(last) if last else np.zeros(0)
    busy = sum(float((run.ended_s - run.started_s).sum()) for run in begun)
    waited = sum(float(run.waited_s.sum()) for run in begun)
    return (
        runs[0].name,
        f"{done / len(runs):,.4g} of {total // len(runs)}",
        f"{sum(run.lost for run in runs) / len(runs):,.3g}",
        f"{np.mean([run.workers.mean() for run in begun]):.3g}" if begun else DASH,
        trained,
        f"{waited / busy:.0%}" if busy else DASH,
        f"{sum(run.key_bits for run in runs) / done / 1e3:,.4g}" if done else DASH,
        f"{losses.mean():.4f}" if len(losses) else DASH,
        f"{np.mean([run.accuracy[-1] for run in begun]):.1%}" if begun else DASH,
    )


def training_columns(comparison: Comparison) -> tuple[str, ...]:
    """Headings of ``training_rows``."""
    return ("policy", *TRAINING_COLUMNS, f"time / {comparison.reference}, paired 95 %")


def training_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """One line for each task and policy, with the time until trained over the reference's."""
    by_name = {policy.name: policy for policy in comparison.policies}
    base = [run.tasks for run in by_name[comparison.reference].runs]
    rows = []
    for task in range(len(base[0])):
        for policy in comparison.policies:
            runs = [run.tasks[task] for run in policy.runs]
            ratio = _ratio(runs, [tasks[task] for tasks in base])
            rows.append((policy.name, *training_cells(runs), ratio))
    return rows


def _ratio(runs: Sequence[TaskRun], base: Sequence[TaskRun]) -> str:
    """Time until trained, over that of the reference; only where all replications came to it."""
    times = [[run.trained_s for run in side] for side in (runs, base)]
    if any(time is None for side in times for time in side):
        return DASH
    ratio, low, high = paired_ratio(*(np.array(side, dtype=np.float64) for side in times))
    if ratio is None:
        return DASH
    return f"{ratio:.2f}" + ("" if low is None else f" ({low:.2f} … {high:.2f})")
