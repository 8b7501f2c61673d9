"""The training of a policy in a terminal and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qnetsim.analysis.learning_curves import converged
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import table
from qnetsim.plain_text import counted
from qnetsim.trace.files.curve_file import CurveRecord

if TYPE_CHECKING:
    from qnetsim.learning.train import Training

#: Epochs that the table shows.
EPOCHS_SHOWN = (0, 1, 2, 3, 4, 6, 8, 10, 15, 20, 30, 40, 60, 80, 100, 150, 200, 500, 1000)


def training_json(training: Training, others: dict[str, float]) -> dict[str, object]:
    """JSON form of a training; ``others`` are costs over C* of other policies, by name."""
    curve = training.curve
    kept = _kept(training)
    return {
        "policy": training.algorithm,
        "seeds": list(training.training_seeds),
        "epochs": [
            {
                "epoch": epoch,
                "slots": curve.slots[row],
                "updates": curve.updates[row],
                "cpu_s": curve.cpu_s[row],
                "stochastic": curve.stochastic[row].tolist(),
                "deterministic": curve.deterministic[row].tolist(),
            }
            for row, epoch in enumerate(curve.epochs)
        ],
        "converged_at_epoch": _converged_at(training),
        **({"kept": kept} if kept else {}),
        **({"options": options} if (options := training.options.as_json()) else {}),
        "cpu_s": curve.cpu_s[-1],
        "beside": others,
    }


def show_training(training: Training, others: dict[str, float]) -> None:
    """Print the learning curve of a training, and the costs of other policies beside it."""
    curve = training.curve
    several = len(training.training_seeds) > 1
    columns = ["epoch", "slots", "updates", "cpu, s", "drawn actions", "mean actions"]
    rows = table(
        f"{training.algorithm}: cost over C*, the expected cost of sip",
        columns,
        first_to_go=["cpu, s", "updates", "slots"],
    )
    every = training.options.evaluate_every
    last = len(curve.epochs) - 1
    for row, epoch in enumerate(curve.epochs):
        if row < last and (epoch // every if epoch % every == 0 else -1) not in EPOCHS_SHOWN:
            continue
        counts = (f"{curve.slots[row]:,}", f"{curve.updates[row]:,}", f"{curve.cpu_s[row]:.1f}")
        both = (_spread(curve.stochastic[row]), _spread(curve.deterministic[row]))
        rows.add_row(f"{epoch}{' (untrained)' * (epoch == 0)}", *counts, *both)
    print_table(rows)
    each = ", ".join("never" if e is None else str(e) for e in _converged_at(training))
    echo(f"drawn actions stay within 5 % of C* from epoch: {each}{' (by seed)' * several}")
    _show_kept(training)
    listed = ", ".join(
        f"{name}{' (sees the future)' * (name == 'perfect')} {ratio:.4f}"
        for name, ratio in others.items()
    )
    echo(f"beside it, simulated    {listed}")


def show_shared_weights(record: CurveRecord, padded: bool) -> None:
    """Print what weights the agents exchanged, and the keys for them where they were padded."""
    shared = dict(record.provenance["shared_bytes"])
    if shared:
        each = ", ".join(f"{name} {count:,}" for name, count in shared.items())
        echo(f"weights shared, bytes   {each}")
    if padded:
        produced, consumed = (
            int(record.columns[f"ledger/{name}"].sum()) for name in ("produced", "consumed")
        )
        echo(f"key bits for them       {consumed:,} of {produced:,} produced, over all fibres")


def _converged_at(training: Training) -> list[int | None]:
    """Epoch from which drawn actions of each seed stay within 5 % of C*; None for never."""
    epochs = training.curve.epochs
    reached = converged(np.array(training.curve.stochastic))
    return [None if np.isinf(row) else epochs[int(row)] for row in reached]


def _kept(training: Training) -> list[dict[str, object]]:
    """The epoch that each seed keeps, with its costs; empty where the last one is kept."""
    best = training.best
    if best is None or not training.options.keep_best:
        return []
    checked = training.checked_cost()
    return [
        {"seed": seed, "epoch": int(epoch), "held_out": float(cost), "other_worlds": float(other)}
        for seed, epoch, cost, other in zip(
            training.training_seeds, best.epoch, best.cost, checked, strict=True
        )
    ]


def _show_kept(training: Training) -> None:
    """Print why a training ended early, and which epochs it keeps."""
    if training.stopped_early:
        without = counted(training.options.stop_after, "evaluation")
        echo(f"stopped early: {without} without a lower cost")
    for kept in _kept(training):
        echo(
            f"kept          epoch {kept['epoch']} of seed {kept['seed']}: mean actions "
            f"{kept['held_out']:.4f}, in other worlds {kept['other_worlds']:.4f}"
        )


def _spread(costs: np.ndarray) -> str:
    """Mean over the seeds, and their range where there are several."""
    text = f"{costs.mean():.4f}"
    return text if len(costs) == 1 else f"{text} ({costs.min():.4f} … {costs.max():.4f})"
