"""What a training ends with: weights, card and curve, each whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from qnetsim.errors import QnetsimError
from qnetsim.input_files import forget_input, refuse_input
from qnetsim.learning.checkpoint import card_text, weights_of
from qnetsim.learning.train import Training
from qnetsim.policies.learned.weights import packed
from qnetsim.trace import refuse_existing
from qnetsim.trace.files.curve_file import CurveRecord, read_curve, write_curve
from qnetsim.trace.hdf5.files import write_whole


def write_results(
    training: Training,
    paths: Mapping[str, Path],
    record: CurveRecord,
    *,
    force: bool = False,
    durable: bool = False,
) -> str:
    """Write what a training ends with; returns the SHA-256 of the weights.

    A file that is there and holds the same is left as it is: a training that was killed while it
    wrote goes on here.

    Parameters
    ----------
    training : Training
        At its last epoch.
    paths : mapping
        Of ``weights``, ``card`` and ``curve``.
    record : CurveRecord
    force : bool
        Overwrite files that hold something else.
    durable : bool
        Wait until the disk has them.

    Raises
    ------
    UsageError
        A file is there that holds something else; nothing is written.
    TraceError
        One cannot be written; those before it are.
    """
    trained = weights_of(training)
    weights = packed(trained)
    sha256 = hashlib.sha256(weights).hexdigest()
    contents = {"weights": weights, "card": card_text(trained, sha256).encode()}
    write_contents(contents, paths, record, force=force, durable=durable)
    return sha256


def write_contents(
    contents: Mapping[str, bytes],
    paths: Mapping[str, Path],
    record: CurveRecord,
    *,
    force: bool = False,
    durable: bool = False,
) -> None:
    """Write ``weights``, ``card`` and the curve, as ``write_results`` does.

    Raises
    ------
    UsageError, TraceError
    """
    todo = [name for name, data in contents.items() if not _holds(paths[name], data)]
    curve_there = _is_curve_of(paths["curve"], record)
    for path in [paths[name] for name in todo] + [paths["curve"]] * (not curve_there):
        refuse_existing(path, force)
    for name in todo:
        write_whole(paths[name], contents[name], durable=durable)
    if not curve_there:
        write_curve(paths["curve"], record, force=force, durable=durable)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.is_file() and path.read_bytes() == data
    except OSError:
        return False


def _is_curve_of(path: Path, record: CurveRecord) -> bool:
    """Whether a file holds a curve, but for what differs between machines.

    Raises
    ------
    UsageError
        The training reads it for something else, so that it must stay.
    """
    refuse_input(path)
    try:
        return read_curve(path).digest() == record.digest()
    except QnetsimError:
        return False
    finally:
        # looked at only: another curve may take its place
        forget_input(path)
