"""Judges of the claims on Fig. 9: epochs until the learning policies are near the optimum.

The paper leaves open whose cost is the reward, which makes two readings. Tuned settings have other
parameters than the paper states: what comes out with them is shown, and says nothing on a claim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise

import numpy as np

from qnetsim.plain_text import counted
from qnetsim.studies.paper.fig9 import CONTROL, STATED, CurveSummary
from qnetsim.studies.paper.paper_claims import PaperClaim, epochs_claimed
from qnetsim.studies.paper.paper_results import PaperResults
from qnetsim.studies.paper.verdicts import ClaimFinding, ClaimVerdict, sized, worst

NAMES = {"fedsac": "FedSAC", "decsac": "DecSAC", "decppo": "DecPPO"}


def _shown(results: PaperResults) -> list[CurveSummary]:
    """Curves beside a claim: all but those of the control."""
    return [curve for curve in results.curves if curve.setting != CONTROL]


def _told(setting: str, verdict: ClaimVerdict) -> ClaimVerdict:
    """A verdict that a setting allows: none without the parameters that the paper states."""
    return verdict if setting in STATED else ClaimVerdict.OPEN


def _epochs(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    wanted = (claim.details["topology"], claim.details["algorithm"])
    for curve in _shown(results):
        if (curve.topology, curve.algorithm) == wanted:
            verdict = _told(curve.setting, _verdict(claim, curve))
            yield ClaimFinding(curve.setting, "", verdict, _text(curve))


def _verdict(claim: PaperClaim, curve: CurveSummary) -> ClaimVerdict:
    if np.isinf(curve.median):
        return _not_converged(curve)
    return sized([curve.median], claim.size, order=True)


def _not_converged(curve: CurveSummary) -> ClaimVerdict:
    """A training that was shorter than the paper's says nothing against it."""
    needed = epochs_claimed(curve.topology, curve.algorithm).size[1]
    return ClaimVerdict.OPEN if curve.epochs < needed else ClaimVerdict.FAILS


def _text(curve: CurveSummary) -> str:
    return f"{epochs_text(curve)}; {costs_text(curve)}"


def epochs_text(curve: CurveSummary) -> str:
    """Median epoch of convergence and its range over the seeds."""
    known = [epoch for epoch in curve.converged_at if epoch is not None]
    seeds = counted(len(curve.converged_at), "seed")
    if np.isinf(curve.median):
        return f"not within {counted(curve.epochs, 'epoch')} ({seeds})"
    spread = f", {min(known)} … {max(known)}" if len(known) > 1 else ""
    return f"epoch {curve.median:g} ({seeds}{spread})"


def costs_text(curve: CurveSummary) -> str:
    """Cost of drawn and of mean actions over C*, untrained and at the end."""
    return (
        f"cost / C* of drawn actions {curve.first_drawn:.3f} → {curve.last_drawn:.3f}, of mean "
        f"actions {curve.first_mean:.3f} → {curve.last_mean:.3f}"
    )


def _converges(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    for curve in _shown(results):
        verdict = _not_converged(curve) if np.isinf(curve.median) else ClaimVerdict.HOLDS
        place = f"{curve.topology.upper()}, {NAMES[curve.algorithm]}"
        yield ClaimFinding(curve.setting, place, _told(curve.setting, verdict), _text(curve))


def _epochs_order(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    for (setting, topology), curves in _groups(results, "setting", "topology"):
        if any(name not in curves for name in NAMES):
            continue
        line = [curves[name] for name in NAMES]
        text = ", ".join(f"{NAMES[curve.algorithm]} {_epoch(curve)}" for curve in line)
        verdict = _told(setting, _each_later(line))
        yield ClaimFinding(setting, topology.upper(), verdict, text)


def _epochs_fewer(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    for (setting, algorithm), curves in _groups(results, "setting", "algorithm"):
        if set(curves) != {"nsfnet", "usnet"}:
            continue
        verdict = _told(setting, _each_later([curves["usnet"], curves["nsfnet"]]))
        text = f"USNET {_epoch(curves['usnet'])}, NSFNET {_epoch(curves['nsfnet'])}"
        yield ClaimFinding(setting, NAMES[algorithm], verdict, text)


def _each_later(curves: Sequence[CurveSummary]) -> ClaimVerdict:
    """Whether each converges later than the one before; open where the trainings do not tell."""
    found = ClaimVerdict.HOLDS
    for before, after in pairwise(curves):
        if np.isinf(before.median):
            # the other one was faster, if it was fast enough to be seen
            known = after.median <= before.epochs
            verdict = ClaimVerdict.FAILS if known else ClaimVerdict.OPEN
        elif np.isinf(after.median):
            seen = after.epochs >= before.median
            verdict = ClaimVerdict.HOLDS if seen else ClaimVerdict.OPEN
        else:
            verdict = ClaimVerdict.HOLDS if before.median < after.median else ClaimVerdict.FAILS
        found = worst(found, verdict)
    return found


def _epoch(curve: CurveSummary) -> str:
    return f"> {curve.epochs}" if np.isinf(curve.median) else f"{curve.median:g}"


def _groups(
    results: PaperResults, *by: str
) -> Iterator[tuple[tuple[str, str], Mapping[str, CurveSummary]]]:
    """Curves that differ in the one part that is not named, by that part."""
    (other,) = {"topology", "setting", "algorithm"} - set(by)

    def key(curve: CurveSummary) -> tuple[str, str]:
        return getattr(curve, by[0]), getattr(curve, by[1])

    for found, curves in groupby(sorted(_shown(results), key=key), key=key):
        yield found, {getattr(curve, other): curve for curve in curves}


CURVE_JUDGES: dict[str, Callable[[PaperClaim, PaperResults], Iterator[ClaimFinding]]] = {
    "epochs": _epochs,
    "converges": _converges,
    "epochs_order": _epochs_order,
    "epochs_fewer": _epochs_fewer,
}
