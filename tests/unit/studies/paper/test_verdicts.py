"""The verdicts on the paper's claims: each can be said, and each is said for its reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from qnetsim.studies.paper import reasons
from qnetsim.studies.paper.cost_figure import QUICK
from qnetsim.studies.paper.curve_settings import SETTINGS
from qnetsim.studies.paper.curve_tables import curve_table, curve_texts
from qnetsim.studies.paper.judges import JUDGES, Judgement, judgements
from qnetsim.studies.paper.paper_claims import PaperClaim, claims
from qnetsim.studies.paper.paper_page import page_text
from qnetsim.studies.paper.paper_results import PaperResults
from qnetsim.studies.paper.paper_tables import claim_reason
from qnetsim.studies.paper.reproduction import page
from qnetsim.studies.paper.verdicts import ClaimFinding, ClaimVerdict, combined
from tests.support.made_up_figures import (
    NETWORK,
    OWN,
    curve,
    losses,
    of_costs,
    of_epochs,
    row,
    verdict,
)

HOLDS, ORDER, FAILS, READING, OPEN = ClaimVerdict


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
    (found,) = (j for j in judgements(ours) if j.claim.id == "best-level")
    assert found.findings[0].ours.endswith("in wavelengths, 3 are level 1, 142.9% dearer")
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
    # the difference of random falls, under the one reading that is there
    assert verdict("requests-gaps", of_costs("fig6", *rows)) is FAILS
    evf = [r for r in rows if r.scheme != "random"]
    assert verdict("requests-gaps", of_costs("fig6", *evf)) is HOLDS
    # away from SIP, yet towards EVF
    nearer = [*evf, row("nsfnet", 0, "random", 1.5), row("nsfnet", 1, "random", 2.55)]
    assert verdict("requests-gaps", of_costs("fig6", *nearer)) is FAILS


@pytest.mark.parametrize(
    ("costs", "expected"), [([1, 2, 4, 8], HOLDS), ([1, 2, 3, 4], FAILS), ([8, 4, 2, 1], FAILS)]
)
def test_exponential_and_linear_growth(costs: list[float], expected: ClaimVerdict) -> None:
    rows = [row("nsfnet", v, "evf", float(c)) for v, c in enumerate(costs)]
    assert verdict("exponential", of_costs("fig8", *rows)) is expected


def test_losses() -> None:
    wine = losses("wine", 0.4, 0.32, 0.318)
    theirs = PaperResults(QUICK, losses=(*losses("digits", 0.55, 0.45, 0.4, 0.3), *wine))
    for claim in ("loss-falls", "loss-digits", "loss-wine", "loss-more-workers"):
        assert verdict(claim, theirs) is HOLDS, claim
    ours = PaperResults(QUICK, losses=(*losses("digits", 0.5, 0.3, 0.31), *wine))
    assert verdict("loss-digits", ours) is ORDER
    assert verdict("loss-falls", ours) is ORDER
    assert verdict("loss-falls", PaperResults(QUICK, losses=losses("wine", 0.3, 0.4))) is FAILS


CONTROLS = [setting.name for setting in SETTINGS.values() if setting.control]


def test_epochs() -> None:
    def one(*at: int | None, epochs: int = 100) -> PaperResults:
        return PaperResults(QUICK, curves=(curve("nsfnet", OWN, "decppo", *at, epochs=epochs),))

    assert verdict("epochs-nsfnet-decppo", one(75, 85)) is HOLDS
    # faster is not as claimed
    assert verdict("epochs-nsfnet-decppo", one(18)) is ORDER
    assert verdict("epochs-nsfnet-decppo", one(None, None, 80)) is FAILS
    assert verdict("epochs-nsfnet-decppo", one(None, epochs=30)) is OPEN
    several = [curve("nsfnet", NETWORK, "decppo", 80), curve("nsfnet", OWN, "decppo", 18)]
    assert verdict("epochs-nsfnet-decppo", PaperResults(QUICK, curves=tuple(several))) is READING


@pytest.mark.parametrize(
    ("at", "word"), [(18, "; faster than claimed"), (120, "; slower than claimed"), (80, "")]
)
def test_a_number_of_epochs_stands_on_one_side_of_the_claim(at: int, word: str) -> None:
    results = PaperResults(QUICK, curves=(curve("nsfnet", OWN, "decppo", at, epochs=200),))
    (found,) = (j for j in judgements(results) if j.claim.id == "epochs-nsfnet-decppo")
    (finding,) = found.findings
    assert finding.ours.endswith(f"of mean actions 1.030 → 1.000{word}")


def test_curves_in_words_and_as_a_table() -> None:
    curves = (
        curve("usnet", "tuned", "fedsac", 1, 1, 2, None),
        curve("nsfnet", "tuned, 20 channels", "fedsac", None, 5, None),
    )
    told = "\n".join(curve_texts(curves))
    assert "FedSAC on USNET from 1.400 to 1.100 (mean actions from 1.030 to 1.020)" in told
    assert "the noise of the actions" in told
    # 18 CPU seconds an epoch and policy, by the pace of what is there
    assert "Trained are 3 or 4, and none of 42 rows, in 1.0 CPU hours" in told
    assert "reproduce fig9 --seeds 20 --workers 2` trains the others" in told
    assert "`qnetsim reproduce all` trains 5 of each" in told
    page_of_figure = page_text(PaperResults(QUICK, curves=curves), {"fig9": "<svg></svg>"})
    assert "Cost over C*, interquartile means" in page_of_figure
    assert "of C* before any training" in page_of_figure
    assert "that begin with paper have" in page_of_figure and "`qnetsim" not in page_of_figure
    cells = {row[0]: row for row in curve_table(curves).rows}
    assert "epoch 1.5 (4 seeds, 1 … 2, 1 never)" in cells["usnet"]
    assert "not within 100 epochs (3 seeds, one at 5)" in cells["nsfnet"]
    assert "1.400 → 1.100 → 1.010 (1.000 … 1.020)" in cells["nsfnet"]
    assert "1.323" in cells["nsfnet"]
    far = replace(curves[0], first_mean=1.2)
    assert "noise" not in "".join(curve_texts([far]))
    whole = [
        curve(topology, name, algorithm, *[3] * 20, epochs=100)
        for topology in ("nsfnet", "usnet")
        for name, setting in SETTINGS.items()
        for algorithm in setting.algorithms
    ]
    assert "Wanted" not in "".join(curve_texts(whole))
    # half an hour for 20 seeds of 100 epochs; a row with one less lacks a twentieth of it
    one_less = replace(whole[0], converged_at=(3,) * 19, mean_at=(3,) * 19, cpu_s=19 * 90.0)
    assert "takes 0 CPU hours" in "".join(curve_texts([one_less, *whole[1:]]))
    slow = [replace(c, cpu_s=c.cpu_s * 1000) for c in (one_less, *whole[1:])]
    assert "takes 25 CPU hours" in "".join(curve_texts(slow))


@pytest.mark.parametrize("setting", ["tuned", *CONTROLS])
@pytest.mark.parametrize("epochs", [10, 100])
def test_other_parameters_than_the_stated_ones_judge_nothing(setting: str, epochs: int) -> None:
    names = ("fedsac", "decsac", "decppo")
    at = dict(zip(names, (9, None, None), strict=True))
    curves = [
        curve(t, setting, n, at[n], epochs=epochs) for t in ("nsfnet", "usnet") for n in names
    ]
    results = PaperResults(QUICK, curves=tuple(curves))
    found = [j for j in judgements(results) if j.claim.figure == "fig9"]
    assert {judgement.verdict for judgement in found} == {OPEN}
    shown = all("not within" in str(j.findings) for j in found if j.claim.id == "converge")
    assert shown == (setting == "tuned")


def test_orders_of_epochs() -> None:
    theirs = of_epochs((10, 20, 80), (5, 10, 40))
    for claim in ("epochs-order", "epochs-usnet", "converge"):
        assert verdict(claim, theirs) is HOLDS
    assert verdict("epochs-order", of_epochs((10, 10, 80), (5, 10, 40))) is FAILS
    assert verdict("epochs-usnet", of_epochs((10, 20, 80), (5, 10, 90))) is FAILS


def test_a_training_that_is_too_short_says_nothing_against_convergence() -> None:
    assert verdict("converge", of_epochs((1, 5, None), (1, 3, None), epochs=10)) is OPEN
    assert verdict("converge", of_epochs((1, 5, None), (1, 3, 40), epochs=90)) is OPEN
    assert verdict("converge", of_epochs((1, 5, None), (1, 3, 40))) is FAILS
    # long enough for the one that needs five, on the one topology
    assert verdict("converge", of_epochs((1, 5, 7), (None, 3, 9), epochs=10)) is FAILS


def test_an_order_of_epochs_that_a_short_training_tells() -> None:
    short = of_epochs((1, 5, None), (1, 3, None), epochs=10)
    assert verdict("epochs-order", short) is HOLDS
    # FedSAC takes as long on both, whatever DecPPO would take
    assert verdict("epochs-usnet", short) is FAILS
    assert verdict("epochs-usnet", of_epochs((2, 5, None), (1, 3, None), epochs=10)) is OPEN
    assert verdict("epochs-order", of_epochs((1, None, None), (1, 3, 9), epochs=10)) is OPEN
    assert verdict("epochs-order", of_epochs((None, 5, 9), (1, 3, 9), epochs=10)) is FAILS


def test_worst_place_and_best_known_reading() -> None:
    def found(reading: str, word: ClaimVerdict) -> ClaimFinding:
        return ClaimFinding(reading, "", word, "")

    assert combined([]) is OPEN
    assert combined([found("", HOLDS), found("", FAILS), found("", ORDER)]) is FAILS
    assert combined([found("a", HOLDS), found("b", OPEN)]) is HOLDS
    # what fails in one place fails, whatever was not computed in another
    assert combined([found("", FAILS), found("", OPEN)]) is FAILS
    assert combined([found("", HOLDS), found("", OPEN)]) is OPEN
    # a place without readings is the same under all of them
    assert combined([found("", FAILS), found("a", HOLDS), found("b", HOLDS)]) is FAILS
    assert combined([found("", ORDER), found("a", HOLDS), found("b", FAILS)]) is READING
    assert combined([found("a", HOLDS), found("b", ORDER)]) is READING
    # what was computed in part may yet come out as the other reading does, or not
    assert combined([found("a", FAILS), found("b", HOLDS), found("b", OPEN)]) is OPEN


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


def test_a_verdict_that_does_not_hold_has_a_reason() -> None:
    found = judgements(PaperResults.read())
    assert not [
        j.claim.id
        for j in found
        if j.verdict is not HOLDS and not reasons.reason(j.claim, j.verdict)
    ]
    full = of_epochs((39, None, 79), (21, None, None))
    for judgement in judgements(full):
        if judgement.claim.figure == "fig9" and judgement.verdict is not HOLDS:
            assert reasons.reason(judgement.claim, judgement.verdict), judgement.claim.id


def test_links_stand_in_the_documentation_alone() -> None:
    results = PaperResults.read()
    assert "](learning-paper.md" in page(results)
    untrained = replace(results, curves=())
    whys = [claim_reason(judgement) for judgement in judgements(untrained)]
    assert not [why for why in whys if "](" in why]
    assert any("full runs in the documentation" in why for why in whys)


def test_no_reason_for_a_verdict_that_is_another() -> None:
    judgement = Judgement(claims()[0], ())
    assert isinstance(judgement.claim, PaperClaim)
    assert reasons.reason(judgement.claim, FAILS) == ""
