"""``qnetsim train``."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnetsim.case import Case, load, open_case
from qnetsim.cli.set_option import GIVEN_SETTINGS, Changes, set_option
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import (
    GIVEN_SCENARIO,
    durable_option,
    emit,
    force_option,
    json_option,
    progress,
    scenario_argument,
)
from qnetsim.cli.show.training import show_shared_weights, show_training, training_json
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.cli.train_belief import (
    BELIEF_NET,
    BeliefJob,
    refuse_other_options,
    saved_up_to,
    train_belief,
)
from qnetsim.cli.training_options import training_options
from qnetsim.errors import SettingError, TraceError, UsageError
from qnetsim.input_files import forget_input, refuse_irregular
from qnetsim.interrupt import stoppable
from qnetsim.last_message import AGAIN, note_command, note_instead
from qnetsim.plain_text import counted
from qnetsim.scenario import Scenario, locate
from qnetsim.scenario.tables.portable import file_name
from qnetsim.trace import refuse_existing
from qnetsim.trace.hdf5.durable import sync_folder
from qnetsim.trace.hdf5.files import plain_reason

if TYPE_CHECKING:
    from qnetsim.learning.options import TrainingOptions
    from qnetsim.learning.train import Training
    from qnetsim.learning.transport import InProcessTransport, PaddedTransport

#: Epochs from one saved state to the next.
SAVE_EVERY = 5


@dataclass(frozen=True)
class Files:
    """What a training writes: the weights, and beside them a card, a curve and a saved state.

    Raises
    ------
    UsageError
        The weights have another suffix.
    """

    weights: Path

    def __post_init__(self) -> None:
        if self.weights.suffix != ".safetensors":
            raise UsageError(
                f"{self.weights}: the weights are a .safetensors file; give --out FILE.safetensors"
            )

    @property
    def card(self) -> Path:
        """What the weights are, in Markdown."""
        return self.weights.with_suffix(".md")

    @property
    def curve(self) -> Path:
        """Learning curve."""
        return self.weights.with_suffix(".h5")

    @property
    def state(self) -> Path:
        """Saved state, there until all the others are."""
        return self.weights.with_suffix(".state")

    def refuse_overwriting(self, force: bool) -> None:
        """Refuse files that exist unless forced, and odd states.

        Raises
        ------
        UsageError
        """
        for path in self.written.values():
            refuse_existing(path, force)
        if self.state.exists() and not force:
            refuse_irregular(self.state, "state of a training")
            forget_input(self.state)

    def remove_state(self, durable: bool) -> None:
        """Remove the saved state, once nothing needs it.

        Raises
        ------
        TraceError
        """
        try:
            self.state.unlink(missing_ok=True)
            if durable:
                sync_folder(self.state.parent)
        except OSError as error:
            raise TraceError(
                f"{self.state}: cannot be removed: {plain_reason(error)}; the results are written"
            ) from None

    @property
    def written(self) -> dict[str, Path]:
        """The files that stay, by what they hold."""
        return {"weights": self.weights, "card": self.card, "curve": self.curve}


@click.command(cls=StrictCommand)
@scenario_argument
@set_option
@click.option(
    "--policy", "-p", required=True, help="fedsac, decsac, decppo, masac, mappo or belief-net."
)
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
@training_options
@click.option(
    "--log", type=click.Path(path_type=Path), help="Folder for a TensorBoard log of the training."
)
@durable_option
@force_option
@json_option
def train(
    scenario: Path,
    changes: Changes,
    policy: str,
    out: Path | None,
    seeds: int,
    epochs: int | None,
    padded: bool,
    threads: int,
    chosen: dict[str, Any],
    log: Path | None,
    durable: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Train a learning policy on SCENARIO.

    Writes the weights, a card beside them (.md) and the learning curve (.h5). Stopped or killed,
    the same command goes on from the last saved state and ends with the same weights. With
    --force it begins anew.
    """
    case = open_case(_with_epochs(load(scenario, changes=changes), epochs))
    files = Files(
        out or Path("runs") / f"{policy}-{file_name(case.network.topology.name)}.safetensors"
    )
    # files beside the state of a training may be those that it was about to write
    files.refuse_overwriting(force or files.state.exists())
    if padded:
        note_command(AGAIN)  # nothing is saved on the way
    elif force:
        note_command("with --force the same command begins anew")
    # torch takes seconds to import, so only a training does
    from qnetsim.learning.train import limit_threads

    limit_threads(threads)
    if policy == BELIEF_NET:
        options = _options(chosen)
        offline = {name: chosen[name] for name in ("from_traces", "value_weight")}
        refuse_other_options(options, {"padded": padded, "log": log} | offline)
        seed = options.train_seed
        job = BeliefJob(scenario, case, tuple(range(seeds)), seed, files.written, files.state)
        train_belief(job, force=force, durable=durable, as_json=as_json)
        files.remove_state(durable)
        _show_use(policy, files.weights, as_json)
        return
    _refuse_what_does_not_learn(policy)
    from qnetsim.learning.results import write_results
    from qnetsim.learning.training_record import reference_costs, training_record

    try:
        training, transport = _new_training(case, policy, seeds, padded, chosen)
    except SettingError as error:
        raise locate(scenario, error.problems) from None
    if padded and policy != "fedsac":
        raise UsageError(f"--padded: {policy} shares no weights; only fedsac does")
    _resume(training, files.state, padded, force)
    if not training.finished:
        files.refuse_overwriting(force)
        _tell_of_idle_stop(training)
    with _logged(training, log, force) as write_log:
        _train(training, None if padded else files.state, durable, write_log)
    record = training_record(training, transport)
    # these runs take a while: a training that is stopped in them goes on from its state
    others = reference_costs(case, training.environment.costs.best)
    sha256 = write_results(training, files.written, record, force=force, durable=durable)
    files.remove_state(durable)
    if as_json:
        written = {"sha256": sha256, "curve_digest": record.digest(), "files": files.written}
        emit("train", training_json(training, others) | written)
        return
    show_training(training, others)
    show_shared_weights(record, padded)
    echo(f"weights       {files.weights}  SHA-256 {sha256}")
    echo(f"card, curve   {files.card}, {files.curve}  digest {record.digest()}")
    _show_use(policy, files.weights, as_json)


