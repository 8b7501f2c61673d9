"""``qnetsim train``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from qnetsim.analysis.learning_curves import converged
from qnetsim.case import load, open_case
from qnetsim.cli.show.output import (
    console,
    emit,
    force_option,
    json_option,
    progress,
    scenario_argument,
    table,
)
from qnetsim.errors import SettingError, UsageError
from qnetsim.interrupt import stoppable
from qnetsim.policies.learned.weights import write_weights
from qnetsim.scenario import locate
from qnetsim.trace import refuse_existing, refuse_input
from qnetsim.trace.files.curve_file import write_curve

if TYPE_CHECKING:
    from qnetsim.learning.train import Training

#: Epochs from one saved state to the next.
SAVE_EVERY = 5
#: Epochs that the table shows.
SHOWN = (0, 1, 2, 3, 4, 6, 8, 10, 15, 20, 30, 40, 60, 80, 100, 150, 200, 500, 1000)


@click.command()
@scenario_argument
@click.option("--policy", "-p", required=True, help="fedsac, decsac or decppo.")
@click.option(
    "--out", "-o", type=click.Path(path_type=Path), help="Weights to write, FILE.safetensors."
)
@click.option(
    "--seeds",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="Trainings side by side; the first one's weights are written.",
)
@click.option("--epochs", type=click.IntRange(1, 10**5), help="Instead of the scenario's.")
@click.option(
    "--padded", is_flag=True, help="Share weights under simulated QKD keys, and show what it takes."
)
@click.option("--threads", type=click.IntRange(1, 256), default=1, help="Threads of torch.")
@force_option
@json_option
def train(
    scenario: Path,
    policy: str,
    out: Path | None,
    seeds: int,
    epochs: int | None,
    padded: bool,
    threads: int,
    force: bool,
    as_json: bool,
) -> None:
    """Train a learning policy on SCENARIO.

    Writes the weights, a card beside them (.md) and the learning curve (.h5). Stopped or killed,
    the same command goes on from the last saved state and ends with the same weights.
    """
    spec = load(scenario)
    if epochs:
        spec = spec.model_copy(
            update={"learning": spec.learning.model_copy(update={"epochs": epochs})}
        )
    case = open_case(spec)
    weights = out or Path("runs") / f"{policy}-{case.network.topology.name}.safetensors"
    if weights.suffix != ".safetensors":
        raise UsageError(
            f"{weights}: the weights are a .safetensors file; give --out FILE.safetensors"
        )
    card, curve, state = (weights.with_suffix(end) for end in (".md", ".h5", ".state"))
    for path in (weights, card, curve):
        refuse_existing(path, force)
        refuse_input(path, scenario)
    # torch takes seconds to import, so only a training does
    from qnetsim.learning.checkpoint import card_text, restore_state, save_state, weights_of
    from qnetsim.learning.curve_record import curve_record, yardsticks
    from qnetsim.learning.train import Training, limit_threads
    from qnetsim.learning.transport import InProcess, Padded

    limit_threads(threads)
    try:
        transport = Padded(case) if padded else InProcess()
        training = Training(case, policy, range(seeds), transport)
    except SettingError as error:
        raise locate(scenario, error.problems) from None
    if padded and policy != "fedsac":
        raise UsageError(f"--padded: {policy} shares no weights; only fedsac does")
    if state.exists() and force:
        state.unlink()
    if state.exists() and padded:
        raise UsageError(f"{state}: with --padded a training is not resumed; give --force")
    if state.exists():
        restore_state(training, state)
        click.echo(f"resumed from {state} after epoch {training.epoch}", err=True)
    total = spec.learning.epochs
    with (
        progress(f"{policy}, {seeds} seed{'s' * (seeds > 1)}", total) as advance,
        stoppable() as check,
    ):
        advance(training.epoch)

        def done(now: Training) -> None:
            advance(1 if now.epoch else 0)
            due = now.epoch % SAVE_EVERY == 0 and now.epoch < total
            try:
                check()
            except KeyboardInterrupt:
                click.echo(f"stopped after epoch {now.epoch}; the same command goes on", err=True)
                due = True
                raise
            finally:
                if due and not padded:
                    save_state(now, state)

        training.run(done=done)
    trained = weights_of(training)
    sha256 = write_weights(weights, trained)
    card.write_text(card_text(trained, sha256))
    record = curve_record(training, transport)
    write_curve(curve, record, force=True)
    state.unlink(missing_ok=True)
    beside = yardsticks(case, training.core.costs.best)
    files = {"weights": weights, "card": card, "curve": curve}
    if as_json:
        emit("train", _json(training, beside, sha256, record.digest(), files))
        return
    _show(training, beside)
    shared = dict(record.provenance["shared_bytes"])
    if shared:
        each = ", ".join(f"{name} {count:,}" for name, count in shared.items())
        click.echo(f"weights shared, bytes   {each}")
    if padded:
        produced, consumed = (
            int(record.columns[f"ledger/{n}"].sum()) for n in ("produced", "consumed")
        )
        click.echo(
            f"key bits for them       {consumed:,} of {produced:,} produced, over all fibres"
        )
    click.echo(f"weights       {weights}  SHA-256 {sha256}")
    click.echo(f"card, curve   {card}, {curve}  digest {record.digest()}")


def _json(
    training: Training,
    beside: dict[str, float],
    sha256: str,
    digest: str,
    files: dict[str, Path],
) -> dict[str, object]:
    curve = training.curve
    reached = converged(np.array(curve.stochastic))
    return {
        "policy": training.algorithm,
        "seeds": list(training.members),
        "epochs": [
            {
                "epoch": epoch,
                "slots": curve.slots[epoch],
                "updates": curve.updates[epoch],
                "stochastic": curve.stochastic[epoch].tolist(),
                "deterministic": curve.deterministic[epoch].tolist(),
            }
            for epoch in range(len(curve.slots))
        ],
        "converged_at_epoch": [None if np.isinf(x) else int(x) for x in reached],
        "cpu_s": curve.cpu_s[-1],
        "beside": beside,
        "sha256": sha256,
        "curve_digest": digest,
        "files": files,
    }


def _show(training: Training, beside: dict[str, float]) -> None:
    curve, several = training.curve, len(training.members) > 1
    columns = ["epoch", "slots", "updates", "cpu, s", "drawn actions", "mean actions"]
    rows = table(f"{training.algorithm}: cost over C*, the expected cost of sip", columns)
    last = len(curve.slots) - 1
    for epoch in sorted({*(e for e in SHOWN if e < last), last}):
        counts = (
            f"{curve.slots[epoch]:,}",
            f"{curve.updates[epoch]:,}",
            f"{curve.cpu_s[epoch]:.1f}",
        )
        both = (_spread(curve.stochastic[epoch]), _spread(curve.deterministic[epoch]))
        rows.add_row(f"{epoch}{' (untrained)' * (epoch == 0)}", *counts, *both)
    console().print(rows)
    reached = converged(np.array(curve.stochastic))
    each = ", ".join("never" if np.isinf(x) else str(int(x)) for x in reached)
    click.echo(f"drawn actions stay within 5 % from epoch: {each}{' (by seed)' * several}")
    others = ", ".join(
        f"{name}{' (sees the future)' * (name == 'perfect')} {ratio:.4f}"
        for name, ratio in beside.items()
    )
    click.echo(f"beside it, simulated    {others}")


def _spread(costs: np.ndarray) -> str:
    """Mean over the seeds, and their range where there are several."""
    text = f"{costs.mean():.4f}"
    return text if len(costs) == 1 else f"{text} ({costs.min():.4f} … {costs.max():.4f})"
