"""Judges of the claims on Fig. 9: epochs until the learning policies are near the optimum.

The paper leaves open whose cost is the reward; each setting of ``fig9.py`` is a reading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby

import numpy as np

from qnetsim.plain_text import counted
from qnetsim.studies.paper.fig9 import CONTROL, CurveSummary
from qnetsim.studies.paper.paper_claims import PaperClaim
from qnetsim.studies.paper.paper_results import PaperResults
from qnetsim.studies.paper.verdicts import ClaimFinding, ClaimVerdict, sized

NAMES = {"fedsac": "FedSAC", "decsac": "DecSAC", "decppo": "DecPPO"}


def _of_the_paper(results: PaperResults) -> list[CurveSummary]:
    """Curves of the readings of the paper's setting, without the control."""
    return [curve for curve in results.curves if curve.setting != CONTROL]


def _epochs(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    wanted = (claim.details["topology"], claim.details["algorithm"])
    for curve in _of_the_paper(results):
        if (curve.topology, curve.algorithm) == wanted:
            yield ClaimFinding(curve.setting, "", _verdict(claim, curve), _text(curve))


def _verdict(claim: PaperClaim, curve: CurveSummary) -> ClaimVerdict:
    median = curve.median
    if np.isinf(median):
        # a training that was shorter than the claim says nothing against it
        return ClaimVerdict.OPEN if curve.epochs < claim.size[1] else ClaimVerdict.FAILS
    return sized([median], claim.size, order=True)


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
    for curve in _of_the_paper(results):
        there = not np.isinf(curve.median)
        longest = max(c.epochs for c in _of_the_paper(results))
        cut = ClaimVerdict.OPEN if curve.epochs < longest else ClaimVerdict.FAILS
        place = f"{curve.topology.upper()}, {NAMES[curve.algorithm]}"
        yield ClaimFinding(curve.setting, place, ClaimVerdict.HOLDS if there else cut, _text(curve))


def _epochs_order(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    for (setting, topology), curves in _groups(results, "setting", "topology"):
        medians = [curves[name].median for name in NAMES if name in curves]
        if len(medians) < len(NAMES):
            continue
        text = ", ".join(f"{NAMES[name]} {_epoch(curves[name])}" for name in NAMES)
        if all(np.isinf(medians)):
            verdict = ClaimVerdict.OPEN
        else:
            verdict = ClaimVerdict.HOLDS if medians == sorted(set(medians)) else ClaimVerdict.FAILS
        yield ClaimFinding(setting, topology.upper(), verdict, text)


def _epochs_fewer(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    for (setting, algorithm), curves in _groups(results, "setting", "algorithm"):
        if set(curves) != {"nsfnet", "usnet"}:
            continue
        small, large = curves["nsfnet"].median, curves["usnet"].median
        if np.isinf(small) and np.isinf(large):
            verdict = ClaimVerdict.OPEN
        else:
            verdict = ClaimVerdict.HOLDS if large < small else ClaimVerdict.FAILS
        text = f"USNET {_epoch(curves['usnet'])}, NSFNET {_epoch(curves['nsfnet'])}"
        yield ClaimFinding(setting, NAMES[algorithm], verdict, text)


def _epoch(curve: CurveSummary) -> str:
    return f"> {curve.epochs}" if np.isinf(curve.median) else f"{curve.median:g}"


def _groups(
    results: PaperResults, *by: str
) -> Iterator[tuple[tuple[str, str], Mapping[str, CurveSummary]]]:
    """Curves that differ in the one part that is not named, by that part."""
    (other,) = {"topology", "setting", "algorithm"} - set(by)

    def key(curve: CurveSummary) -> tuple[str, str]:
        return getattr(curve, by[0]), getattr(curve, by[1])

    for found, curves in groupby(sorted(_of_the_paper(results), key=key), key=key):
        yield found, {getattr(curve, other): curve for curve in curves}


CURVE_JUDGES: dict[str, Callable[[PaperClaim, PaperResults], Iterator[ClaimFinding]]] = {
    "epochs": _epochs,
    "converges": _converges,
    "epochs_order": _epochs_order,
    "epochs_fewer": _epochs_fewer,
}
