"""Find the trained weights that a trace names: it keeps the file's name and SHA-256 alone."""

from __future__ import annotations

import hashlib
from pathlib import Path

from qnetsim.errors import UsageError, argument
from qnetsim.scenario import PolicyTable
from qnetsim.scenario.tables.portable import WEIGHTS_SUFFIX, file_name

#: Option of the learned policies that names it.
OPTION = "model"


def with_weights(
    table: PolicyTable, folder: Path, sha256: str | None = None, given: Path | None = None
) -> PolicyTable:
    """Policy table whose weights are found; the same one where they are not, or none are named.

    Parameters
    ----------
    table : PolicyTable
    folder : Path
        Of the trace. Weights lie there or in the current folder.
    sha256 : str, optional
        Of the weights, where the trace says it.
    given : Path, optional
        The file itself.

    Raises
    ------
    UsageError
        A file of that name has another SHA-256, or ``given`` is not there or goes with no policy.
    """
    name = table.options.get(OPTION)
    named = isinstance(name, str) and name.endswith(WEIGHTS_SUFFIX)
    if given is not None:
        if not named:
            raise UsageError(
                f"{argument('weights', str(given))}: policy {table.title!r} names no file of "
                "weights"
            )
        if not given.is_file():
            raise UsageError(f"{argument('weights', str(given))}: no such file of weights")
        return table.model_copy(update={OPTION: str(given.resolve())})
    if not named:
        return table
    base = file_name(str(name))
    places = [place for place in (Path(str(name)), Path(base), folder / base) if place.is_file()]
    for place in places:
        if sha256 is None or _sha256(place) == sha256:
            return table.model_copy(update={OPTION: str(place.resolve())})
    if places:
        raise UsageError(
            f"{places[0]}: is not the file of weights of the trace, whose SHA-256 is {sha256}; put "
            "that one beside the trace, or give it (`verify --weights FILE`)"
        )
    return table


def _sha256(path: Path) -> str:
    with path.open("rb") as raw:
        return hashlib.file_digest(raw, "sha256").hexdigest()
