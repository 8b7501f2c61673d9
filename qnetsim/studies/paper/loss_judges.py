"""Judges of the claims on Fig. 4: loss of the global model over the key rate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

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
        return f"{first.mean:.3f} ± {first.spread:.3f} with the only worker"
    return (
        f"{first.mean:.3f} ± {first.spread:.3f} with one worker, {last.mean:.3f} ± "
        f"{last.spread:.3f} with {last.workers}"
    )


def _loss_falls(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    for name, points in _lines(results).items():
        means = [point.mean for point in points]
        falls = all(b < a for a, b in pairwise(means))
        if len(means) == 1:
            # six features or fewer make one worker: there is no curve
            continue
        if falls:
            verdict = ClaimVerdict.HOLDS
        else:
            verdict = ClaimVerdict.ORDER if means[-1] < means[0] else ClaimVerdict.FAILS
        rises = sum(b >= a for a, b in pairwise(means))
        text = _text(points)
        if rises:
            text += f"; it rises at {rises} of {counted(len(means) - 1, 'step')}"
        yield ClaimFinding("", name, verdict, text)


def _accuracy_rises(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    for name, points in _lines(results).items():
        if len(points) == 1:
            continue
        first, last = points[0].accuracy, points[-1].accuracy
        verdict = ClaimVerdict.HOLDS if last > first else ClaimVerdict.FAILS
        text = f"accuracy {first:.1%} with one worker, {last:.1%} with {points[-1].workers}"
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
    since = counted(early, "worker")
    text = f"within {CONVERGED:.0%} of the last value from {since} on; {names[1]} from {late}"
    yield ClaimFinding("", names[0], verdict, text)


def _converged(points: list[LossPoint]) -> int:
    """Workers from which on the loss is close to its last value."""
    last = points[-1].mean
    far = [point.workers for point in points if abs(point.mean / last - 1.0) > CONVERGED]
    return max(far, default=0) + 1


LOSS_JUDGES: dict[str, Callable[[PaperClaim, PaperResults], Iterator[ClaimFinding]]] = {
    "loss_falls": _loss_falls,
    "accuracy_rises": _accuracy_rises,
    "loss_ends": _loss_ends,
    "loss_early": _loss_early,
}
