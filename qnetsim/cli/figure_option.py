"""``qnetsim plan --figure``."""

from __future__ import annotations

from pathlib import Path

from qnetsim.analysis.figures.style import FORMATS
from qnetsim.errors import UsageError
from qnetsim.trace import refuse_existing


def refuse_figure(path: Path, *, force: bool) -> None:
    """Refuse a file for a figure before anything is worked out.

    Raises
    ------
    UsageError
        Its suffix is none of a figure, it exists, or is read.
    """
    if path.suffix[1:] not in FORMATS:
        allowed = ", ".join(f".{kind}" for kind in FORMATS)
        raise UsageError(f"--figure {path}: the name must end in one of {allowed}")
    refuse_existing(path, force)
