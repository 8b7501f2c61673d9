"""What is recorded of the rounds of FEL tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import IntArray
from qnetsim.fel.messages import Message, message_kinds
from qnetsim.vocabulary import HELD_OUT, RoundStatus

if TYPE_CHECKING:
    from qnetsim.fel.evaluation import ModelFigures

KIND = {kind: i for i, kind in enumerate(message_kinds(horizontal=True))}


def round_index(rounds: list[int]) -> tuple[IntArray, IntArray]:
    """Task and number of each row; row 0 of a task is its set-up.

    Parameters
    ----------
    rounds : list of int
        Rounds of each task.
    """
    tasks = np.repeat(np.arange(len(rounds)), [n + 1 for n in rounds])
    numbers = np.concatenate([np.zeros(0), *(np.arange(n + 1) for n in rounds)])
    return tasks.astype(np.int64), numbers.astype(np.int64)


class RoundTable:
    """One row for each round of each task, filled in while it runs.

    Parameters
    ----------
    rounds : list of int
        Rounds of each task.
    horizontal : bool
        Whether one of them is horizontal.
    """

    def __init__(self, rounds: list[int], *, horizontal: bool = False) -> None:
        rows = sum(n + 1 for n in rounds)
        self._first = np.cumsum([0, *(n + 1 for n in rounds)])
        whole = ("started_ns", "duration_ns", "waited_ns", "round_workers", "round_messages")
        self.columns: dict[str, npt.NDArray[Any]] = {
            "round_status": np.zeros(rows, dtype=np.uint8),
            **{name: np.zeros(rows, dtype=np.int64) for name in whole},
            "loss": np.full(rows, np.nan),
            "accuracy": np.full(rows, np.nan),
            **{name: np.full(rows, np.nan) for name in HELD_OUT},
            "round_key_bits": np.zeros(
                (rows, len(message_kinds(horizontal=horizontal))), dtype=np.int64
            ),
        }

    def begin(self, task: int, number: int, tick: int) -> None:
        """Note that a round begins."""
        row = self._row(task, number)
        self.columns["round_status"][row] = RoundStatus.RUNNING
        self.columns["started_ns"][row] = tick

    def took(self, task: int, number: int, message: Message, bits: int) -> None:
        """Note key bits that a message took."""
        self.columns["round_key_bits"][self._row(task, number), KIND[message.kind]] += bits

    def exchanged(self, task: int, number: int, messages: int, waited: int) -> None:
        """Note messages that went together, and how long they waited for keys."""
        row = self._row(task, number)
        self.columns["round_messages"][row] += messages
        self.columns["waited_ns"][row] += waited

    def end(
        self,
        task: int,
        number: int,
        tick: int,
        workers: int,
        loss: float | None,
        accuracy: float,
        evaluation: ModelFigures | None = None,
    ) -> None:
        """Note how a round ended; the set-up has neither loss nor accuracy."""
        row = self._row(task, number)
        columns = self.columns
        lost = number > 0 and workers == 0
        columns["round_status"][row] = RoundStatus.LOST if lost else RoundStatus.DONE
        columns["duration_ns"][row] = tick - columns["started_ns"][row]
        columns["round_workers"][row] = workers
        if number:
            columns["loss"][row] = np.nan if loss is None else loss
            columns["accuracy"][row] = accuracy
            if evaluation is not None:
                for name in HELD_OUT:
                    columns[name][row] = getattr(evaluation, name)

    def _row(self, task: int, number: int) -> int:
        return int(self._first[task]) + number
