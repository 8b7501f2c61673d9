"""The figures of a FEL task over the replications of a policy, with their intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from qnetsim.analysis.batch_means import ratio_interval
from qnetsim.analysis.fel_tasks import TaskRun
from qnetsim.analysis.paired import ConfidenceInterval
from qnetsim.arrays import FloatArray
from qnetsim.vocabulary import HELD_OUT


@dataclass(frozen=True)
class TaskMeans:
    """One task over the replications of a policy; None where no run tells.

    A single run has no intervals: what is shown is what happened.

    Attributes
    ----------
    done, lost : ConfidenceInterval
        Rounds of a run that ended with a step, and without one.
    workers : ConfidenceInterval or None
        Workers of a round: mean over the rounds of a run, of the runs with such rounds.
    trained_s : ConfidenceInterval or None
        Time until trained, of the runs in which that was reached.
    waited : ConfidenceInterval or None
        Share of the time of the rounds for which keys were waited for.
    kbit : ConfidenceInterval or None
        Key bits of a round, in thousands.
    loss, accuracy : ConfidenceInterval or None
        Of the last round with a step, of the runs in which it is known.
    auc, test_loss, test_accuracy, test_auc : ConfidenceInterval or None
        The same, of training and of the records that are held out.
    """

    done: ConfidenceInterval
    lost: ConfidenceInterval
    workers: ConfidenceInterval | None
    trained_s: ConfidenceInterval | None
    waited: ConfidenceInterval | None
    kbit: ConfidenceInterval | None
    loss: ConfidenceInterval | None
    accuracy: ConfidenceInterval | None
    auc: ConfidenceInterval | None = None
    test_loss: ConfidenceInterval | None = None
    test_accuracy: ConfidenceInterval | None = None
    test_auc: ConfidenceInterval | None = None


def task_means(runs: Sequence[TaskRun]) -> TaskMeans:
    """Sum up one task over runs of a policy."""
    begun = [run for run in runs if run.done]
    last = [loss[~np.isnan(loss)][-1:] for loss in (run.loss for run in begun)]
    done = np.array([run.done for run in begun], dtype=np.float64)
    busy_s = np.array([(run.ended_s - run.started_s).sum() for run in begun], dtype=np.float64)
    waited_s = np.array([run.waited_s.sum() for run in begun], dtype=np.float64)
    bits = np.array([run.key_bits for run in begun], dtype=np.float64)
    return TaskMeans(
        done=ConfidenceInterval.of_mean(np.array([run.done for run in runs], np.float64)),
        lost=ConfidenceInterval.of_mean(np.array([run.lost for run in runs], np.float64)),
        workers=_mean(float(run.workers.mean()) for run in begun),
        trained_s=_mean(run.trained_s for run in runs if run.trained_s is not None),
        waited=_ratio(waited_s, busy_s),
        kbit=_ratio(bits / 1e3, done),
        loss=_mean(float(values[0]) for values in last if len(values)),
        accuracy=_mean(float(run.accuracy[-1]) for run in begun),
        **{name: _last(begun, name) for name in HELD_OUT},
    )


def _last(runs: Sequence[TaskRun], name: str) -> ConfidenceInterval | None:
    """A figure after the last step, of the runs in which it is a number."""
    values = (float(run.held_out[name][-1]) for run in runs if name in run.held_out)
    return _mean(value for value in values if value == value)


def _mean(values: Iterable[float]) -> ConfidenceInterval | None:
    found = np.array(list(values), dtype=np.float64)
    return ConfidenceInterval.of_mean(found) if len(found) else None


def _ratio(numerators: FloatArray, denominators: FloatArray) -> ConfidenceInterval | None:
    total = float(denominators.sum())
    if not total:
        return None
    return ratio_interval(numerators, denominators, float(numerators.sum()) / total)
