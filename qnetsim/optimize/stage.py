"""Channels and KM wavelengths on every fibre: what a stage of a plan reserves, buys or uses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.network import UnitPrices


class Stage(NamedTuple):
    """Amounts of one stage on each fibre, per slot.

    Attributes
    ----------
    channels : ndarray of float64, shape (fibres,)
        QKD channels, F/3 of Eq (21).
    wavelengths : ndarray of float64, shape (fibres,)
        KM wavelengths, X of Eq (21).
    """

    channels: FloatArray
    wavelengths: FloatArray

    @classmethod
    def of_vector(cls, vector: FloatArray) -> Stage:
        """Read a stage from a vector of shape (2·fibres,): channels first, then wavelengths."""
        fibres = vector.size // 2
        return cls(vector[:fibres], vector[fibres:])

    @classmethod
    def none(cls, fibres: int) -> Stage:
        """No channel and no wavelength on any fibre."""
        return cls(np.zeros(fibres), np.zeros(fibres))

    def vector(self) -> FloatArray:
        """Channels, then wavelengths, shape (2·fibres,)."""
        return np.concatenate(self)

    def at_most(self, channels: int | None, wavelengths: int | None) -> Stage:
        """Cut the amounts of each fibre to these limits; None is unlimited."""
        return Stage(
            self.channels if channels is None else np.minimum(self.channels, channels),
            self.wavelengths if wavelengths is None else np.minimum(self.wavelengths, wavelengths),
        )

    def cost(self, prices: UnitPrices) -> float:
        """Cost per slot at these unit prices."""
        return float(self.channels @ prices.channels + self.wavelengths @ prices.wavelengths)
