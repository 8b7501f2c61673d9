"""States of a training and trained policies as files: safetensors only, never a pickle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save

from qnetsim.analysis.learning_curves import converged
from qnetsim.errors import UsageError, argument
from qnetsim.input_files import forget_input
from qnetsim.learning.options import SEEDS_ROW
from qnetsim.learning.train import Training, TrainingCurve
from qnetsim.plain_text import counted
from qnetsim.policies.learned.tensor_file import read_tensors
from qnetsim.policies.learned.trained_network import graph_of
from qnetsim.policies.learned.training_facts import facts_of
from qnetsim.policies.learned.weights import Weights, packed
from qnetsim.scenario.tables.portable import file_name
from qnetsim.trace.hdf5.files import write_whole

FORMAT = "qnetsim-training"
#: Columns of a curve in a state.
CURVE = ("epochs", "deterministic", "stochastic", "slots", "updates", "cpu_s")


def identity(training: Training) -> dict[str, object]:
    """What must be equal for a training to go on where another one stopped.

    The keys, and those of the tensors, are the format of the files: they keep their names.
    """
    found: dict[str, object] = {
        "algorithm": training.algorithm,
        "members": list(training.training_seeds),
        "scenario": training.case.scenario.digest(),
        "torch": version("torch"),
    }
    more = {"options": training.options.as_json(), "source": training.source}
    return found | {name: value for name, value in more.items() if value}


def save_state(training: Training, path: Path, *, durable: bool = False) -> None:
    """Write everything that a resumed training needs; the file before it stays until it is done.

    Raises
    ------
    TraceError
        It cannot be written.
    """
    curve = training.curve
    learner = training.learner
    tensors = {f"learner.{name}": tensor for name, tensor in learner.tensors().items()}
    tensors |= {f"core.{k}": torch.from_numpy(v) for k, v in training.environment.arrays().items()}
    if training.best is not None:
        tensors |= {f"best.{name}": tensor for name, tensor in training.best.tensors().items()}
    for name in CURVE:
        tensors[f"curve.{name}"] = torch.from_numpy(np.array(getattr(curve, name), np.float64))
    about = {
        "identity": identity(training),
        "epoch": training.epoch,
        "updates": learner.updates,
        "slot": training.epoch * training.case.scenario.learning.slots_per_epoch,
    }
    plain = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    data = save(plain, metadata={FORMAT: json.dumps(about)})
    write_whole(path, data, durable=durable)


def restore_state(training: Training, path: Path) -> None:
    """Go on where a training stopped.

    Raises
    ------
    UsageError
        The file is no state of a training, or that of another training.
    """
    try:
        file = read_tensors(path, "state of a training", FORMAT, "pt")
    except UsageError as error:
        raise UsageError(
            f"{error}; remove it, or give {argument('force', 'True')} to begin anew"
        ) from None
    # it is replaced by later states of the same training
    forget_input(path)
    about = file.about
    if about.get("identity") != identity(training):
        raise UsageError(
            f"{path}: is the state of another training (scenario, policy, seeds, options or torch "
            "differ); "
            f"give another {argument('out')}, or {argument('force', 'True')} to begin anew"
        )
    tensors = file.tensors
    # states of 0.1.0 do not say which epochs were evaluated: all of them were
    if "curve.slots" in tensors:
        epochs = torch.arange(len(tensors["curve.slots"]), dtype=torch.float64)
        tensors.setdefault("curve.epochs", epochs)
    try:
        _refuse_misfit(training, about, tensors)
        _restore(training, about, tensors)
    except (KeyError, RuntimeError, ValueError, TypeError, OverflowError) as error:
        raise UsageError(
            f"{path}: is damaged ({error}); remove it, or give {argument('force', 'True')} to "
            "begin anew"
        ) from None


def _refuse_misfit(
    training: Training, about: dict[str, object], found: dict[str, torch.Tensor]
) -> None:
    """Refuse counts and shapes that no state of this training has.

    Raises
    ------
    ValueError, KeyError
    """
    table = training.case.scenario.learning
    epoch = about["epoch"]
    if type(epoch) is not int or not 0 <= epoch <= table.epochs:
        raise ValueError(f"its epoch is {epoch!r}")
    if about["slot"] != epoch * table.slots_per_epoch or type(about["updates"]) is not int:
        raise ValueError(f"its slot is {about['slot']!r} after {counted(epoch, 'epoch')}")
    wanted = {f"learner.{name}": t for name, t in training.learner.tensors().items()}
    wanted |= {f"core.{k}": torch.from_numpy(v) for k, v in training.environment.arrays().items()}
    if training.best is not None:
        wanted |= {f"best.{name}": t for name, t in training.best.tensors().items()}
    shapes = {name: (tuple(t.shape), t.dtype) for name, t in wanted.items()}
    seeds = len(training.training_seeds)
    rows = len(training.evaluated(epoch))
    for name in CURVE:
        each = (seeds,) if name in {"deterministic", "stochastic"} else ()
        shapes[f"curve.{name}"] = ((rows, *each), torch.float64)
    for name, shape in shapes.items():
        if (tuple(found[name].shape), found[name].dtype) != shape:
            raise ValueError(f"{name} has shape {tuple(found[name].shape)}")


def _restore(training: Training, about: dict[str, int], found: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, tensor in training.learner.tensors().items():
            tensor.copy_(found[f"learner.{name}"])
        if training.best is not None:
            for name, tensor in training.best.tensors().items():
                tensor.copy_(found[f"best.{name}"])
    training.environment.restore(
        about["slot"],
        {name: found[f"core.{name}"].numpy() for name in training.environment.arrays()},
    )
    training.learner.updates = about["updates"]
    training.epoch = about["epoch"]
    rows = {name: found[f"curve.{name}"].numpy() for name in CURVE}
    training.curve = TrainingCurve(
        list(rows["deterministic"]),
        list(rows["stochastic"]),
        [int(n) for n in rows["epochs"]],
        [int(n) for n in rows["slots"]],
        [int(n) for n in rows["updates"]],
        [float(x) for x in rows["cpu_s"]],
    )
    training.resume_clock()


def write_weights(path: Path, weights: Weights, *, durable: bool = False) -> str:
    """Write a policy over what is there; returns the SHA-256 of the file.

    Raises
    ------
    TraceError
        It cannot be written; a file that is there already stays as it is.
    """
    data = packed(weights)
    write_whole(path, data, durable=durable)
    return hashlib.sha256(data).hexdigest()


def weights_of(training: Training, place: int = 0) -> Weights:
    """Policies of one seed, as ``qnetsim.policies.learned`` reads them.

    Parameters
    ----------
    training : Training
    place : int
        Position of the seed in ``training.training_seeds``.
    """
    learner = training.learner
    scenario = training.case.scenario
    first = place * learner.agents
    kept = training.kept_row(place)
    policy = learner.policy if kept is None or training.best is None else training.best.policy
    rows = slice(first, first + (1 if learner.shared else learner.agents))
    layers = [layer.detach()[rows].cpu().numpy().astype(np.float32) for layer in policy]
    row = -1 if kept is None else kept
    curve = training.curve
    costs = np.array(curve.stochastic)[:, place]
    reached = converged(costs[:, None])[0]
    epochs = training.evaluated(training.epoch)
    card = {
        "policy": training.algorithm,
        "topology": file_name(training.case.network.topology.name),
        "scenario": scenario.portable().model_dump(mode="json"),
        "scenario_digest": scenario.digest(),
        "training": facts_of(training.case.setting),
        "training_seed": training.training_seeds[place],
        "epochs": training.epoch,
        "slots": curve.slots[-1],
        "updates": curve.updates[-1],
        "untrained_cost": round(float(costs[0]), 6),
        "final_cost": round(float(costs[row]), 6),
        "final_cost_of_mean_actions": round(float(curve.deterministic[row][place]), 6),
        "converged_at_epoch": None if np.isinf(reached) else epochs[int(reached)],
        "versions": {name: version(name) for name in ("qnetsim", "torch", "numpy")},
        "licence": "GPL-3.0-or-later",
    }
    more = {"options": training.options.as_json(), "source": training.source}
    card |= {name: value for name, value in more.items() if value}
    if not learner.shared:
        # whose policies they are
        card["graph"] = graph_of(training.case.network.topology)
    if kept is not None:
        card["kept_epoch"] = epochs[kept]
        card["checked_cost_of_mean_actions"] = round(float(training.checked_cost()[place]), 6)
    # an action keeps its meaning where another scenario has other levels
    spec = replace(learner.spec, most_channels=training.environment.units.top)
    return Weights(tuple(zip(layers[::2], layers[1::2], strict=True)), spec, card)


def card_text(weights: Weights, sha256: str) -> str:
    """Model card in Markdown."""
    card = weights.card
    settings = card["scenario"]
    assert isinstance(settings, dict)
    options = dict(card.get("options", {}))  # type: ignore[call-overload]
    scenario_seed = settings["run"]["seed"]
    train_seed = options.get("train_seed", scenario_seed)
    converged_at = card["converged_at_epoch"]
    rows = [
        ("topology", card["topology"]),
        ("policies", f"{weights.policies} ({'shared' if weights.policies == 1 else 'one a unit'})"),
        ("epochs, slots, updates", f"{card['epochs']}, {card['slots']}, {card['updates']}"),
        ("cost over C*, untrained", card["untrained_cost"]),
        ("cost over C*, drawn actions", card["final_cost"]),
        ("cost over C*, mean actions", card["final_cost_of_mean_actions"]),
        *_stop_rows(card, options, settings["learning"]["epochs"]),
        *_kept_rows(card),
        ("within 5 % of C* from epoch", "never" if converged_at is None else converged_at),
        ("channels for each routed request at action 1", weights.spec.most_channels),
        (SEEDS_ROW, f"{scenario_seed}, {train_seed}, {card['training_seed']}"),
        ("scenario digest", f"`{card['scenario_digest']}`"),
        ("SHA-256", f"`{sha256}`"),
        ("versions", ", ".join(f"{k} {v}" for k, v in dict(card["versions"]).items())),  # type: ignore[call-overload]
        ("licence", card["licence"]),
    ]
    learned = "\n".join(
        f"{key} = {json.dumps(value)}" for key, value in settings["learning"].items()
    )
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return (
        f"# {card['policy']} for {card['topology']}\n\n"
        "Written by `qnetsim train`. It decides channels and KM wavelengths from what its agents "
        "see; C* is the expected cost of `sip`. It fits the demand and the prices it was trained "
        "on, and says nothing about others.\n\n"
        f"| | |\n|---|---|\n{table}\n\n```toml\n[learning]\n{learned}\n```\n"
    )


def _stop_rows(
    card: Mapping[str, object], options: Mapping[str, int], epochs: int
) -> list[tuple[str, object]]:
    """The row of a card on an early stop, where the training was stopped before its last epoch."""
    if card["epochs"] == epochs or not (after := options.get("stop_after")):
        return []
    without = f"after {counted(after, 'evaluation')} without a lower cost"
    return [("stopped early", f"{without}; [learning] has {counted(epochs, 'epoch')}")]


def _kept_rows(card: Mapping[str, object]) -> list[tuple[str, object]]:
    """Rows of a card on the epoch that was kept and on other choices of the training."""
    rows: list[tuple[str, object]] = []
    if "kept_epoch" in card:
        rows += [
            ("epoch that was kept, the cheapest one by mean actions", card["kept_epoch"]),
            ("cost over C*, mean actions, other worlds", card["checked_cost_of_mean_actions"]),
        ]
    for name in ("options", "source"):
        if name in card:
            rows += [(name, f"`{json.dumps(card[name])}`")]
    return rows
