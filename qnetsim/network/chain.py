"""MDI-QKD chains and their components: Eqs (1)-(6) of the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from qnetsim.arrays import FloatArray, IntArray, frozen
from qnetsim.units import exact

Component = Literal[
    "transmitter",
    "receiver",
    "key_manager",
    "security_infrastructure",
    "mux_demux",
    "channel_km",
]

#: Components in the order of Eqs (1)-(6), with the paper's names.
COMPONENTS: dict[Component, str] = {
    "transmitter": "QT",
    "receiver": "QR",
    "key_manager": "LKM",
    "security_infrastructure": "SI",
    "mux_demux": "MUX/DEMUX",
    "channel_km": "wavelength-km",
}


#: Spacing L of every fibre, or one for each.
Spacing = float | Sequence[float]


def segments(lengths_km: Sequence[float], span_km: Spacing) -> IntArray:
    """Segments QT-QR-QT of a chain on each fibre: N = ⌈l/L⌉.

    Parameters
    ----------
    lengths_km : sequence of float
    span_km : float or sequence of float
        Largest distance L between two transmitters, of all fibres or of each.

    Returns
    -------
    ndarray of int64, shape (fibres,)
    """
    spans = [span_km] * len(lengths_km) if isinstance(span_km, int | float) else span_km
    pairs = zip(lengths_km, spans, strict=True)
    return frozen([_whole_times(exact(length), exact(span)) for length, span in pairs], np.int64)


def _whole_times(length: Fraction, span: Fraction) -> int:
    """⌈length/span⌉, in whole numbers: a quotient of fractions is slow."""
    return -(-length.numerator * span.denominator // (length.denominator * span.numerator))


@dataclass(frozen=True)
class ChainBill:
    """What one QKD channel and one KM wavelength on each fibre are made of.

    ``qkd[c]`` and ``km[c]`` have shape (fibres,): units of component ``c`` per QKD channel and
    per KM wavelength. Their weighted sums are Eqs (1)-(6).
    """

    qkd: Mapping[Component, FloatArray]
    km: Mapping[Component, FloatArray]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy the values; a read-only mapping itself cannot be."""
        return _frozen_bill, (dict(self.qkd), dict(self.km))

    def totals(self, channels: FloatArray, wavelengths: FloatArray) -> dict[Component, FloatArray]:
        """Units of each component for these channels and KM wavelengths.

        Parameters
        ----------
        channels, wavelengths : ndarray, shape (..., fibres)

        Returns
        -------
        dict of ndarray, shape (..., fibres)
        """
        return {c: self.qkd[c] * channels + self.km[c] * wavelengths for c in COMPONENTS}


def components_per_unit(lengths_km: Sequence[float], span_km: Spacing) -> ChainBill:
    """Components of one QKD channel and of one KM wavelength, per fibre.

    A channel on N segments has 2N QTs (Eq 1), N QRs (Eq 2) and 3·l km of wavelength (Eq 6). A
    KM wavelength has N+1 LKMs (Eq 3), N−1 SIs (Eq 4), 2N−1 MUX/DEMUX pairs (Eq 5) and l km of
    wavelength (Eq 6).
    """
    n = segments(lengths_km, span_km).astype(np.float64)
    length = np.asarray(lengths_km, dtype=np.float64)
    none = np.zeros_like(n)
    qkd: dict[Component, FloatArray] = {
        "transmitter": 2 * n,
        "receiver": n,
        "key_manager": none,
        "security_infrastructure": none,
        "mux_demux": none,
        "channel_km": 3 * length,
    }
    km: dict[Component, FloatArray] = {
        "transmitter": none,
        "receiver": none,
        "key_manager": n + 1,
        "security_infrastructure": n - 1,
        "mux_demux": 2 * n - 1,
        "channel_km": length,
    }
    return _frozen_bill(qkd, km)


def _frozen_bill(
    qkd: Mapping[Component, FloatArray], km: Mapping[Component, FloatArray]
) -> ChainBill:
    return ChainBill(
        MappingProxyType({c: frozen(v, np.float64) for c, v in qkd.items()}),
        MappingProxyType({c: frozen(v, np.float64) for c, v in km.items()}),
    )
