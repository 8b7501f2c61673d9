"""What a topology says of the loss of a fibre: in files of networks, traces and plans alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Most attenuation in dB/km, and most extra loss in dB, that a fibre may have.
MOST_ATTENUATION = 10.0
MOST_EXTRA = 200.0
#: Part of a provenance with the losses of all fibres, where the topology gave any.
LOSSES = "fibre_losses"


@dataclass(frozen=True)
class FibreLoss:
    """What a topology says of the loss of a fibre.

    Attributes
    ----------
    attenuation_db_km : float or None
        In dB/km; None where it is that of the network.
    extra_loss_db : float
        Of splices, connectors and the like on the whole fibre, in dB.
    """

    attenuation_db_km: float | None = None
    extra_loss_db: float = 0.0

    @classmethod
    def stored(cls, value: Any) -> FibreLoss:
        """Loss in a provenance.

        Raises
        ------
        ValueError
            It is none.
        """
        if not isinstance(value, dict) or value.keys() - {"attenuation_db_km", "extra_loss_db"}:
            raise ValueError(f"{str(value)[:60]!r} is no loss of a fibre")
        alpha = value.get("attenuation_db_km")
        found = cls(
            None if alpha is None else _decibels(alpha, MOST_ATTENUATION),
            _decibels(value.get("extra_loss_db", 0.0), MOST_EXTRA),
        )
        if found.as_table() != value:
            raise ValueError(f"{str(value)[:60]!r} is not how a loss of a fibre is written")
        return found

    def as_table(self) -> dict[str, float]:
        """What is known, for a provenance."""
        alpha, extra = self.attenuation_db_km, self.extra_loss_db
        found = {} if alpha is None else {"attenuation_db_km": alpha}
        return found | ({"extra_loss_db": extra} if extra else {})


def losses_part(losses: tuple[FibreLoss, ...]) -> dict[str, Any]:
    """Part of a provenance with losses, fibre by fibre; nothing where there are none."""
    return {LOSSES: [loss.as_table() for loss in losses]} if losses else {}


def stored_losses(
    provenance: Mapping[str, Any], fibres: int | None = None
) -> tuple[FibreLoss, ...]:
    """Losses in a provenance, fibre by fibre; empty where the topology gave none.

    Parameters
    ----------
    provenance : mapping
    fibres : int, optional
        How many there must be where there are any.

    Raises
    ------
    ValueError
        Their number is another one, or one is damaged; says which.
    """
    stored = provenance.get(LOSSES, [])
    if not isinstance(stored, list):
        raise ValueError("is no list of losses")
    if stored and fibres not in {None, len(stored)}:
        raise ValueError(f"has {len(stored)} losses, not {fibres}")
    found = []
    for number, value in enumerate(stored):
        try:
            found.append(FibreLoss.stored(value))
        except ValueError as error:
            raise ValueError(f"fibre {number}: {error}") from None
    return tuple(found)


def _decibels(value: Any, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{str(value)[:60]!r} is not a number of dB")
    if not (math.isfinite(value) and 0 <= value <= most):
        raise ValueError(f"{value!r} dB; allowed: 0 .. {most:g}")
    return float(value)
