"""Go on with a run that was cut short, and trust nothing of it that does not come out again."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from qnetsim.case import Case
from qnetsim.errors import TraceError, UsageError
from qnetsim.scenario import PolicyTable
from qnetsim.trace import Block, TraceHeader, open_trace
from qnetsim.trace.rerun_check import Difference, RerunCheck


class UnfinishedRun:
    """The trace that a run goes on with.

    SimPy's own state cannot be stored, so the run starts at slot 0 and holds every slot against
    what stands in the trace. The trace is not touched until the new one holds as much.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    slots : int
        Slots that it holds.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._trace = open_trace(path)
        self.slots = self._trace.slots
        self._rerun_check = RerunCheck(self._trace)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._trace.close()

    @property
    def complete(self) -> bool:
        """Whether there is nothing left to do."""
        return self._trace.status == "complete"

    def refuse_other(self, case: Case, table: PolicyTable, replication: int) -> None:
        """Refuse to go on with the trace of another run.

        Raises
        ------
        UsageError
            Naming what differs.
        """
        provenance = self._trace.provenance
        for what, there, here in (
            ("replication", provenance["replication"], replication),
            ("policy", provenance["policy"]["title"], table.title),
            ("scenario", provenance.get("scenario_digest"), case.scenario.digest()),
        ):
            if there != here:
                shown = "" if what == "scenario" else f" ({there!r} there, {here!r} here)"
                raise UsageError(
                    f"{self.path}: is the trace of another run: the {what} differs{shown}; give "
                    "the same settings to resume it, or another --out"
                )

    def begin(self, header: TraceHeader) -> None:
        """Compare what is known ahead of the first slot.

        Raises
        ------
        TraceError
        """
        self._refuse(self._rerun_check.header(header.columns))

    def compare(self, block: Block) -> None:
        """Compare the next slots with those in the trace, as far as it goes.

        Raises
        ------
        TraceError
            Naming slot, fibre and column of the first difference.
        """
        self._refuse(self._rerun_check.block(block))

    def _refuse(self, difference: Difference | None) -> None:
        if difference is not None:
            raise TraceError(
                f"{self.path}: cannot be resumed, the run does not come out again: {difference}; "
                "the trace stays as it is"
            )
