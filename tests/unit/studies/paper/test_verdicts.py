"""The verdicts on the paper's claims: each can be said, and each is said for its reason."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from qnetsim.analysis.paired import ConfidenceInterval
from qnetsim.studies.paper import fig8, reasons
from qnetsim.studies.paper.cost_figure import QUICK
from qnetsim.studies.paper.cost_rows import CostRow, StageCosts
from qnetsim.studies.paper.curve_settings import SETTINGS
from qnetsim.studies.paper.curve_tables import curve_table, curve_texts
from qnetsim.studies.paper.fig9 import CurveSummary
from qnetsim.studies.paper.judges import JUDGES, Judgement, judgements
from qnetsim.studies.paper.loss_points import LossPoint
from qnetsim.studies.paper.paper_claims import PaperClaim, claims
from qnetsim.studies.paper.paper_page import page_text
from qnetsim.studies.paper.paper_results import PaperResults
from qnetsim.studies.paper.paper_tables import changed, claim_table, cost_csv
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
        mean_at=(0,) * len(at),
        first_drawn=1.4,
        second_drawn=1.1,
        last_drawn=1.01,
        last_drawn_range=(1.0, 1.02),
        first_mean=1.03,
        second_mean=1.02,
        last_mean=1.0,
        worst_mean=1.323,
        cpu_s=1800.0,
    )


NETWORK, OWN = "paper, network reward", "paper, own reward"
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


def of_epochs(
    nsfnet: Sequence[int | None], usnet: Sequence[int | None], epochs: int = 100
) -> PaperResults:
    names = ("fedsac", "decsac", "decppo")
    found = [
        curve(topology, OWN, name, at, epochs=epochs)
        for topology, each in (("nsfnet", nsfnet), ("usnet", usnet))
        for name, at in zip(names, each, strict=True)
    ]
    return PaperResults(QUICK, curves=tuple(found))


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
    assert "](learning.md" in page(results)
    whys = [row[-1] for row in claim_table(judgements(results)).rows]
    assert not [why for why in whys if "](" in why]
    assert any("full runs in the documentation" in why for why in whys)


def test_no_reason_for_a_verdict_that_is_another() -> None:
    judgement = Judgement(claims()[0], ())
    assert isinstance(judgement.claim, PaperClaim)
    assert reasons.reason(judgement.claim, FAILS) == ""


def test_a_rise_that_chance_allows_is_none() -> None:
    """Wine with its last worker, say: the orders of the features say nothing either way."""

    def wine(*last: float) -> PaperResults:
        each = ((0.40, 0.36), (0.30, 0.32), last)
        points = [LossPoint("wine", n, x, 0.5, 100) for n, x in enumerate(each, start=1)]
        return PaperResults(QUICK, losses=tuple(points))

    (found,) = (j for j in judgements(wine(0.31, 0.315)) if j.claim.id == "loss-falls")
    assert found.verdict is HOLDS
    assert "rises at 1 of 2 steps, by 0.003 (-0.093" in found.findings[0].ours
    assert verdict("loss-falls", wine(0.31, 0.33)) is ORDER
    assert verdict("loss-falls", wine(0.40, 0.42)) is FAILS


def test_workers_and_keys() -> None:
    results = PaperResults(QUICK, losses=losses("digits", 0.5, 0.4))
    assert verdict("loss-hires", results) is HOLDS
    assert verdict("loss-hires", PaperResults(QUICK, losses=losses("iris", 0.5))) is OPEN
    backwards = tuple(reversed(results.losses))
    assert verdict("loss-hires", PaperResults(QUICK, losses=backwards)) is FAILS
    assert "k / K_L" in page(results) and "no amount of keys" in page(results)
    told = page_text(results, {"fig4": "<svg></svg>"})
    assert "no amount of keys" in told and "key bytes a round" in told


@pytest.mark.parametrize(
    ("per_request", "literal", "expected"),
    [
        ((1.4, 1.6), (1.3, 1.5), HOLDS),
        ((1.4, 1.6), (1.3, 3.5), READING),
        ((1.4, 3.2), (1.3, 3.5), FAILS),
    ],
)
def test_an_advantage(
    per_request: tuple[float, float], literal: tuple[float, float], expected: ClaimVerdict
) -> None:
    lines = {"sip": (1, 1), "evf": (1.0, 1.4), "random": per_request, "random-literal": literal}
    rows = [
        row("nsfnet", at, s, c)
        for s, line in lines.items()
        for at, c in zip((0.5, 2.0), line, strict=True)
    ]
    assert verdict("double-advantage", of_costs("fig8", *rows)) is expected
    dear = [r for r in rows if r.scheme != "evf"] + [row("nsfnet", at, "evf", 1.2) for at in (0.5,)]
    assert verdict("double-advantage", of_costs("fig8", *dear)) is OPEN


def test_each_step_of_an_order_has_a_verdict_of_its_own() -> None:
    """FedSAC is the faster one with one reward, PPO the slower one with the other."""
    epochs = {NETWORK: (37, None, 80), OWN: (14, 14, 26)}
    curves = [
        curve("nsfnet", setting, name, at, at)
        for setting, each in epochs.items()
        for name, at in zip(("fedsac", "decsac", "decppo"), each, strict=True)
    ]
    results = PaperResults(QUICK, curves=tuple(curves))
    assert verdict("epochs-order", results) is FAILS
    assert verdict("epochs-fedsac-sac", results) is READING
    assert verdict("epochs-sac-ppo", results) is READING
    (found,) = (j for j in judgements(results) if j.claim.id == "epochs-sac-ppo")
    assert found.findings[1].ours == "DecSAC 14 (14 … 14), DecPPO 26 (26 … 26)"
    some = PaperResults(QUICK, curves=(curve("nsfnet", OWN, "decsac", 3, 5, None), curves[-1]))
    (found,) = (j for j in judgements(some) if j.claim.id == "epochs-sac-ppo")
    assert found.findings[0].ours.startswith("DecSAC 5 (3 … > 100)")


def test_the_same_words_cover_the_same_numbers() -> None:
    sizes: dict[str, set[tuple[float, ...]]] = {}
    for claim in claims():
        if claim.claimed and "size" in claim.details:
            sizes.setdefault(claim.claimed, set()).add(tuple(claim.size))
    assert not {words: found for words, found in sizes.items() if len(found) > 1}


def test_other_prices_than_the_papers_are_told(tmp_path: Path) -> None:
    schemes = {"sip": 1.0, "evf": 1.0, "fedsac": 1.1}
    rows = tuple(row("nsfnet", 2.0, name, cost) for name, cost in schemes.items())
    plain = of_costs("fig8", *rows)
    other = replace(plain, changes={"cost.reserved.receiver": 9.5})
    assert changed(plain) == ""
    assert "Changed: cost.reserved.receiver = 9.5. Verdicts are on these values" in changed(other)
    assert "FedSAC were trained without them" in changed(other)
    told, before = (page_text(found, {"fig8": "<svg></svg>"}) for found in (other, plain))
    assert "Changed: cost.reserved.receiver = 9.5" in told and "Table II give" not in told
    assert "Changed:" not in before and "Table II give" in before
    table = cost_csv(fig8.FIGURE, rows, QUICK, other.changes).splitlines()
    assert table[0].endswith(",seed,changed") and table[1].endswith("cost.reserved.receiver = 9.5")
    other.write(tmp_path / "results.json")
    assert PaperResults.read(tmp_path / "results.json") == other


def test_reasons_name_no_number_that_a_price_decides() -> None:
    """What follows from Table II is computed, and stands beside the reason."""
    every = " ".join([*reasons.REASONS.values(), reasons._SHARED, reasons._EPOCHS])
    assert not re.findall(r"\d+/\d+|four times|one level|two levels", every)


def test_a_topology_that_was_not_trained_is_told() -> None:
    theirs = of_epochs((10, 20, 80), (5, 10, 40))
    half = replace(theirs, curves=tuple(c for c in theirs.curves if c.topology == "nsfnet"))
    assert verdict("converge", half) is OPEN
    (found,) = (j for j in judgements(half) if j.claim.id == "converge")
    last = found.findings[-1]
    assert last.place == "USNET, FedSAC, DecSAC, DecPPO" and last.ours == "not trained here"


def test_one_policy_does_not_converge_for_all() -> None:
    """Moments are shared by FedSAC alone: what it does under this reading says half of a claim."""
    shared = "paper, network reward, shared moments"
    fails = [curve(t, NETWORK, n, None) for t in ("nsfnet", "usnet") for n in ("fedsac", "decsac")]
    fails += [curve(t, NETWORK, "decppo", 80) for t in ("nsfnet", "usnet")]
    for at, expected in ((30, FAILS), (None, FAILS)):
        some = [curve(t, shared, "fedsac", at) for t in ("nsfnet", "usnet")]
        assert verdict("converge", PaperResults(QUICK, curves=(*fails, *some))) is expected
    assert verdict("converge", PaperResults(QUICK, curves=tuple(some[:1]))) is FAILS
    alone = PaperResults(QUICK, curves=(curve("nsfnet", shared, "fedsac", 30),))
    assert verdict("converge", alone) is OPEN


def test_a_training_on_a_larger_network_takes_longer() -> None:
    """Those on USNET are told to take 24/14 of what those on NSFNET took."""
    one = curve("nsfnet", NETWORK, "fedsac", 3)
    every = [
        replace(one, setting=name, algorithm=algorithm, topology=topology, cpu_s=3600.0)
        for topology in ("nsfnet", "usnet")
        for name, setting in SETTINGS.items()
        for algorithm in setting.algorithms
    ]
    twenty = {"converged_at": (3,) * 20, "mean_at": (3,) * 20, "cpu_s": 20 * 3600.0}
    there = [replace(c, **twenty) for c in every if c.topology == "nsfnet"]
    # 1000 epochs of all policies, the paper's settings, and 360 of the others
    assert f"takes {20 * (10 + 3.6) * 24 / 14:.0f} CPU hours" in "".join(curve_texts(there))
