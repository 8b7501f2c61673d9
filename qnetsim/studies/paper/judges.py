"""What each claim of the paper is held against."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from qnetsim.analysis.paired import ConfidenceInterval
from qnetsim.network.model import WAVELENGTHS_PER_CHANNEL
from qnetsim.studies.paper.cost_figure import EVF, RANDOM, RANDOM_LITERAL, SCHEMES, SIP
from qnetsim.studies.paper.cost_rows import CostRow
from qnetsim.studies.paper.curve_judges import CURVE_JUDGES
from qnetsim.studies.paper.loss_judges import LOSS_JUDGES
from qnetsim.studies.paper.paper_claims import PaperClaim, claims
from qnetsim.studies.paper.paper_results import PaperResults
from qnetsim.studies.paper.verdicts import ClaimFinding, ClaimVerdict, combined, sized

#: Readings of the paper's random baseline.
READINGS = {RANDOM.name: "u channels per request", RANDOM_LITERAL.name: "literal"}
LABELS = {scheme.name: scheme.label for scheme in SCHEMES}
#: Relative difference of costs that is rounding.
ROUNDING = 1e-9
Judge = Callable[[PaperClaim, PaperResults], Iterator[ClaimFinding]]


@dataclass(frozen=True)
class Judgement:
    """A claim, what came out in each place and reading, and the verdict."""

    claim: PaperClaim
    findings: tuple[ClaimFinding, ...]

    @property
    def verdict(self) -> ClaimVerdict:
        """One word for all findings."""
        return combined(self.findings)


def judgements(results: PaperResults) -> list[Judgement]:
    """Judge every claim."""
    return [Judgement(claim, tuple(JUDGES[claim.judge](claim, results))) for claim in claims()]


def _lines(claim: PaperClaim, results: PaperResults) -> Iterator[tuple[str, str, list[CostRow]]]:
    """Reading, topology and rows of each scheme of a claim, by ascending factor."""
    wanted = claim.details.get("schemes") or [claim.details["scheme"]]
    names = [name for scheme in wanted for name in _with_readings(scheme)]
    rows = results.costs.get(claim.figure, ())
    for name in names:
        for topology in dict.fromkeys(row.topology for row in rows):
            mine = [row for row in rows if (row.topology, row.scheme) == (topology, name)]
            if mine:
                yield name, topology, sorted(mine, key=lambda row: row.value)


def _with_readings(scheme: str) -> Sequence[str]:
    return tuple(READINGS) if scheme == RANDOM.name else (scheme,)


def _place(scheme: str, topology: str) -> str:
    """The reading of a scheme stands beside its place."""
    return f"{topology.upper()}, {LABELS[scheme].partition(',')[0]}"


def _ratio(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    at = claim.details.get("at")
    for scheme, topology, line in _lines(claim, results):
        rows = [row for row in line if at is None or row.value == at]
        ratios = [row.ratio for row in rows if row.ratio is not None]
        if not ratios:
            continue
        # a policy that costs what sip costs is not cheaper
        order = min(ratios) >= 1.0 - ROUNDING
        verdict = sized([max(r, 1.0) if order else r for r in ratios], claim.size, order)
        middle = rows[len(rows) // 2]
        text = _range(ratios) + _simulated(middle, at is None)
        yield ClaimFinding(READINGS.get(scheme, ""), topology.upper(), verdict, text)


def _range(values: Sequence[float]) -> str:
    low, high = f"{min(values):.3f}", f"{max(values):.3f}"
    return low if low == high else f"{low} … {high}"


def _simulated(row: CostRow, several: bool) -> str:
    where = f" at {row.value:g}" if several else ""
    found = row.simulated_ratio
    return "" if found is None else f"; simulated{where} {interval(found, '.3f')}"


def interval(found: ConfidenceInterval, form: str) -> str:
    """An estimate with its interval."""
    if found.low is None or found.high is None:
        return format(found.estimate, form)
    return f"{found.estimate:{form}} ({found.low:{form}} … {found.high:{form}})"


def _cost_rises(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    for scheme, topology, line in _lines(claim, results):
        costs = [row.analytic.total for row in line]
        yield _monotone(scheme, topology, line, costs)


def _gap_rises(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    """Of any two of the schemes."""
    for scheme, topology, line in _lines(claim, results):
        for other in (SIP, EVF)[: 1 if scheme == EVF.name else 2]:
            there = [
                results.rows.get((claim.figure, topology, row.value, other.name)) for row in line
            ]
            gaps = [
                row.analytic.total - lower.analytic.total
                for row, lower in zip(line, there, strict=True)
                if lower is not None
            ]
            if len(gaps) == len(line):
                found = _monotone(scheme, topology, line, gaps)
                yield found._replace(place=f"{found.place} over {other.label}")


def _monotone(
    scheme: str, topology: str, line: Sequence[CostRow], values: Sequence[float]
) -> ClaimFinding:
    verdict = ClaimVerdict.HOLDS if _rises(values) else ClaimVerdict.FAILS
    text = f"{values[0]:,.0f} at {line[0].value:g} … {values[-1]:,.0f} at {line[-1].value:g}"
    return ClaimFinding(READINGS.get(scheme, ""), _place(scheme, topology), verdict, text)


def _rises(values: Sequence[float]) -> bool:
    return all(b > a for a, b in pairwise(values))


def _stage(claim: PaperClaim, results: PaperResults, sign: int) -> Iterator[ClaimFinding]:
    stage = claim.details["stage"]
    for topology, line in _level_lines(results):
        values = [getattr(row.analytic, stage) for row in line]
        # nothing is bought on demand where more is reserved than may be asked for
        moving = [sign * value for value in values if value]
        holds = _rises(moving) and (sign > 0 or not any(values[len(moving) :]))
        ends = [interval(getattr(line[i], stage), ",.0f") for i in (0, -1)]
        text = f"{values[0]:,.0f} … {values[-1]:,.0f}; simulated {ends[0]} … {ends[1]}"
        yield ClaimFinding(
            "", topology.upper(), ClaimVerdict.HOLDS if holds else ClaimVerdict.FAILS, text
        )


def _stage_rises(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    return _stage(claim, results, 1)


def _stage_falls(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    return _stage(claim, results, -1)


def _level_lines(results: PaperResults) -> Iterator[tuple[str, list[CostRow]]]:
    rows = results.costs.get("fig5", ())
    for topology in dict.fromkeys(row.topology for row in rows):
        yield topology, sorted((r for r in rows if r.topology == topology), key=lambda r: r.value)


def _best_at(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    said = claim.details["value"]
    for topology, line in _level_lines(results):
        best = min(line, key=lambda row: row.analytic.total)
        costs = {row.value: row.analytic.total for row in line}
        there = {row.value: row for row in line}.get(said)
        if there is None:
            continue
        dearer = costs[said] / best.analytic.total - 1.0
        text = (
            f"level {best.value:g}, {best.analytic.total:,.0f}; level {said} is {dearer:.1%} dearer"
        )
        text += f"; simulated {interval(best.total, ',.0f')} and {interval(there.total, ',.0f')}"
        level = said / WAVELENGTHS_PER_CHANNEL
        if level in costs:
            dearer = costs[level] / best.analytic.total - 1.0
            text += f"; counted in wavelengths, {said} are level {level:g}, {dearer:.1%} dearer"
        verdict = ClaimVerdict.HOLDS if best.value == said else ClaimVerdict.FAILS
        yield ClaimFinding("", topology.upper(), verdict, text)


def _not_at_crossing(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    for topology, line in _level_lines(results):
        best = min(line, key=lambda row: row.analytic.total).value
        dear = [row.value for row in line if row.analytic.second > row.analytic.first]
        crossing = max(dear, default=-1) + 1
        text = f"the first stage is the dearer one from level {crossing:g} on; the best is {best:g}"
        verdict = ClaimVerdict.FAILS if best == crossing else ClaimVerdict.HOLDS
        yield ClaimFinding("", topology.upper(), verdict, text)


def _exponential(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    """Over equal steps an exponential has equal ratios, and a line equal differences."""
    for scheme, topology, line in _lines(claim, results):
        costs = [row.analytic.total for row in line]
        if len(costs) < 3:
            continue
        ratios = [b / a for a, b in pairwise(costs)]
        steps = [b - a for a, b in pairwise(costs)]
        equal = _rises(costs) and max(ratios) / min(ratios) - 1.0 < 0.01
        bend = (max(steps) - min(steps)) / max(map(abs, steps))
        text = (
            f"a step of 0.25 raises the cost by {ratios[0] - 1:.1%} first and "
            f"{ratios[-1] - 1:.1%} last; the steps themselves differ by {bend:.1%}"
        )
        verdict = ClaimVerdict.HOLDS if equal else ClaimVerdict.FAILS
        yield ClaimFinding(READINGS.get(scheme, ""), _place(scheme, topology), verdict, text)


def _advantage_falls(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    """That of QBN-EVF over SIP, which is cheaper, and over each reading of QBN-Random."""
    costs = {key[1:]: row.analytic.total for key, row in results.rows.items() if key[0] == "fig8"}
    ends = claim.details["from"], claim.details["to"]
    for topology in dict.fromkeys(place for place, *_ in costs):
        for other in (SIP, RANDOM, RANDOM_LITERAL):
            at = [(topology, end, name) for end in ends for name in (EVF.name, other.name)]
            if any(key not in costs for key in at):
                continue
            before, after = (
                costs[topology, end, other.name] / costs[topology, end, EVF.name] for end in ends
            )
            verdict = ClaimVerdict.HOLDS if after < before else ClaimVerdict.FAILS
            text = f"{before:.3f} times the cost of QBN-EVF, then {after:.3f}"
            reading = READINGS.get(other.name, "")
            yield ClaimFinding(reading, _place(other.name, topology), verdict, text)


def _topology_ratio(claim: PaperClaim, results: PaperResults) -> Iterator[ClaimFinding]:
    small = results.rows.get(("fig6", "nsfnet", 100, SIP.name))
    large = results.rows.get(("fig6", "usnet", 200, SIP.name))
    if small is None or large is None:
        return
    ratio = large.analytic.total / small.analytic.total
    text = (
        f"{ratio:.3f}; simulated {interval(large.total, ',.0f')} and "
        f"{interval(small.total, ',.0f')}"
    )
    yield ClaimFinding("", "SIP", sized([ratio], claim.size, ratio > 1.0), text)


JUDGES: dict[str, Judge] = {
    "ratio": _ratio,
    "cost_rises": _cost_rises,
    "gap_rises": _gap_rises,
    "stage_rises": _stage_rises,
    "stage_falls": _stage_falls,
    "best_at": _best_at,
    "not_at_crossing": _not_at_crossing,
    "exponential": _exponential,
    "advantage_falls": _advantage_falls,
    "topology_ratio": _topology_ratio,
    **LOSS_JUDGES,
    **CURVE_JUDGES,
}
