"""Names that become file names: which ones other file systems take, and keep apart."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from qnetsim.errors import UsageError

#: Names of devices on Windows, with any suffix.
DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | {
    f"{port}{number}" for port in ("COM", "LPT") for number in "0123456789¹²³"
}
#: Longest name in bytes, with room for what a file is called while it is written.
LONGEST_BYTES = 255 - len(".0123456789abcdef.part") - 1


def unportable(name: str) -> str | None:
    """Why a name cannot be that of a file on every system, in words; None where it can."""
    if name.partition(".")[0].rstrip(" ").upper() in DEVICES:
        return "is the name of a device on Windows"
    found = re.search(r'[<>:"/\\|?*\x00-\x1f\x7f]', name)
    if found:
        return f"holds {found.group()!r}, which Windows allows in no file name"
    if name != name.rstrip(" .") or not name:
        return "ends in a dot or a space, which Windows drops"
    if len(name.encode(errors="surrogateescape")) > LONGEST_BYTES:
        return f"is longer than {LONGEST_BYTES} bytes"
    return None


def refuse_clashing_labels(labels: Sequence[str]) -> None:
    """Refuse labels of policies that cannot name files beside each other on every system.

    Raises
    ------
    UsageError
    """
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise UsageError(f"policy {twice[0]!r} is given twice; give each use its own label")
    for label in labels:
        reason = unportable(label)
        if reason:
            raise UsageError(f"label {label!r} {reason}; give another label=")
    clash = colliding(labels)
    if clash:
        raise UsageError(
            f"labels {clash[0]!r} and {clash[1]!r} name one file where case does not count; "
            "give another label="
        )


def colliding(names: Sequence[str]) -> tuple[str, str] | None:
    """Two different names that are one on file systems without case or with one normal form."""
    seen: dict[str, str] = {}
    for name in names:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        if seen.setdefault(folded, name) != name:
            return seen[folded], name
    return None


def policy_title(name: str, label: str | None) -> str:
    """What a policy is called in tables and file names; of a user's own class the class name."""
    return label or name.rpartition(":")[2]
