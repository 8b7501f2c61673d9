"""Results of the paper's figures, made up: what verdicts are tried on."""

from __future__ import annotations

from collections.abc import Sequence

from qnetsim.analysis.paired import ConfidenceInterval
from qnetsim.studies.paper.cost_figure import QUICK
from qnetsim.studies.paper.cost_rows import CostRow, StageCosts
from qnetsim.studies.paper.fig9 import CurveSummary
from qnetsim.studies.paper.judges import Judgement, judgements
from qnetsim.studies.paper.loss_points import LossPoint
from qnetsim.studies.paper.paper_results import PaperResults
from qnetsim.studies.paper.verdicts import ClaimVerdict

NETWORK, OWN = "paper, network reward", "paper, own reward"


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


def judged(claim_id: str, results: PaperResults) -> Judgement:
    (found,) = (j for j in judgements(results) if j.claim.id == claim_id)
    return found


def verdict(claim_id: str, results: PaperResults) -> ClaimVerdict:
    return judged(claim_id, results).verdict


def of_costs(figure: str, *rows: CostRow) -> PaperResults:
    return PaperResults(QUICK, {figure: rows})


def losses(dataset: str, *means: float) -> tuple[LossPoint, ...]:
    return tuple(
        LossPoint(dataset, n, (m, m), (1 - m, 1 - m), 100) for n, m in enumerate(means, start=1)
    )


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


def of_epochs(
    nsfnet: Sequence[int | None], usnet: Sequence[int | None], epochs: int = 100
) -> PaperResults:
    names = ("fedsac", "decsac", "decppo")
    found = [
        curve(topology, OWN, name, *(at,) * 5, epochs=epochs)
        for topology, each in (("nsfnet", nsfnet), ("usnet", usnet))
        for name, at in zip(names, each, strict=True)
    ]
    return PaperResults(QUICK, curves=tuple(found))
