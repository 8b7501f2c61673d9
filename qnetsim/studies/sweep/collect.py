"""The results of a sweep as one tidy table: a row for each point, policy and replication."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qnetsim.analysis.metrics import RunMetrics, run_metrics
from qnetsim.analysis.warm_up import at_start, given_warm_up
from qnetsim.errors import QnetsimError
from qnetsim.plain_text import one_line
from qnetsim.studies.sweep.job_states import SweepState
from qnetsim.studies.sweep.manifest import Cell
from qnetsim.studies.sweep.soundness import check_trace_identity
from qnetsim.trace import open_trace

#: Columns after those of the factors, and where each comes from.
FIGURES: dict[str, Callable[[RunMetrics], Any]] = {
    "cost_per_slot": lambda run: run.cost,
    "served": lambda run: run.served_share,
    "blocked": lambda run: run.blocked_share,
    "on_demand_share": lambda run: run.on_demand_share,
    "warmup_slots": lambda run: run.warm_up.slots,
    "at_start": lambda run: " and ".join(at_start(run.scenario)),
    "world_digest": lambda run: run.world_digest,
    "content_digest": lambda run: run.content_digest,
}


def collect(
    state: SweepState, progress: Callable[[int], None] = lambda done: None
) -> dict[str, list[Any]]:
    """Read the table out of the traces.

    Parameters
    ----------
    state : SweepState
    progress : callable, optional
        Told of every row.

    Returns
    -------
    dict from str to list
        Columns: the factors by key, ``policy``, ``replication``, figures, digests, ``status``
        (``complete``, ``failed``, ``missing`` or ``stopped``), ``job`` and ``error``. Cells
        without a value are None.
    """
    manifest = state.manifest
    names = [*manifest.factors, "policy", "replication", *FIGURES, "status", "job", "error"]
    columns: dict[str, list[Any]] = {name: [] for name in names}
    figures: dict[str, dict[str, Any]] = {}
    for cell in manifest.cells():
        job = manifest.runs[cell]
        row, error = _row(state, cell, figures)
        values = dict(zip(manifest.factors, manifest.values[cell.point], strict=True))
        row |= values | {"policy": cell.policy, "replication": cell.replication}
        row |= {"job": job.digest, "error": error}
        for name, column in columns.items():
            column.append(row.get(name))
        progress(1)
    return columns


def _row(
    state: SweepState, cell: Cell, figures: dict[str, dict[str, Any]]
) -> tuple[dict[str, Any], str | None]:
    """Figures of a row, and what is wrong with it; runs that rows share are read once."""
    job = state.manifest.runs[cell]
    status = state.cell_state(cell)
    if status != "complete":
        return {"status": status}, state.failures.get(job.digest)
    if job.digest not in figures:
        try:
            with open_trace(job.place(state.folder)) as trace:
                check_trace_identity(state.folder, job, trace)
                run = run_metrics(trace, given_warm_up(trace))
        except QnetsimError as error:
            return {"status": "failed"}, one_line(str(error))
        figures[job.digest] = {name: figure(run) for name, figure in FIGURES.items()}
    return {"status": "complete", **figures[job.digest]}, None
