"""Judges of the claims on Fig. 9: epochs until the learning policies are near the optimum.

The paper leaves open whose cost is the reward, what an action may reserve, and what optimisers
share: these are readings. Tuned settings have other parameters than the paper states: what comes
out with them is shown, and says nothing on a claim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise

import numpy as np

from qnetsim.plain_text import counted
from qnetsim.studies.paper.cost_figure import TOPOLOGIES
from qnetsim.studies.paper.curve_settings import SETTINGS
from qnetsim.studies.paper.fig9 import NAMES, CurveSummary, median_epoch
from qnetsim.studies.paper.paper_claims import PaperClaim, epochs_claimed
from qnetsim.studies.paper.paper_results import PaperResults
from qnetsim.studies.paper.verdicts import ClaimFinding, ClaimVerdict, sized, worst

#: Chance that seeds are taken for an order of policies that are equal.
CHANCE = 0.05


def _shown(results: PaperResults) -> list[CurveSummary]:
    """Curves beside a claim: all but those of controls."""
    return [curve for curve in results.curves if not SETTINGS[curve.setting].control]


def _told(setting: str, verdict: ClaimVerdict) -> ClaimVerdict:
    """A verdict that a setting allows: none without the parameters that the paper states."""
    return verdict if SETTINGS[setting].stated else ClaimVerdict.OPEN


def _epochs(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    wanted = (claim.details["topology"], claim.details["algorithm"])
    for curve in _shown(results):
        if (curve.topology, curve.algorithm) == wanted:
            verdict = _told(curve.setting, _verdict(claim, curve))
            text = f"{_text(curve)}{_beside(claim, curve)}"
            yield ClaimFinding(curve.setting, "", verdict, text)


def _beside(claim: PaperClaim, curve: CurveSummary) -> str:
    """On which side of the claim a number is that it does not cover."""
    low, high = claim.size
    if np.isinf(curve.median) or low <= curve.median <= high or not SETTINGS[curve.setting].stated:
        return ""
    return "; faster than claimed" if curve.median < low else "; slower than claimed"


def _verdict(claim: PaperClaim, curve: CurveSummary) -> ClaimVerdict:
    if np.isinf(curve.median):
        return _not_converged(curve)
    return sized([curve.median], claim.size, order=True)


def _not_converged(curve: CurveSummary) -> ClaimVerdict:
    """A training that was shorter than the paper's says nothing against it."""
    needed = epochs_claimed(curve.topology, curve.algorithm).size[1]
    return ClaimVerdict.OPEN if curve.epochs < needed else ClaimVerdict.FAILS


def _text(curve: CurveSummary) -> str:
    return f"{epochs_text(curve.converged_at, curve.epochs)}; {costs_text(curve)}"


def epochs_text(converged_at: Sequence[int | None], epochs: int) -> str:
    """Median epoch of convergence, its range over the seeds, and how many never converge."""
    known = [epoch for epoch in converged_at if epoch is not None]
    never = len(converged_at) - len(known)
    seeds = counted(len(converged_at), "seed")
    median = median_epoch(converged_at)
    if np.isinf(median):
        some = f"{len(known)} at {min(known)} … {max(known)}" if known[1:] else ""
        told = some or "".join(f"one at {epoch}" for epoch in known)
        return f"not within {counted(epochs, 'epoch')} ({seeds}{told and ', ' + told})"
    spread = f", {min(known)} … {max(known)}" if len(known) > 1 else ""
    spread += f", {never} never" if never else ""
    return f"epoch {median:g} ({seeds}{spread})"


def costs_text(curve: CurveSummary) -> str:
    """Cost of drawn and of mean actions over C*, untrained and at the end."""
    return (
        f"cost / C* of drawn actions {curve.first_drawn:.3f} → {curve.last_drawn:.3f}, of mean "
        f"actions {curve.first_mean:.3f} → {curve.last_mean:.3f}"
    )


