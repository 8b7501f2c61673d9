"""Whether traces are all of a comparison, or a part."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from qnetsim.errors import TraceError
from qnetsim.plain_text import counted, listed
from qnetsim.trace import open_trace
from qnetsim.trace.files.planned_traces import read_planned

#: Missing traces that a message names.
NAMED = 6


@dataclass(frozen=True)
class MissingTraces:
    """Traces that a comparison was to write into a folder and that are not there, or not whole.

    Attributes
    ----------
    folder : Path
    planned : int
        How many there were to be.
    missing : tuple of str
    unfinished : dict of str
        Those that are there, and how far they go.
    """

    folder: Path
    planned: int
    missing: tuple[str, ...]
    unfinished: dict[str, str]

    def __str__(self) -> str:
        parts = []
        if self.missing:
            parts.append(f"missing {listed(self.missing, NAMED)}")
        if self.unfinished:
            short = [f"{name} ({text})" for name, text in self.unfinished.items()]
            parts.append(f"cut short {listed(short, NAMED)}")
        done = self.planned - len(self.missing) - len(self.unfinished)
        planned = counted(self.planned, "trace")
        return f"partial: {done} of {planned} in {self.folder}, {', '.join(parts)}"


def missing_traces(
    traces: Iterable[Path], complete: Collection[Path] = ()
) -> tuple[MissingTraces, ...]:
    """What the comparisons that wrote these traces have left out, folder by folder.

    Parameters
    ----------
    traces : iterable of Path
    complete : collection of Path
        Traces that were read already and are complete.
    """
    folders = dict.fromkeys(path.parent for path in traces)
    looked_at = (_missing_in(folder, complete) for folder in folders)
    return tuple(found for found in looked_at if found is not None)


def _missing_in(folder: Path, complete: Collection[Path]) -> MissingTraces | None:
    names = read_planned(folder)
    missing = []
    unfinished = {}
    for name in names:
        if folder / name in complete:
            continue
        if not (folder / name).is_file():
            missing.append(name)
            continue
        try:
            with open_trace(folder / name, whole=False) as trace:
                if trace.status != "complete":
                    unfinished[name] = counted(trace.slots, "slot")
        except TraceError:
            unfinished[name] = "not readable"
    if not missing and not unfinished:
        return None
    return MissingTraces(folder, len(names), tuple(missing), unfinished)
