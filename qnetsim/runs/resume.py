"""Go on with a file that was cut short, and trust nothing of it that does not come out again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from qnetsim.errors import TraceError, UsageError, argument
from qnetsim.input_files import forget_input
from qnetsim.trace import Block, TraceHeader, open_trace, open_world
from qnetsim.trace.provenance import differing
from qnetsim.trace.rerun_check import Difference, RerunCheck
from qnetsim.trace.schema import TRACE, WORLD, FileKind

#: Parts of the provenance that name a run; a part that is missing says that there is no such thing.
NAMING = ("replication", "policy", "scenario_digest", "counterfactual")
#: Parts of a policy's provenance that do: a later version may have more options.
POLICY_PARTS = ("name", "title", "weights_sha256", "source_sha256")


class UnfinishedFile:
    """The trace, or recorded world, that a command goes on with.

    SimPy's own state cannot be stored, so the run starts at slot 0 and holds every slot against
    what stands in the file. The file is not touched until the new one holds as much.

    Parameters
    ----------
    path : Path
    kind : FileKind

    Attributes
    ----------
    slots : int
        Slots that it holds.

    Raises
    ------
    UsageError
        It is a file of another kind.
    """

    def __init__(self, path: Path, kind: FileKind = TRACE) -> None:
        self.path = path
        try:
            self._trace = open_world(path) if kind is WORLD else open_trace(path)
        except TraceError as error:
            # commands that go on without being asked to have no option of that name
            raise TraceError(
                f"{error}; one goes on with a {kind.noun} alone: move or remove this file first"
            ) from None
        if self._trace.kind.filetype != kind.filetype:
            self._trace.close()
            raise UsageError(f"{path}: is a {self._trace.kind.noun}, not a {kind.noun}")
        self.slots = self._trace.slots
        self._rerun_check = RerunCheck(self._trace)
        forget_input(path)

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

    @property
    def world_digest(self) -> str:
        """Digest of the world, of a complete file."""
        return self._trace.attribute("world_digest")

    def refuse_other(self, provenance: Mapping[str, Any]) -> None:
        """Refuse to go on with the file of another run.

        Parameters
        ----------
        provenance : mapping
            Of the run that is to go on.

        Raises
        ------
        UsageError
            Naming what differs.
        """
        for part in NAMING:
            there, here = self._trace.provenance.get(part), provenance.get(part)
            if part == "policy" and there and here:
                there, here = _comparable(there, here), _comparable(here, there)
            if there != here:
                what = part.replace("_digest", "")
                names = differing(what, there, here)
                shown = "" if part == "scenario_digest" else f" ({'; '.join(names)})"
                raise UsageError(
                    f"{self.path}: is the {self._trace.kind.noun} of another run: the {what} "
                    f"differs{shown}; give the same settings to resume it, or another "
                    f"{argument('out')}"
                )

    def refuse_changed(self) -> None:
        """Refuse a complete file whose contents are no longer those that it was completed with.

        Raises
        ------
        TraceError
        """
        if self._trace.content_digest() != self._trace.attribute("content_digest"):
            raise TraceError(
                f"{self.path}: is complete, and its content digest does not fit its contents: it "
                "was changed or damaged; remove it, and give the same again"
            )

    def begin(self, header: TraceHeader) -> None:
        """Compare what is known ahead of the first slot.

        Raises
        ------
        TraceError
        """
        self._refuse(self._rerun_check.header(header.columns))

    def compare(self, block: Block) -> None:
        """Compare the next slots with those in the file, as far as it goes.

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
                f"the {self._trace.kind.noun} stays as it is"
            )


def _comparable(policy: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """What names a policy, with those of its options that the other one has too."""
    parts = {part: policy.get(part) for part in POLICY_PARTS}
    options, others = policy.get("options", {}), other.get("options", {})
    return parts | {key: options[key] for key in sorted(options.keys() & others.keys())}
