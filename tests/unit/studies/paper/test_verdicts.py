"""The verdicts on the paper's claims: each can be said, and each is said for its reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from qnetsim.analysis.paired import ConfidenceInterval
from qnetsim.studies.paper import reasons
from qnetsim.studies.paper.cost_figure import QUICK
from qnetsim.studies.paper.cost_rows import CostRow, StageCosts
from qnetsim.studies.paper.fig4 import LossPoint
from qnetsim.studies.paper.fig9 import CONTROL, SETTINGS, CurveSummary
from qnetsim.studies.paper.judges import JUDGES, Judgement, judgements
from qnetsim.studies.paper.paper_claims import PaperClaim, claims
from qnetsim.studies.paper.paper_results import PaperResults
from qnetsim.studies.paper.reproduction import page
from qnetsim.studies.paper.verdicts import ClaimFinding, ClaimVerdict, combined

HOLDS, ORDER, FAILS, READING, OPEN = ClaimVerdict


def row(topology: str, value: float, scheme: str, first: float, second: float = 0.0) -> CostRow:
    def sure(x: float) -> ConfidenceInterval:
        return ConfidenceInterval(x, x, x)

    total = first + second
    return CostRow(
        topology=topology,
        value=value,
        scheme=scheme,
        analytic=StageCosts(first, second),
        first=sure(first),
        second=sure(second),
        total=sure(total),
        given_levels=total,
        off=0.0,
        off_limit=1e-9,
        chance_limit=0.1,
        ratio=total,
        simulated_ratio=sure(total),
    )


def verdict(claim_id: str, results: PaperResults) -> ClaimVerdict:
    (found,) = (j for j in judgements(results) if j.claim.id == claim_id)
    return found.verdict


def of_costs(figure: str, *rows: CostRow) -> PaperResults:
    return PaperResults(QUICK, {figure: rows})


def ratios(at: float, evf: float, random: float, literal: float) -> PaperResults:
    schemes = {"sip": 1.0, "evf": evf, "random": random, "random-literal": literal}
    rows = [row(t, at, s, r) for t in ("nsfnet", "usnet") for s, r in schemes.items()]
    return of_costs("fig8", *rows)


@pytest.mark.parametrize(
    ("per_request", "literal", "expected"),
    [
        (2.0, 1.95, HOLDS),
        (1.7, 3.4, ORDER),
        (0.9, 0.8, FAILS),
        (2.0, 3.4, READING),
        (0.9, 1.5, READING),
    ],
)
def test_a_ratio_under_two_readings(
    per_request: float, literal: float, expected: ClaimVerdict
) -> None:
    assert verdict("double-random", ratios(2.0, 1.3, per_request, literal)) is expected


@pytest.mark.parametrize(("evf", "expected"), [(1.5, HOLDS), (1.35, ORDER), (0.99, FAILS)])
def test_a_ratio(evf: float, expected: ClaimVerdict) -> None:
    assert verdict("double-evf", ratios(2.0, evf, 2.0, 2.0)) is expected


def test_what_was_not_computed_is_open() -> None:
    empty = PaperResults(QUICK)
    assert {judgement.verdict for judgement in judgements(empty)} == {OPEN}
    assert verdict("half-evf", ratios(2.0, 1.5, 2.0, 2.0)) is OPEN
    assert "not computed here" in page(empty)


def test_one_topology_that_differs_decides() -> None:
    rows = [row("nsfnet", 2.0, "evf", 1.5), row("usnet", 2.0, "evf", 1.2)]
    assert verdict("double-evf", of_costs("fig8", *rows)) is ORDER


def levels(first: list[float], second: list[float]) -> PaperResults:
    pairs = enumerate(zip(first, second, strict=True))
    return of_costs("fig5", *(row("nsfnet", k, f"level-{k}", a, b) for k, (a, b) in pairs))


def test_cost_structure() -> None:
    ours = levels([1, 2, 3, 4, 5, 6], [20, 15, 9, 5, 2, 1.5])
    assert verdict("first-rises", ours) is HOLDS
    assert verdict("second-falls", ours) is HOLDS
    assert verdict("best-level", ours) is FAILS
    assert verdict("crossing", ours) is FAILS
    theirs = levels([1, 2, 3, 4, 5, 6], [20, 15, 9, 1, 0, 0])
    assert verdict("best-level", theirs) is HOLDS
    assert verdict("second-falls", theirs) is HOLDS
    assert verdict("second-falls", levels([1, 2], [1, 2])) is FAILS
    assert verdict("first-rises", levels([2, 1], [1, 2])) is FAILS
    assert verdict("crossing", levels([1, 2, 3, 4], [10, 3, 2.5, 0.1])) is HOLDS


def test_growth_over_a_factor() -> None:
    lines: Mapping[str, list[float]] = {"sip": [1, 2], "evf": [1.1, 2.2], "random": [1.5, 2.4]}
    rows = [row("nsfnet", v, s, c) for s, line in lines.items() for v, c in enumerate(line)]
    assert verdict("requests-rise", of_costs("fig6", *rows)) is HOLDS
    # the difference of random falls
    assert verdict("requests-gaps", of_costs("fig6", *rows)) is READING
    evf = [r for r in rows if r.scheme != "random"]
    assert verdict("requests-gaps", of_costs("fig6", *evf)) is HOLDS


@pytest.mark.parametrize(
    ("costs", "expected"), [([1, 2, 4, 8], HOLDS), ([1, 2, 3, 4], ORDER), ([4, 3, 2, 1], FAILS)]
)
def test_exponential_and_linear_growth(costs: list[float], expected: ClaimVerdict) -> None:
    rows = [row("nsfnet", v, "evf", float(c)) for v, c in enumerate(costs)]
    assert verdict("exponential", of_costs("fig8", *rows)) is expected


def losses(dataset: str, *means: float) -> tuple[LossPoint, ...]:
    return tuple(LossPoint(dataset, n, (m,), 1 - m, 100) for n, m in enumerate(means, start=1))


def test_losses() -> None:
    wine = losses("wine", 0.4, 0.32, 0.318)
    theirs = PaperResults(QUICK, losses=(*losses("digits", 0.55, 0.45, 0.4, 0.3), *wine))
    for claim in ("loss-falls", "loss-digits", "loss-wine", "loss-more-workers"):
        assert verdict(claim, theirs) is HOLDS, claim
    ours = PaperResults(QUICK, losses=(*losses("digits", 0.5, 0.3, 0.31), *wine))
    assert verdict("loss-digits", ours) is ORDER
    assert verdict("loss-falls", ours) is ORDER
    assert verdict("loss-falls", PaperResults(QUICK, losses=losses("wine", 0.3, 0.4))) is FAILS


def curve(topology: str, setting: str, algorithm: str, *at: int | None, epochs: int = 100):
    return CurveSummary(
        topology=topology,
        setting=setting,
        algorithm=algorithm,
        epochs=epochs,
        converged_at=at,
        first_drawn=1.4,
        last_drawn=1.01,
        first_mean=1.03,
        last_mean=1.0,
        cpu_s=1.0,
    )


def test_epochs() -> None:
    def one(*at: int | None, epochs: int = 100) -> PaperResults:
        return PaperResults(QUICK, curves=(curve("nsfnet", "tuned", "decppo", *at, epochs=epochs),))

    assert verdict("epochs-nsfnet-decppo", one(75, 85)) is HOLDS
    # faster is not as claimed
    assert verdict("epochs-nsfnet-decppo", one(18)) is ORDER
    assert verdict("epochs-nsfnet-decppo", one(None, None, 80)) is FAILS
    assert verdict("epochs-nsfnet-decppo", one(None, epochs=30)) is OPEN
    control = PaperResults(QUICK, curves=(curve("nsfnet", CONTROL, "decppo", 80),))
    assert verdict("epochs-nsfnet-decppo", control) is OPEN
    several = [curve("nsfnet", SETTINGS[0], "decppo", 80), curve("nsfnet", "tuned", "decppo", 18)]
    assert verdict("epochs-nsfnet-decppo", PaperResults(QUICK, curves=tuple(several))) is READING


def test_orders_of_epochs() -> None:
    def results(nsfnet: tuple[int, int, int], usnet: tuple[int, int, int]) -> PaperResults:
        names = ("fedsac", "decsac", "decppo")
        pairs = (("nsfnet", nsfnet), ("usnet", usnet))
        found = [curve(t, "tuned", n, e) for t, at in pairs for n, e in zip(names, at, strict=True)]
        return PaperResults(QUICK, curves=tuple(found))

    theirs = results((10, 20, 80), (5, 10, 40))
    for claim in ("epochs-order", "epochs-usnet", "converge"):
        assert verdict(claim, theirs) is HOLDS
    assert verdict("epochs-order", results((10, 10, 80), (5, 10, 40))) is FAILS
    assert verdict("epochs-usnet", results((10, 20, 80), (5, 10, 90))) is FAILS


def test_worst_place_and_best_known_reading() -> None:
    def found(reading: str, word: ClaimVerdict) -> ClaimFinding:
        return ClaimFinding(reading, "", word, "")

    assert combined([]) is OPEN
    assert combined([found("", HOLDS), found("", FAILS), found("", ORDER)]) is FAILS
    assert combined([found("a", HOLDS), found("b", OPEN)]) is HOLDS
    assert combined([found("a", HOLDS), found("b", ORDER)]) is READING


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    results = replace(
        ratios(2.0, 1.3, 1.7, 3.4),
        losses=losses("wine", 0.4, 0.3),
        curves=(curve("usnet", "tuned", "fedsac", 5, None),),
    )
    path = tmp_path / "results.json"
    results.write(path)
    assert PaperResults.read(path) == results
    assert page(PaperResults.read(path)) == page(results)


def test_claims_are_whole() -> None:
    ids = [claim.id for claim in claims()]
    assert len(set(ids)) == len(ids)
    for claim in claims():
        assert claim.judge in JUDGES
        assert claim.place.startswith("VI-")
        numbers = [float(x) for x in re.findall(r"\d+\.?\d*", claim.claimed)]
        if "size" in claim.details and len(numbers) == 1:
            low, high = claim.size
            assert low <= numbers[0] <= high, claim.id
    assert {claim_id for claim_id, _ in reasons.REASONS} <= set(ids)


def test_no_reason_for_a_verdict_that_is_another() -> None:
    judgement = Judgement(claims()[0], ())
    assert isinstance(judgement.claim, PaperClaim)
    assert reasons.reason(judgement.claim, FAILS) == ""
