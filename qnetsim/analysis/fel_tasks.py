"""Progress of the FEL tasks of a run, from the rounds in its trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.analysis.task_endings import TaskEnding, task_endings
from qnetsim.arrays import FloatArray
from qnetsim.trace import Trace
from qnetsim.vocabulary import HELD_OUT, ROUND_STATUS

DONE = ROUND_STATUS.index("done")
LOST = ROUND_STATUS.index("lost")
NS_PER_S = 1e9
#: Columns of a round that a task is worked out from.
ROUND_COLUMNS = (
    "round_status",
    "started_ns",
    "duration_ns",
    "waited_ns",
    "loss",
    "accuracy",
    "round_workers",
    "round_key_bits",
)


@dataclass(frozen=True)
class TaskRun:
    """One FEL task in one run.

    Attributes
    ----------
    name : str
        Number and data set.
    rounds : int
        Rounds that were asked for.
    done, lost : int
        Rounds that ended with a step, and without one.
    finished_s : float or None
        When the last round ended, with a step or lost.
    setup_s : float or None
        How long the set-up took; None where it did not end.
    started_s, ended_s, waited_s : ndarray of float64, shape (done,)
        When each round with a step began and ended, and how long it waited for keys.
    loss, accuracy : ndarray of float64, shape (done,)
        Loss before the step, accuracy after it.
    workers : ndarray of int64, shape (done,)
    key_bits : int
        End-to-end key bits of the rounds with a step.
    key_bits_before : ndarray of float64, shape (done,)
        End-to-end key bits of the task ahead of each round with a step, set-up included.
    key_bits_by_kind : dict from (int, str) to int
        End-to-end key bits of all rounds and the set-up, by step and purpose.
    held_out : dict from str to ndarray of float64, shape (done,)
        ``auc`` on the training records after each step, and ``test_loss``, ``test_accuracy`` and
        ``test_auc`` on those that are held out; empty where none are.
    ending : TaskEnding
        How it stood when the run ended.
    """

    name: str
    rounds: int
    done: int
    lost: int
    finished_s: float | None
    setup_s: float | None
    started_s: FloatArray
    ended_s: FloatArray
    waited_s: FloatArray
    loss: FloatArray
    accuracy: FloatArray
    workers: FloatArray
    key_bits: int
    key_bits_before: FloatArray
    key_bits_by_kind: dict[tuple[int, str], int]
    held_out: dict[str, FloatArray] = field(default_factory=dict)
    ending: TaskEnding = field(default_factory=TaskEnding)

    @property
    def trained_s(self) -> float | None:
        """When the last round ended, where all of them took a step; else None."""
        return self.finished_s if self.done == self.rounds else None


def task_runs(trace: Trace) -> tuple[TaskRun, ...]:
    """Read the rounds of a trace of a scenario with ``[[fel]]`` tables, task by task."""
    names = [_data_name(table) for table in trace.provenance["scenario"]["fel"]]
    tasks, numbers = (trace.column(f"rounds/{name}") for name in ("task", "number"))
    kinds = list(
        zip(
            trace.column("rounds/kind_step").tolist(),
            trace.column("rounds/kind_purpose").tolist(),
            strict=True,
        )
    )
    names_of_columns = (*ROUND_COLUMNS, *(HELD_OUT if trace.kind.has_held_out else ()))
    values = {name: trace.column(f"rounds/{name}") for name in names_of_columns}
    found = []
    for task, name in enumerate(names):
        mine = tasks == task
        rows = {column: array[mine] for column, array in values.items()}
        found.append(_task_run(f"{task + 1} {name}", numbers[mine], rows, kinds))
    endings = task_endings(trace, len(found))
    return tuple(replace(run, ending=end) for run, end in zip(found, endings, strict=True))


def _data_name(table: Mapping[str, Any]) -> str:
    """What a task learns from: a data set, or a file without its suffix."""
    name = str(table.get("dataset") or table.get("data"))
    return name if table.get("dataset") else name.rpartition(".")[0] or name


def _task_run(
    name: str,
    numbers: npt.NDArray[Any],
    rows: dict[str, npt.NDArray[Any]],
    kinds: list[tuple[int, str]],
) -> TaskRun:
    """One task from its rows of ``ROUND_COLUMNS``; round 0 is the set-up."""
    status = rows["round_status"]
    training = numbers > 0
    stepped = training & (status == DONE)
    ended = training & np.isin(status, (DONE, LOST))
    start_s = rows["started_ns"] / NS_PER_S
    duration_s = rows["duration_ns"] / NS_PER_S
    end_s = start_s + duration_s
    bits = rows["round_key_bits"]
    return TaskRun(
        name=name,
        rounds=int(training.sum()),
        done=int(stepped.sum()),
        lost=int((training & (status == LOST)).sum()),
        finished_s=float(end_s[ended].max()) if ended.any() else None,
        setup_s=float(duration_s[0]) if status[0] == DONE else None,
        started_s=start_s[stepped],
        ended_s=end_s[stepped],
        waited_s=rows["waited_ns"][stepped] / NS_PER_S,
        loss=rows["loss"][stepped],
        accuracy=rows["accuracy"][stepped],
        workers=rows["round_workers"][stepped],
        key_bits=int(bits[stepped].sum()),
        key_bits_before=np.cumsum(np.append(0.0, bits.sum(axis=1)))[:-1][stepped],
        key_bits_by_kind={
            kind: int(count) for kind, count in zip(kinds, bits.sum(axis=0), strict=True) if count
        },
        held_out={
            column: rows[column][stepped]
            for column in HELD_OUT
            if column in rows and not np.isnan(rows[column][stepped]).all()
        },
    )
