"""Judges of the claims on Fig. 4: loss of the global model over the key rate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from qnetsim.analysis.paired import ConfidenceInterval
from qnetsim.plain_text import counted
from qnetsim.studies.paper.loss_points import LossPoint
from qnetsim.studies.paper.paper_claims import PaperClaim
from qnetsim.studies.paper.paper_results import PaperResults
from qnetsim.studies.paper.verdicts import ClaimFinding, ClaimVerdict, sized

#: A curve has converged where it is within this of its last value.
CONVERGED = 0.05


def _lines(results: PaperResults) -> dict[str, list[LossPoint]]:
    names = dict.fromkeys(point.dataset for point in results.losses)
    return {name: [p for p in results.losses if p.dataset == name] for name in names}


def _text(points: list[LossPoint]) -> str:
    first, last = points[0], points[-1]
    if first is last:
        return f"{told(first.loss)} with the only worker"
    return f"{told(first.loss)} with one worker, {told(last.loss)} with {last.workers}"


def told(found: ConfidenceInterval, form: str = ".3f") -> str:
    """A value with its interval; all orders have the same where no feature is left out."""
    if found.low is None or found.high is None or found.high - found.low < 1e-9:
        return f"{found.estimate:{form}}"
    return f"{found.estimate:{form}} ({found.low:{form}} … {found.high:{form}})"


def _change(before: Sequence[float], after: Sequence[float]) -> ConfidenceInterval:
    """Values after less before, paired by the order of the features."""
    return ConfidenceInterval.of_mean(np.subtract(after, before))


def _by_chance(change: ConfidenceInterval) -> bool:
    """Whether the orders that were drawn leave open that there is no rise."""
    return change.low is not None and change.low < 0.0


def _above_chance(change: ConfidenceInterval) -> bool:
    """Whether the orders that were drawn leave no other way than up."""
    return change.low is not None and change.low > 0.0


def _loss_falls(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    for name, points in _lines(results).items():
        if len(points) == 1:
            # six features or fewer make one worker: there is no curve
            continue
        changes = [_change(before.losses, after.losses) for before, after in pairwise(points)]
        rises = [change for change in changes if change.estimate >= 0.0]
        fall = _change(points[-1].losses, points[0].losses)
        if fall.estimate <= 0.0:
            verdict = ClaimVerdict.FAILS
        elif not _above_chance(fall):
            verdict = ClaimVerdict.OPEN
        elif all(_by_chance(change) for change in rises):
            verdict = ClaimVerdict.HOLDS
        else:
            verdict = ClaimVerdict.ORDER
        text = _text(points)
        if rises:
            text += f"; it rises at {len(rises)} of {counted(len(points) - 1, 'step')}, by "
            text += " and ".join(told(change) for change in rises)
        yield ClaimFinding("", name, verdict, text)


def _workers_rise(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    for name, points in _lines(results).items():
        workers = [point.workers for point in points]
        if len(workers) == 1:
            continue
        verdict = ClaimVerdict.HOLDS if workers == sorted(set(workers)) else ClaimVerdict.FAILS
        text = f"{workers[0]} … {counted(workers[-1], 'worker')}, then no feature is left"
        yield ClaimFinding("", name, verdict, text)


def _accuracy_rises(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    for name, points in _lines(results).items():
        if len(points) == 1:
            continue
        first, last = points[0], points[-1]
        more = _change(first.accuracies, last.accuracies)
        verdict = ClaimVerdict.HOLDS if _above_chance(more) else ClaimVerdict.OPEN
        if more.estimate <= 0.0:
            verdict = ClaimVerdict.FAILS
        text = (
            f"from one worker to {last.workers} accuracy goes from {told(first.accuracy, '.1%')} "
            f"to {told(last.accuracy, '.1%')}, by {told(more, '.1%')}; the loss changes by "
            f"{told(_change(first.losses, last.losses))}"
        )
        yield ClaimFinding("", name, verdict, text)


def _loss_ends(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    points = _lines(results).get(claim.details["dataset"], [])
    if not points:
        return
    first, last = points[0].mean, points[-1].mean
    ends = [
        sized([value], tuple(claim.details[end]), last < first)
        for value, end in ((first, "first"), (last, "last"))
    ]
    verdict = ClaimVerdict.HOLDS if set(ends) == {ClaimVerdict.HOLDS} else ClaimVerdict.ORDER
    yield ClaimFinding("", claim.details["dataset"], verdict, _text(points))


def _loss_early(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    lines = _lines(results)
    names = (claim.details["dataset"], claim.details["against"])
    if not all(name in lines for name in names):
        return
    early, late = (_converged(lines[name]) for name in names)
    verdict = ClaimVerdict.HOLDS if early < late else ClaimVerdict.FAILS
    there = next(point for point in lines[names[0]] if point.workers == early)
    since = f"{counted(early, 'worker')} on, {told(there.loss)}"
    text = f"within {CONVERGED:.0%} of the last value from {since}; {names[1]} from {late}"
    yield ClaimFinding("", names[0], verdict, text)


def _converged(points: list[LossPoint]) -> int:
    """Workers from which on the loss is close to its last value."""
    last = points[-1].mean
    far = [point.workers for point in points if abs(point.mean / last - 1.0) > CONVERGED]
    return max(far, default=0) + 1


LOSS_JUDGES: dict[str, Callable[[PaperClaim, PaperResults], Iterator[ClaimFinding]]] = {
    "loss_falls": _loss_falls,
    "workers_rise": _workers_rise,
    "accuracy_rises": _accuracy_rises,
    "loss_ends": _loss_ends,
    "loss_early": _loss_early,
}
