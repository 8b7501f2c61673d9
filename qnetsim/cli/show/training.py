"""The training of a policy in a terminal and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qnetsim.analysis.learning_curves import converged
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import table
from qnetsim.trace.files.curve_file import CurveRecord

if TYPE_CHECKING:
    from qnetsim.learning.train import Training

#: Epochs that the table shows.
EPOCHS_SHOWN = (0, 1, 2, 3, 4, 6, 8, 10, 15, 20, 30, 40, 60, 80, 100, 150, 200, 500, 1000)


def training_json(training: Training, others: dict[str, float]) -> dict[str, object]:
    """JSON form of a training; ``others`` are costs over C* of other policies, by name."""
    curve = training.curve
    reached = converged(np.array(curve.stochastic))
    return {
        "policy": training.algorithm,
        "seeds": list(training.training_seeds),
        "epochs": [
            {
                "epoch": epoch,
                "slots": curve.slots[epoch],
                "updates": curve.updates[epoch],
                "cpu_s": curve.cpu_s[epoch],
                "stochastic": curve.stochastic[epoch].tolist(),
                "deterministic": curve.deterministic[epoch].tolist(),
            }
            for epoch in range(len(curve.slots))
        ],
        "converged_at_epoch": [None if np.isinf(x) else int(x) for x in reached],
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
    last = len(curve.slots) - 1
    for epoch in sorted({*(e for e in EPOCHS_SHOWN if e < last), last}):
        counts = (
            f"{curve.slots[epoch]:,}",
            f"{curve.updates[epoch]:,}",
            f"{curve.cpu_s[epoch]:.1f}",
        )
        both = (_spread(curve.stochastic[epoch]), _spread(curve.deterministic[epoch]))
        rows.add_row(f"{epoch}{' (untrained)' * (epoch == 0)}", *counts, *both)
    print_table(rows)
    reached = converged(np.array(curve.stochastic))
    each = ", ".join("never" if np.isinf(x) else str(int(x)) for x in reached)
    echo(f"drawn actions stay within 5 % from epoch: {each}{' (by seed)' * several}")
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


def _spread(costs: np.ndarray) -> str:
    """Mean over the seeds, and their range where there are several."""
    text = f"{costs.mean():.4f}"
    return text if len(costs) == 1 else f"{text} ({costs.min():.4f} … {costs.max():.4f})"
