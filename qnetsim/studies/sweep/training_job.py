"""Train a learning policy as a job of a sweep; a training that was stopped goes on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from qnetsim.case import Case
from qnetsim.errors import QnetsimError
from qnetsim.interrupt import stoppable
from qnetsim.learning.checkpoint import restore_state, save_state
from qnetsim.learning.options import TrainingOptions
from qnetsim.learning.results import write_results
from qnetsim.learning.train import Training, limit_threads
from qnetsim.learning.training_record import training_record
from qnetsim.learning.transport import InProcessTransport
from qnetsim.trace.hdf5.files import only_writer

#: Epochs from one saved state to the next.
SAVE_EVERY = 5


def train(case: Case, algorithm: str, weights: Path, given: Mapping[str, Any]) -> None:
    """Train with one seed, and write weights, card and curve; the weights come last.

    Parameters
    ----------
    case : Case
    algorithm : str
    weights : Path
    given : mapping
        Attributes of ``TrainingOptions`` that are not at their defaults.

    Raises
    ------
    QnetsimError
        The scenario cannot be trained on, or a file cannot be written.
    """
    limit_threads(1)
    state = weights.with_suffix(".state")
    transport = InProcessTransport()
    with only_writer(weights), stoppable() as check:
        options = TrainingOptions(**given)
        training = Training(case, algorithm, range(1), transport, options)
        # a state of other settings, or a damaged one, is worth nothing
        with suppress(QnetsimError):
            if state.exists():
                restore_state(training, state)

        def done(now: Training) -> None:
            if now.epoch % SAVE_EVERY == 0:
                save_state(now, state)
            check()

        training.run(done=done)
        draft = weights.with_name(f".{weights.stem}.part.safetensors")
        places = {
            "weights": draft,
            "card": weights.with_suffix(".md"),
            "curve": weights.with_suffix(".h5"),
        }
        write_results(training, places, training_record(training, transport), force=True)
        draft.replace(weights)
        state.unlink(missing_ok=True)