def _show_use(policy: str, weights: Path, as_json: bool) -> None:
    """Print the command that runs what was trained, where a command line can name the file."""
    if as_json or "," in str(weights):
        return
    given = click.get_current_context().meta
    # what an agent sees and does is kept with its weights
    settings = [text for text in given[GIVEN_SETTINGS] if not text.lstrip().startswith("learning.")]
    words = ["qnetsim", "compare", given[GIVEN_SCENARIO]]
    words += [word for text in settings for word in ("--set", text)]
    words += ["-p", "sip", "-p", f"{policy}:model={weights}"]
    echo(f"to compare    {shlex.join(words)}", copied=True)


def _with_epochs(spec: Scenario, epochs: int | None) -> Scenario:
    """The scenario with another number of epochs, where one is given."""
    if not epochs:
        return spec
    learning = spec.learning.model_copy(update={"epochs": epochs})
    return spec.model_copy(update={"learning": learning})


def _options(chosen: Mapping[str, Any]) -> TrainingOptions:
    from qnetsim.learning.options import TrainingOptions

    return TrainingOptions(**{one.name: chosen[one.name] for one in fields(TrainingOptions)})


def _refuse_what_does_not_learn(policy: str) -> None:
    from qnetsim.learning.train import ALGORITHMS

    learners = (*ALGORITHMS, BELIEF_NET)
    if policy not in learners:
        close = difflib.get_close_matches(policy, learners, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise UsageError(f"policy {policy!r} does not learn; {hint}allowed: {', '.join(learners)}")


def _new_training(
    case: Case, policy: str, seeds: int, padded: bool, chosen: dict[str, Any]
) -> tuple[Training, PaddedTransport | InProcessTransport]:
    """A training at its start, and what carries the weights between its agents."""
    from qnetsim.learning.train import Training
    from qnetsim.learning.transport import InProcessTransport, PaddedTransport

    traces, value_weight = chosen["from_traces"], chosen["value_weight"]
    options = _options(chosen)
    transport = PaddedTransport(case) if padded else InProcessTransport()
    if not traces:
        if value_weight is not None:
            raise UsageError(
                "--value-weight goes with --from-traces; give a trace, or leave it out"
            )
        return Training(case, policy, range(seeds), transport, options), transport
    if padded:
        raise UsageError("--padded and --from-traces are given; give one of them")
    from qnetsim.learning.offline import OfflineTraining, read_for
    from qnetsim.learning.offline_data import told_of

    episodes = read_for(case, policy, traces)
    echo(told_of(episodes), err=True)
    weight = {} if value_weight is None else {"value_weight": value_weight}
    training = OfflineTraining(case, policy, range(seeds), episodes, options=options, **weight)
    return training, transport


def _tell_of_idle_stop(training: Training) -> None:
    """Warn where there are too few evaluations for an early stop."""
    options = training.options
    epochs = training.case.scenario.learning.epochs
    before_last = (epochs - 1) // options.evaluate_every
    if options.stop_after > before_last:
        echo(
            f"warning: --stop-after {options.stop_after} stops nothing: before the last of "
            f"{counted(epochs, 'epoch')} there {'is' if before_last == 1 else 'are'} "
            f"{counted(before_last, 'evaluation')}",
            err=True,
        )


def _resume(training: Training, state: Path, padded: bool, force: bool) -> None:
    """Go on from a saved state, where there is one."""
    if force:
        return  # what is there stays until this training has a state of its own
    if state.exists() and padded:
        raise UsageError(f"{state}: with --padded a training is not resumed; give --force")
    if state.exists():
        from qnetsim.learning.checkpoint import restore_state

        restore_state(training, state)
        note_instead(saved_up_to(training.epoch))
        echo(f"resumed from {state} after epoch {training.epoch}", err=True)


@contextmanager
def _logged(
    training: Training, folder: Path | None, force: bool
) -> Iterator[Callable[[Training], None]]:
    """What writes an epoch to the log, where one is wanted."""
    if folder is None:
        yield lambda training: None
        return
    from qnetsim.learning.tensorboard_log import TensorBoardLog

    resumed_at = training.epoch if training.curve.epochs else None
    log = TensorBoardLog(folder, resumed_at, force=force)
    try:
        yield log.write
    finally:
        log.close()


def _train(
    training: Training, state: Path | None, durable: bool, write_log: Callable[[Training], None]
) -> None:
    """Train to the last epoch, saving to ``state`` now and then, at the end, and when stopped."""
    from qnetsim.learning.checkpoint import save_state

    total = training.case.scenario.learning.epochs
    seeds = len(training.training_seeds)
    title = f"{training.algorithm}, {counted(seeds, 'seed')}"
    with progress(title, total) as advance, stoppable() as check:
        advance(training.epoch)

        def done(now: Training) -> None:
            advance(1 if now.epoch else 0)
            write_log(now)
            due = now.epoch % SAVE_EVERY == 0 or now.finished
            try:
                check()
            except KeyboardInterrupt:
                due = True
                raise
            finally:
                if due and state is not None:
                    save_state(now, state, durable=durable)
                    note_instead(saved_up_to(now.epoch))

        training.run(done=done)
