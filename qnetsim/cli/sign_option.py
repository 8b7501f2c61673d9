"""The option to sign the traces that a command writes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from qnetsim.trace.files.signature import private_key, sign_file

sign_option = click.option(
    "--sign",
    "key",
    metavar="KEY",
    type=click.Path(path_type=Path),
    help="Sign what is written with this private Ed25519 key; see `verify --key`.",
)


class Signer:
    """Signs finished traces; does nothing without a key.

    The key is read at once, so that a wrong one stops a command before it works for hours.

    Parameters
    ----------
    key : Path or None

    Raises
    ------
    UsageError
        It is no private Ed25519 key.
    """

    def __init__(self, key: Path | None) -> None:
        self._key = None if key is None else private_key(key)

    def sign(self, traces: Iterable[Path]) -> None:
        """Write a signature beside each trace."""
        if self._key is not None:
            for trace in traces:
                sign_file(trace, self._key)
