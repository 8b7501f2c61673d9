"""What a trace tells of FEL tasks beside their rounds, and sentences about it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from qnetsim.errors import TraceFormatError
from qnetsim.plain_text import counted
from qnetsim.trace import Trace

#: What becomes of messages that are attacked.
ATTACKED = {"tamper": "tampered with", "drop": "dropped", "replay": "replayed"}


@dataclass(frozen=True)
class TaskEnding:
    """How a task stood when its run ended.

    Attributes
    ----------
    want : mapping or None
        Keys that it was waiting for: round, message, bits, and the fibre that had fewest.
    relayed : mapping from party to mapping
        ``bits`` of keys of others' messages that passed its node, and ``readable_bits`` of them:
        pads of messages that it can read.
    attacked : mapping from kind to int
        Messages that were attacked.
    burnt_bits : int
        End-to-end key bits of messages that did not arrive.
    """

    want: Mapping[str, Any] | None = None
    relayed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    attacked: Mapping[str, int] = field(default_factory=dict)
    burnt_bits: int = 0

    def sentences(self, name: str) -> Iterator[str]:
        """What a user should know of it.

        Parameters
        ----------
        name : str
            Of the task.
        """
        if self.want is not None:
            yield f"task {name}: {_wanted(self.want)}"
        for party, seen in self.relayed.items():
            if seen["readable_bits"]:
                yield (
                    f"task {name}: node {party} relays pads of messages that it can read, "
                    f"{counted(seen['readable_bits'], 'bit')} of them (privacy.avoid)"
                )
        if self.attacked:
            told = ", ".join(
                f"{counted(count, 'message')} {ATTACKED[kind]}"
                for kind, count in sorted(self.attacked.items())
            )
            yield f"task {name}: {told}; {counted(self.burnt_bits, 'key bit')} burnt"


def _wanted(want: Mapping[str, Any]) -> str:
    """What a task was waiting for when its run ended."""
    when = f"round {want['round']}" if want["round"] else "its set-up"
    message = f"{want['purpose']!r} from {want['source']} to {want['target']}"
    lacks = f"at the end of the run {when} lacks {counted(want['bits'], 'key bit')} for {message}"
    if not want["fibre"]:
        return f"{lacks}; no path is left"
    if want["fibre_bits"] >= want["bits"]:
        return f"{lacks}, which is to be sent again"
    return f"{lacks}; fibre {want['fibre']} had {counted(want['fibre_bits'], 'bit')}"


def task_endings(trace: Trace, tasks: int) -> tuple[TaskEnding, ...]:
    """Read what a trace tells of its tasks; nothing where it was cut short or is older.

    Raises
    ------
    TraceFormatError
        It is not what a trace tells.
    """
    text = trace.attribute("tasks")
    if not text:
        return (TaskEnding(),) * tasks
    try:
        found = tuple(TaskEnding(**entry) for entry in json.loads(text))
    except (ValueError, TypeError) as error:
        raise TraceFormatError(f"{trace.path}: attribute tasks is damaged: {error}") from None
    if len(found) != tasks:
        raise TraceFormatError(
            f"{trace.path}: attribute tasks is damaged: {len(found)} entries for "
            f"{counted(tasks, 'task')}"
        )
    return found
