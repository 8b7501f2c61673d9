"""What a training of `belief-net` leaves: a saved state, and weights, card and curve at the end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save

from qnetsim.errors import UsageError, argument
from qnetsim.input_files import forget_input
from qnetsim.learning.belief import job_worlds
from qnetsim.learning.belief.belief_training import (
    EPOCH_WORLDS,
    BeliefCurve,
    BeliefTraining,
)
from qnetsim.learning.options import SEEDS_ROW
from qnetsim.policies.learned.belief_facts import PAIRS_AT_NODE, facts_with_range, pairs_at_nodes
from qnetsim.policies.learned.belief_weights import BeliefWeights, LawSpec, packed_belief
from qnetsim.policies.learned.tensor_file import read_tensors
from qnetsim.scenario.tables.portable import file_name
from qnetsim.trace.files.curve_file import CurveRecord
from qnetsim.trace.hdf5.files import write_whole
from qnetsim.trace.provenance import environment, software

FORMAT = "qnetsim-belief-training"


def identity(training: BeliefTraining) -> dict[str, object]:
    """What must be equal for a training to go on where another one stopped."""
    return {
        "algorithm": training.algorithm,
        "training_seeds": list(training.training_seeds),
        "train_seed": training.train_seed,
        "scenario": training.case.scenario.digest(),
        "torch": version("torch"),
    }


def save_belief_state(training: BeliefTraining, path: Path, *, durable: bool = False) -> None:
    """Write everything that a resumed training needs; the file before it stays until it is done.

    Raises
    ------
    TraceError
        It cannot be written.
    """
    curve = training.curve
    tensors = {name: t.detach().contiguous().clone() for name, t in training.tensors().items()}
    tensors |= {
        f"curve.{name}": torch.from_numpy(np.array(getattr(curve, name), np.float64))
        for name in ("costs", "slots", "updates", "cpu_s")
    }
    about = {
        "identity": identity(training),
        "epoch": training.epoch,
        "mean_levels": list(training.mean_levels or ()),
    }
    write_whole(path, save(tensors, metadata={FORMAT: json.dumps(about)}), durable=durable)


def restore_belief_state(training: BeliefTraining, path: Path) -> None:
    """Go on where a training stopped.

    Raises
    ------
    UsageError
        The file is no state of such a training, or that of another one.
    """
    begin = f"give {argument('force', 'True')} to begin anew"
    try:
        file = read_tensors(path, "state of a training", FORMAT, "pt")
    except UsageError as error:
        raise UsageError(f"{error}; remove it, or {begin}") from None
    forget_input(path)
    if file.about.get("identity") != identity(training):
        raise UsageError(
            f"{path}: is the state of another training (scenario, policy, seeds or torch differ); "
            f"give another {argument('out')}, or {begin}"
        )
    try:
        _restore(training, file.about, file.tensors)
    except (KeyError, RuntimeError, ValueError, TypeError, OverflowError) as error:
        raise UsageError(f"{path}: is damaged ({error}); remove it, or {begin}") from None


def _restore(
    training: BeliefTraining, about: Mapping[str, object], found: Mapping[str, torch.Tensor]
) -> None:
    epoch = about["epoch"]
    if type(epoch) is not int or not 0 <= epoch <= training.case.scenario.learning.epochs:
        raise ValueError(f"its epoch is {epoch!r}")
    rows = {name: found[f"curve.{name}"].numpy() for name in ("costs", "slots", "updates", "cpu_s")}
    shapes = dict.fromkeys(rows, (epoch + 1,)) | {
        "costs": (epoch + 1, len(training.training_seeds))
    }
    for name, shape in shapes.items():
        if rows[name].shape != shape:
            raise ValueError(f"curve.{name} has shape {rows[name].shape}")
    wanted = training.tensors()
    for name, tensor in wanted.items():
        if found[name].shape != tensor.shape or found[name].dtype != tensor.dtype:
            raise ValueError(f"{name} has shape {tuple(found[name].shape)}")
    means = about["mean_levels"]
    if not isinstance(means, list) or len(means) != (2 if epoch else 0):
        raise ValueError(f"its mean levels are {means!r}")
    with torch.no_grad():
        for name, tensor in wanted.items():
            tensor.copy_(found[name])
    curve = BeliefCurve(
        list(rows["costs"]),
        [int(n) for n in rows["slots"]],
        [int(n) for n in rows["updates"]],
        [float(x) for x in rows["cpu_s"]],
    )
    training.resume(epoch, curve, (means[0], means[1]) if means else None)


def belief_weights_of(training: BeliefTraining, place: int = 0) -> BeliefWeights:
    """Network of one seed, as ``qnetsim.policies.learned`` reads it.

    Parameters
    ----------
    training : BeliefTraining
    place : int
        Position of the seed in ``training.training_seeds``.
    """
    scenario = training.case.scenario
    curve = training.curve
    card = {
        "policy": training.algorithm,
        "topology": file_name(training.case.network.topology.name),
        "scenario": scenario.portable().model_dump(mode="json"),
        "scenario_digest": scenario.digest(),
        "training": facts_with_range(training.case.setting, training.mean_levels or ()),
        "worlds": _ranges(training),
        "train_seed": training.train_seed,
        "training_seed": training.training_seeds[place],
        "epochs": training.epoch,
        "slots": curve.slots[-1],
        "updates": curve.updates[-1],
        "untrained_cost": round(float(curve.costs[0][place]), 6),
        "final_cost": round(float(curve.costs[-1][place]), 6),
        "versions": {name: version(name) for name in ("qnetsim", "torch", "numpy")},
        "licence": "GPL-3.0-or-later",
    }
    return BeliefWeights(training.modules[place].arrays(), training.spec, card)


def _ranges(training: BeliefTraining) -> dict[str, object]:
    """What differs between training worlds."""
    own, other = EPOCH_WORLDS
    table = training.case.scenario.jobs
    forecast = training.case.forecast
    assert table is not None and forecast.jobs is not None
    at_a_node = table.count / len(forecast.jobs.nodes)
    # nodes of other places ask for something with every other one
    pairs = (
        *(nodes - 1 for nodes in job_worlds.NODES),
        *pairs_at_nodes(forecast.pairs),
    )
    return {
        "background": list(job_worlds.BACKGROUNDS),
        "jobs_at_a_node": [round(at_a_node * share, 3) for share in job_worlds.JOB_SHARES],
        "share_of_rounds_gaps": list(job_worlds.SHARES),
        "other_periods": list(job_worlds.PERIODS),
        "sizes": [1, forecast.level_count - 1],
        "members": list(job_worlds.MEMBERS),
        "delay": [0.0, job_worlds.MOST_DELAY],
        "drop_out": [0.0, job_worlds.MOST_DROP_OUT],
        "other_numbers_of_nodes": list(job_worlds.NODES),
        PAIRS_AT_NODE: [min(pairs), max(pairs)],
        "worlds_of_other_numbers_of_nodes": other / (own + other),
        "worlds_of_the_scenarios_law": own / (own + other) * job_worlds.OWN_SHARE,
    }


def belief_card(weights: BeliefWeights, sha256: str) -> str:
    """Model card in Markdown."""
    card = weights.card
    settings, ranges = card["scenario"], card["worlds"]
    assert isinstance(settings, dict) and isinstance(ranges, dict)
    spec = weights.spec
    assert isinstance(spec, LawSpec)
    versions = dict(card["versions"])  # type: ignore[call-overload]
    rows = [
        ("topology", card["topology"]),
        ("units of the two layers", f"{spec.units}, {spec.second_units}"),
        ("slots seen, levels said", f"{spec.slots}, {spec.levels}"),
        ("epochs, slots, updates", f"{card['epochs']}, {card['slots']}, {card['updates']}"),
        ("cost of channels over C*, untrained", card["untrained_cost"]),
        ("cost of channels over C*", card["final_cost"]),
        *((f"training worlds: {name.replace('_', ' ')}", said) for name, said in ranges.items()),
        (SEEDS_ROW, f"{settings['run']['seed']}, {card['train_seed']}, {card['training_seed']}"),
        ("scenario digest", f"`{card['scenario_digest']}`"),
        ("SHA-256", f"`{sha256}`"),
        ("versions", ", ".join(f"{k} {v}" for k, v in versions.items())),
        ("licence", card["licence"]),
    ]
    keys = ("epochs", "slots_per_epoch", "updates_per_epoch", "batch", "hidden_units", "history")
    learned = "\n".join(
        f"{key} = {json.dumps(settings['learning'][key])}" for key in (*keys, "policy_rate")
    )
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return (
        f"# {card['policy']} for {card['topology']}\n\n"
        "Written by `qnetsim train`. One network, the same for every pair, says how likely each "
        "level of the pair's next slot is, from what the pair and its two ends asked for; fibres "
        "hold the newsvendor's quantile of what their pairs add up to. C* is the expected cost of "
        "the channels of `sip`; costs are those of one seed, without stores and limits, in two "
        "worlds that were not trained on, beside no rival. It fits demand like that of its "
        f"training, and says nothing about others.\n\n| | |\n|---|---|\n{table}\n\n"
        f"```toml\n[learning]\n{learned}\n```\n"
    )


def belief_record(training: BeliefTraining) -> CurveRecord:
    """Curve and provenance of a training; the policy draws no actions, so both costs are one."""
    curve = training.curve
    costs = np.array(curve.costs)
    none = np.zeros(0, dtype=np.int64)
    columns = {
        "curve/epoch": np.arange(len(curve.slots)),
        "curve/slots": np.array(curve.slots),
        "curve/updates": np.array(curve.updates),
        "curve/cpu_s": np.array(curve.cpu_s),
        "curve/stochastic": costs,
        "curve/deterministic": costs,
        "curve/seed": np.array(training.training_seeds),
        **{f"ledger/{name}": none for name in ("produced", "consumed", "stored")},
    }
    provenance = {
        "software": software(),
        "environment": environment(),
        "scenario": training.case.scenario.portable().model_dump(mode="json"),
        "scenario_digest": training.case.scenario.digest(),
        "policy": training.algorithm,
        "shared_bytes": training.shared_bytes(),
    }
    return CurveRecord(provenance, columns)


def belief_contents(training: BeliefTraining) -> tuple[dict[str, bytes], str]:
    """Bytes of weights and card, and the SHA-256 of the weights."""
    trained = belief_weights_of(training)
    data = packed_belief(trained)
    sha256 = hashlib.sha256(data).hexdigest()
    return {"weights": data, "card": belief_card(trained, sha256).encode()}, sha256
