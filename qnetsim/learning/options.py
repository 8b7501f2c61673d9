"""How a training is done, beside what its scenario's ``[learning]`` table says."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch

from qnetsim.errors import UsageError, argument

#: Largest number of worlds, or of epochs between two evaluations.
MOST = 10**5
#: Largest seed, as in ``[run]``.
MOST_SEED = 2**63 - 1
#: Row of a card with the seeds of its weights.
SEEDS_ROW = "seed of the scenario, seed of the training, member of the stack (`--seeds`)"


@dataclass(frozen=True)
class TrainingOptions:
    """Choices of the person who trains; the defaults are how the paper's figures are made.

    Attributes
    ----------
    train_seed : int, optional
        Seed of the worlds, networks and draws of the training. Unless given it is the scenario's,
        which also draws the requests and the worlds of evaluation.
    worlds : int
        Worlds that each training seed plays side by side, ``slots_per_epoch`` slots in each.
    evaluate_every : int
        Epochs from one evaluation to the next; the untrained and the last one are evaluated too.
    keep_best : bool
        Keep the policies of the epoch whose mean actions cost least in the worlds of evaluation,
        instead of the last ones.
    stop_after : int
        Stop after so many evaluations in a row without a lower cost of any seed; 0 is never.
    device : str
        ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.

    Raises
    ------
    UsageError
        A value is out of range, or there is no such device.
    """

    train_seed: int | None = None
    worlds: int = 1
    evaluate_every: int = 1
    keep_best: bool = False
    stop_after: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.train_seed is not None:
            _refuse_outside("train_seed", self.train_seed, 0, MOST_SEED)
        _refuse_outside("worlds", self.worlds, 1, MOST)
        _refuse_outside("evaluate_every", self.evaluate_every, 1, MOST)
        _refuse_outside("stop_after", self.stop_after, 0, MOST)
        if type(self.keep_best) is not bool:
            raise UsageError(f"{argument('keep_best')} is {self.keep_best!r}; give True or False")
        _refuse_absent_device(self.device)

    @property
    def compares(self) -> bool:
        """Whether the policies of different epochs are compared with each other."""
        return self.keep_best or self.stop_after > 0

    def as_json(self) -> dict[str, object]:
        """Options that are not at their defaults."""
        return {
            one.name: getattr(self, one.name)
            for one in fields(self)
            if getattr(self, one.name) != one.default
        }


def _refuse_outside(name: str, value: object, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise UsageError(f"{argument(name)} is {value!r}; allowed: an integer {least} .. {most}")


def _refuse_absent_device(name: str) -> None:
    """Refuse a device that torch does not have here."""
    given = argument("device", str(name))
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        device = None
    numbered_cpu = device is not None and device.type == "cpu" and device.index is not None
    if device is None or device.type not in {"cpu", "cuda"} or numbered_cpu:
        raise UsageError(f"{given}: no such device; allowed: cpu, cuda, cuda:N")
    if device.type == "cpu":
        return
    if not torch.cuda.is_available():
        raise UsageError(
            f"{given}: torch {torch.__version__} finds no CUDA device here; install a CUDA build "
            f"of torch and a driver, or leave {argument('device')} out"
        )
    count = torch.cuda.device_count()
    if device.index is not None and device.index >= count:
        raise UsageError(f"{given}: there is no such device; the last one is cuda:{count - 1}")
