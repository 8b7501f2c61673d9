"""What docs/background/learning-*.md say of the learning policies, on few seeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support import SCENARIOS

torch = pytest.importorskip("torch")

from qnetsim.analysis.learning_curves import converged  # noqa: E402
from qnetsim.case import load, open_case  # noqa: E402
from qnetsim.learning.checkpoint import weights_of, write_weights  # noqa: E402
from qnetsim.learning.train import Training  # noqa: E402
from qnetsim.policies.learned.model_files import MODELS  # noqa: E402
from qnetsim.policies.learned.weights import read_weights  # noqa: E402
from qnetsim.policies.registry import make_policy  # noqa: E402
from qnetsim.runs.run_context import RunContext, run_case  # noqa: E402

pytestmark = pytest.mark.slow


def trained(name: str, algorithm: str, seeds: int = 2, **changes: object) -> np.ndarray:
    """Stochastic cost over C*, shape (epochs + 1, seeds)."""
    torch.set_num_threads(1)
    scenario = load(SCENARIOS / f"{name}.toml")
    learning = scenario.learning.model_copy(update=changes)
    case = open_case(scenario.model_copy(update={"learning": learning}))
    training = Training(case, algorithm, range(seeds))
    return np.array(training.run().stochastic)


def test_the_documented_command_gives_the_shipped_weights(tmp_path: Path) -> None:
    """To their SHA-256 with the same torch on the same kind of machine, else to 1 % of cost."""
    torch.set_num_threads(1)
    case = open_case(load(SCENARIOS / "nsfnet.toml"))
    training = Training(case, "fedsac", [0])
    training.run()
    shipped = read_weights(MODELS / "fedsac-nsfnet.safetensors")
    found = write_weights(tmp_path / "w.safetensors", weights_of(training))
    if found != shipped.sha256:
        final = training.curve.stochastic[-1][0]
        assert final == pytest.approx(float(str(shipped.card["final_cost"])), rel=0.01)


def test_tuned_fedsac_is_near_the_optimum_within_four_epochs_and_ahead() -> None:
    curves = {a: trained("nsfnet", a) for a in ("fedsac", "decsac", "decppo")}
    fedsac = curves["fedsac"]
    assert (converged(fedsac) <= 4).all()
    assert (fedsac[30] <= 1.01).all()
    for other in ("decsac", "decppo"):
        assert fedsac[4].mean() < curves[other][4].mean()


def test_context_makes_one_policy_fit_unlike_fibres_and_without_it_averaging_fails() -> None:
    seen = trained("heterogeneous", "fedsac")
    assert (seen[8] <= 1.05).all()
    assert seen[30].mean() <= 1.02
    plain = trained("heterogeneous", "fedsac", observe=("actions",), decide_by="agent")
    assert (plain[30] > 1.15).all()


@pytest.mark.parametrize(
    ("name", "dearer", "cheaper"),
    [
        (
            "regimes",
            {"sip": {}, "evf": {}, "empirical": {"window_slots": 6, "every_slots": 1}},
            {"belief": {}, "dynamic-program": {}, "mpc": {}},
        ),
        (
            "stores",
            {"sip": {}, "evf": {}, "level": {"level": 4}, "empirical": {}},
            {"dynamic-program": {}, "mpc": {}},
        ),
    ],
)
def test_learning_beats_plans_where_demand_switches_and_rules_beat_learning(
    name: str, dearer: dict[str, dict[str, object]], cheaper: dict[str, dict[str, object]]
) -> None:
    """On worlds apart from the shipped comparison's."""
    case = open_case(load(SCENARIOS / f"{name}.toml"))

    def costs(policy: str, options: dict[str, object]) -> list[float]:
        found = []
        for replication in (20, 21, 22):
            total: list[float] = []
            run_case(
                RunContext(case, policy, replication),
                make_policy(policy, options),
                case.realisation(replication).chunks(),
                lambda _, block, total=total: total.extend(
                    float(v.sum()) for k, v in block.columns.items() if k.endswith("_cost")
                ),
            )
            found.append(sum(total))
        return found

    learned = costs("fedsac", {"model": name})
    for other, options in dearer.items():
        assert all(a < b for a, b in zip(learned, costs(other, options), strict=True)), other
    for other, options in cheaper.items():
        assert all(a > b for a, b in zip(learned, costs(other, options), strict=True)), other
