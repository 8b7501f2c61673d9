"""A training as TensorBoard shows it: costs and counts by epoch."""

from __future__ import annotations

from pathlib import Path

from qnetsim.errors import UsageError, argument
from qnetsim.extras import require
from qnetsim.learning.train import Training
from qnetsim.trace.hdf5.files import plain_reason


class TensorBoardLog:
    """Writes what each evaluation found to a folder of event files.

    Parameters
    ----------
    folder : Path
    resumed_at : int, optional
        Epoch of the state from which the training goes on; what an earlier log says of later epochs
        is not shown. Unless given, the training begins.
    force : bool
        Whether a training that begins may write beside the log of another one.

    Raises
    ------
    MissingExtraError
        TensorBoard is not installed.
    UsageError
        The folder holds the log of another training, or cannot be written to.
    """

    def __init__(self, folder: Path, resumed_at: int | None = None, *, force: bool = False) -> None:
        require("a TensorBoard log", "tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        taken = folder.is_dir() and any(folder.glob("events.out.tfevents.*"))
        if taken and resumed_at is None and not force:
            raise UsageError(
                f"{folder}: holds the log of another training; give another {argument('log')}, or "
                f"{argument('force', 'True')} to write beside it"
            )
        # the evaluation of the state itself is in the log that goes on
        first = 0 if resumed_at is None else resumed_at + 1
        try:
            self._writer = SummaryWriter(str(folder), purge_step=first)
        except OSError as error:
            raise UsageError(f"{folder}: cannot be written to: {plain_reason(error)}") from None

    def write(self, training: Training) -> None:
        """Add the last evaluation, if it is of this epoch."""
        curve = training.curve
        if not curve.epochs or curve.epochs[-1] != training.epoch:
            return
        step = training.epoch
        add = self._writer.add_scalar
        for place, seed in enumerate(training.training_seeds):
            add(f"mean actions/seed {seed}", float(curve.deterministic[-1][place]), step)
            add(f"drawn actions/seed {seed}", float(curve.stochastic[-1][place]), step)
        add("training/slots", curve.slots[-1], step)
        add("training/updates", curve.updates[-1], step)
        add("training/cpu_s", curve.cpu_s[-1], step)
        self._writer.flush()

    def close(self) -> None:
        """Finish the files."""
        self._writer.close()