def _converges(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    for curve in _shown(results):
        if np.isinf(curve.median):
            verdict = _not_converged(curve)
        else:
            verdict = ClaimVerdict.HOLDS if _of_all(curve.setting) else ClaimVerdict.OPEN
        place = f"{curve.topology.upper()}, {NAMES[curve.algorithm]}"
        yield ClaimFinding(curve.setting, place, _told(curve.setting, verdict), _text(curve))
    yield from _untrained(results)


def _of_all(setting: str) -> bool:
    """Whether a reading is one of all policies; what one does says nothing on the others."""
    return set(SETTINGS[setting].algorithms) == set(NAMES)


def _untrained(results: PaperResults) -> Iterator[ClaimFinding]:
    """What a claim on all policies and topologies lacks under a reading of which some are there."""
    there = {(curve.setting, curve.topology, curve.algorithm) for curve in results.curves}
    for setting in dict.fromkeys(curve.setting for curve in _shown(results)):
        wanted = SETTINGS[setting].stated and _of_all(setting)
        for topology in TOPOLOGIES if wanted else ():
            lacking = [NAMES[n] for n in NAMES if (setting, topology, n) not in there]
            if lacking:
                place = f"{topology.upper()}, {', '.join(lacking)}"
                yield ClaimFinding(setting, place, ClaimVerdict.OPEN, "not trained here")


def _epochs_order(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    names = claim.details["algorithms"]
    for (setting, topology), curves in _groups(results, "setting", "topology"):
        if any(name not in curves for name in names):
            continue
        line = [curves[name] for name in names]
        text = ", ".join(f"{NAMES[curve.algorithm]} {_epoch(curve)}" for curve in line)
        shown = _each_later(line)
        text += _undecided(line, shown)
        yield ClaimFinding(setting, topology.upper(), _told(setting, shown), text)


def _epochs_fewer(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    for (setting, algorithm), curves in _groups(results, "setting", "algorithm"):
        if set(curves) != {"nsfnet", "usnet"}:
            continue
        line = [curves["usnet"], curves["nsfnet"]]
        shown = _each_later(line)
        text = ", ".join(f"{curve.topology.upper()} {_epoch(curve)}" for curve in line)
        text += _undecided(line, shown)
        yield ClaimFinding(setting, NAMES[algorithm], _told(setting, shown), text)


def _each_later(curves: Sequence[CurveSummary]) -> ClaimVerdict:
    """Whether each converges later than the one before; open where the trainings do not tell.

    Medians have to be in order, and more than chance would put them so.
    """
    found = ClaimVerdict.HOLDS
    for before, after in pairwise(curves):
        if np.isinf(before.median):
            # the other one was faster, if it was fast enough to be seen
            known = after.median <= before.epochs
            verdict = ClaimVerdict.FAILS if known else ClaimVerdict.OPEN
        elif after.epochs < before.median:
            verdict = ClaimVerdict.OPEN
        elif before.median >= after.median:
            verdict = ClaimVerdict.FAILS
        else:
            verdict = ClaimVerdict.OPEN if _by_chance(before, after) else ClaimVerdict.HOLDS
        found = worst(found, verdict)
    return found


def _undecided(curves: Sequence[CurveSummary], verdict: ClaimVerdict) -> str:
    """Say that medians are in the order of a claim, and that seeds do not show it."""
    in_order = all(before.median < after.median for before, after in pairwise(curves))
    return "; these seeds do not decide" if in_order and verdict is ClaimVerdict.OPEN else ""


def _by_chance(before: CurveSummary, after: CurveSummary) -> bool:
    """Whether chance may have given seeds of the one that come first: rank-sum test, one-sided."""
    from scipy.stats import mannwhitneyu

    first, then = (
        [np.inf if epoch is None else float(epoch) for epoch in curve.converged_at]
        for curve in (before, after)
    )
    return bool(mannwhitneyu(first, then, alternative="less").pvalue > CHANCE)


def _epoch(curve: CurveSummary) -> str:
    """Median, and its range over the seeds."""
    if np.isinf(curve.median):
        return f"> {curve.epochs}"
    known = [epoch for epoch in curve.converged_at if epoch is not None]
    last = f"{max(known)}" if len(known) == curve.seeds else f"> {curve.epochs}"
    return f"{curve.median:g}" + (f" ({min(known)} … {last})" if curve.seeds > 1 else "")


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
