"""The last message of a command that a signal stopped: what stands, and how to go on."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from pathlib import Path

from qnetsim.plain_text import counted, listed, visible

#: Files that the message names.
NAMED = 4
#: How to go on with what left nothing.
AGAIN = "give the same command again"
#: How long stderr may be full, in seconds: the reader of a pipe may have stopped.
TAKEN_S = 2.0
#: Bytes that a pipe with room takes at once.
PIECE = getattr(select, "PIPE_BUF", 512)


class _Command:
    """What the message is made of.

    Attributes
    ----------
    standing : dict
        What is in each file of the command; an empty text where nothing was written to it.
    planned : int
        How many files it is to write; 0 where that is not known.
    instead : str
        What stands, where the files of the command are not worth naming.
    go_on : str
        How to go on.
    anew : str
        The same, where none of the command's files holds anything.
    said : bool
        Whether the message was written.
    """

    def __init__(self) -> None:
        self.standing: dict[Path, str] = {}
        self.planned = 0
        self.instead = ""
        self.go_on = self.anew = AGAIN
        self.said = False


_command = _Command()


def forget_files() -> None:
    """In a process that was forked: the files are those of its parent."""
    vars(_command).update(vars(_Command()))


def note_standing(path: Path, text: str) -> None:
    """Say what is in a file of this command: ``complete``, how far it goes, or nothing yet."""
    _command.standing[path] = text


def forget_standing(path: Path) -> None:
    """Say nothing of a file: it was not begun, or has failed."""
    _command.standing.pop(path, None)


def note_planned(files: int) -> None:
    """Say how many more files this command is to write."""
    _command.planned += files


def note_instead(text: str) -> None:
    """Say what stands of a command whose own files are temporary."""
    _command.instead = text


def note_command(go_on: str, anew: str = "") -> None:
    """Say how to go on with the command that begins; ``anew`` where no file holds anything."""
    forget_files()
    _command.go_on = go_on
    _command.anew = anew or go_on


def say_end(number: int) -> None:
    """Say on stderr, once, what stopped the command, what stands and how to go on."""
    if _command.said:
        return
    _command.said = True
    tell(f"{visible(ending(number))}\n".encode(errors="backslashreplace"))


def tell(data: bytes) -> None:
    """Write to stderr ahead of the end, which does not wait for a reader for ever."""
    with suppress(OSError):
        while data:
            if os.name == "posix" and not select.select([], [2], [], TAKEN_S)[1]:
                return
            data = data[os.write(2, data[:PIECE]) :]


def ending(number: int) -> str:
    """What stopped the command, what stands and how to go on."""
    standing = dict(_command.standing)
    done = [str(path) for path, text in standing.items() if text == "complete"]
    short = [f"{path} ({text})" for path, text in standing.items() if text not in ("complete", "")]
    begun = [str(path) for path, text in standing.items() if not text]
    parts = []
    if done or _command.planned > 1:
        of = f"{len(done)} of " if _command.planned > 1 else ""
        count = _command.planned if of else len(done)
        named = f": {listed(done, NAMED)}" if done else ""
        parts.append(f"{of}{counted(count, 'trace')} complete{named}")
    if short:
        parts.append(f"cut short and readable: {listed(short, NAMED)}")
    go_on = _command.go_on if parts or _command.instead else _command.anew
    if begun:
        parts.append(f"nothing was written to {listed(begun, NAMED)}")
    stands = _command.instead or "; ".join(parts) or "nothing was being written"
    return f"interrupted ({signal.Signals(number).name}): {stands}; {go_on}"
