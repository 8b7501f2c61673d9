"""``qnetsim train`` for `belief-net`, which is trained by likelihood and not by reinforcement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qnetsim.case import Case
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, progress, table
from qnetsim.errors import SettingError, UsageError, argument
from qnetsim.interrupt import stoppable
from qnetsim.last_message import note_instead
from qnetsim.plain_text import counted
from qnetsim.scenario import locate

if TYPE_CHECKING:
    from qnetsim.learning.belief.belief_training import BeliefTraining
    from qnetsim.learning.options import TrainingOptions

#: Policy that this trains.
BELIEF_NET = "belief-net"


@dataclass(frozen=True)
class BeliefJob:
    """What is wanted of a training of `belief-net`.

    Attributes
    ----------
    scenario : Path
        For messages.
    case : Case
    seeds : tuple of int
    train_seed : int or None
        In place of the scenario's seed.
    paths : mapping of str to Path
        Of ``weights``, ``card`` and ``curve``.
    state : Path
    """

    scenario: Path
    case: Case
    seeds: tuple[int, ...]
    train_seed: int | None
    paths: Mapping[str, Path]
    state: Path


def train_belief(job: BeliefJob, *, force: bool, durable: bool, as_json: bool) -> None:
    """Train, write weights, card and curve, and print how it went.

    Raises
    ------
    ScenarioError, UsageError, TraceError
    """
    from qnetsim.learning.belief.belief_files import (
        belief_contents,
        belief_record,
        restore_belief_state,
    )
    from qnetsim.learning.belief.belief_training import BeliefTraining
    from qnetsim.learning.results import write_contents

    try:
        training = BeliefTraining(job.case, job.seeds, job.train_seed)
    except SettingError as error:
        raise locate(job.scenario, error.problems) from None
    if job.state.exists() and not force:
        restore_belief_state(training, job.state)
        note_instead(saved_up_to(training.epoch))
        echo(f"resumed from {job.state} after epoch {training.epoch}", err=True)
    _run(training, job.state, durable)
    record = belief_record(training)
    contents, sha256 = belief_contents(training)
    write_contents(contents, job.paths, record, force=force, durable=durable)
    if as_json:
        files = {"sha256": sha256, "curve_digest": record.digest(), "files": dict(job.paths)}
        emit("train", _as_json(training) | files)
        return
    _show(training)
    each = ", ".join(f"{name} {count:,}" for name, count in training.shared_bytes().items())
    echo(f"weights shared, bytes   {each}")
    echo(f"weights       {job.paths['weights']}  SHA-256 {sha256}")
    echo(f"card, curve   {job.paths['card']}, {job.paths['curve']}  digest {record.digest()}")


def saved_up_to(epoch: int) -> str:
    """What stands of a training that is stopped."""
    return f"the training is saved up to epoch {epoch}"


def refuse_other_options(options: TrainingOptions, others: Mapping[str, object]) -> None:
    """Refuse options that mean nothing to this training.

    Parameters
    ----------
    options : TrainingOptions
    others : mapping from name to value
        What other choices were made; nothing was said of those that are None, false or empty.

    Raises
    ------
    UsageError
    """
    given = [name for name in options.as_json() if name != "train_seed"]
    # a weight of 0 is a choice, though it equals False
    said = [name for name, value in others.items() if not (value is None or value is False)]
    given += [name for name in said if others[name] != ()]
    if given:
        names = ", ".join(map(argument, given))
        raise UsageError(
            f"{names}: not for {BELIEF_NET}, which is trained by likelihood; it takes "
            "--set, --out, --seeds, --epochs, --threads, --train-seed, --durable, --force and "
            "--json only"
        )


def _run(training: BeliefTraining, state: Path, durable: bool) -> None:
    """Train to the last epoch, saving the state after every one and when stopped."""
    from qnetsim.learning.belief.belief_files import save_belief_state

    total = training.case.scenario.learning.epochs
    title = f"{BELIEF_NET}, {counted(len(training.training_seeds), 'seed')}"
    with progress(title, total) as advance, stoppable() as check:
        advance(training.epoch)

        def done(now: BeliefTraining) -> None:
            advance(1 if now.epoch else 0)
            save_belief_state(now, state, durable=durable)
            note_instead(saved_up_to(now.epoch))
            check()

        training.run(done=done)


def _as_json(training: BeliefTraining) -> dict[str, object]:
    curve = training.curve
    return {
        "policy": training.algorithm,
        "seeds": list(training.training_seeds),
        "epochs": [
            {
                "epoch": epoch,
                "slots": curve.slots[epoch],
                "updates": curve.updates[epoch],
                "cpu_s": curve.cpu_s[epoch],
                "cost": curve.costs[epoch].tolist(),
            }
            for epoch in range(len(curve.slots))
        ],
        "cpu_s": curve.cpu_s[-1],
    }


def _show(training: BeliefTraining) -> None:
    """Print the learning curve."""
    curve = training.curve
    columns = ["epoch", "slots", "updates", "cpu, s", "cost"]
    rows = table(f"{BELIEF_NET}: cost of channels over C*, that of sip's", columns)
    for epoch, costs in enumerate(curve.costs):
        spread = f" ({costs.min():.4f} … {costs.max():.4f})" if len(costs) > 1 else ""
        rows.add_row(
            f"{epoch}{' (untrained)' * (epoch == 0)}",
            f"{curve.slots[epoch]:,}",
            f"{curve.updates[epoch]:,}",
            f"{curve.cpu_s[epoch]:.1f}",
            f"{costs.mean():.4f}{spread}",
        )
    print_table(rows)
