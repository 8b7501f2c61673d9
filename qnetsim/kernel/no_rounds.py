"""What stands in the place of FEL rounds in a run without tasks, which most runs are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qnetsim.kernel.round_table import RoundTable
from qnetsim.policies.base import TaskWait

if TYPE_CHECKING:
    from qnetsim.kernel.serving.open_slot import OpenSlot
    from qnetsim.kernel.task_notes import TaskNotes


class NoRounds:
    """Rounds of no task: none is ever active, waits for keys or is told of."""

    active = 0
    waits: tuple[TaskWait, ...] = ()

    def __init__(self) -> None:
        self.table = RoundTable([])
        #: No task opens a slot.
        self.slot: OpenSlot | None = None

    def notes(self) -> tuple[TaskNotes, ...]:
        """What is told of each task when the run is over."""
        return ()
