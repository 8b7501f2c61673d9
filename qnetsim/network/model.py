"""The network of a scenario: topology, chains, key rates, prices and limits, together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray, IntArray, frozen
from qnetsim.errors import SettingError
from qnetsim.network.chain import ChainBill, components_per_unit, segments
from qnetsim.network.cost import UnitCosts, unit_costs
from qnetsim.network.formats import read_topology
from qnetsim.network.graphs import topology_of
from qnetsim.network.keyrate import key_rate
from qnetsim.network.topology import Topology
from qnetsim.scenario import CostTable, NetworkTable
from qnetsim.units import MAX_SLOT_BITS, exact

#: Millionths: the unit of the yield factor ξ.
PPM = 10**6
#: Wavelengths that one QKD channel occupies, Eq (12).
WAVELENGTHS_PER_CHANNEL = 3


class MoreWavelengths(NamedTuple):
    """Wavelengths that one fibre has beside those that all fibres have.

    By continuity they carry requests of this fibre alone, those between its two ends.

    Attributes
    ----------
    fibre : int
    qkd, km : int
        Beyond |σ| and |κ|.
    """

    fibre: int
    qkd: int = 0
    km: int = 0


@dataclass(frozen=True)
class Network:
    """Fibres with everything that is fixed about them. All arrays have shape (fibres,).

    Attributes
    ----------
    topology : Topology
    span_km : float
        Spacing L that the unit of a demand level refers to.
    spans_km : ndarray of float64
        Spacing L of each fibre.
    key_rate_bps : ndarray of float64
        K_L of a channel on each fibre.
    segments : ndarray of int64
        N of each fibre.
    exact_channel_bits : tuple of Fraction
        K_L·Δ of each fibre.
    channel_bits : ndarray of int64
        Bits ⌊K_L·Δ⌋ that one channel yields in a slot at ξ = 1.
    level_bits : int
        Bits that one demand level asks for in a slot: ⌊K_L·Δ⌋ at ``span_km``.
    costs : UnitCosts
    bill : ChainBill
    qkd_wavelengths, km_wavelengths : int or None
        |σ| and |κ| per fibre; None is unlimited.
    """

    topology: Topology
    span_km: float
    spans_km: FloatArray
    key_rate_bps: FloatArray
    segments: IntArray
    exact_channel_bits: tuple[Fraction, ...]
    channel_bits: IntArray
    level_bits: int
    costs: UnitCosts
    bill: ChainBill
    qkd_wavelengths: int | None
    km_wavelengths: int | None

    @property
    def max_channels(self) -> int | None:
        """Channels ⌊|σ|/3⌋ that can be lit on a fibre; None is unlimited."""
        sigma = self.qkd_wavelengths
        return None if sigma is None else sigma // WAVELENGTHS_PER_CHANNEL

    @property
    def max_wavelengths(self) -> int | None:
        """KM wavelengths that can be lit on a fibre; None is unlimited."""
        return self.km_wavelengths

    @property
    def fibres(self) -> int:
        """Number of fibres."""
        return len(self.topology.fibres)

    @property
    def limited(self) -> bool:
        """Whether any wavelength limit is set."""
        return self.max_channels is not None or self.max_wavelengths is not None

    def with_more_wavelengths(self, qkd: int = 0, km: int = 0) -> Network:
        """The network with so many more on every fibre, of the kinds that are limited."""
        sigma = self.qkd_wavelengths
        kappa = self.km_wavelengths
        return replace(
            self,
            qkd_wavelengths=None if sigma is None else sigma + qkd,
            km_wavelengths=None if kappa is None else kappa + km,
        )

    def yield_bits(self, yield_ppm: IntArray) -> IntArray:
        """Bits y_e(t) = ⌊K_L·Δ·ξ_e(t)⌋ that one channel yields, exact in integers.

        Parameters
        ----------
        yield_ppm : ndarray of integers, shape (slots, fibres)
            ξ in millionths.

        Returns
        -------
        ndarray of int64, shape (slots, fibres)
        """
        ppm = np.asarray(yield_ppm, dtype=np.int64)
        most = int(ppm.max(initial=1))
        exact = self.exact_channel_bits
        parts = [(*divmod(x.numerator, x.denominator), x.denominator) for x in exact]
        if all(most * (whole + 1) < 2**63 and most * below < 2**63 for whole, _, below in parts):
            # ⌊ξ·(w + r/d)/m⌋ = ⌊(ξ·w + ⌊ξ·r/d⌋)/m⌋: each product fits into 64 bits
            whole, rest, below = np.array(parts, dtype=np.int64).T
            amount = ppm * whole
            if rest.any():
                amount += ppm * rest // below
            return np.asarray(amount // PPM)
        scaled = [
            ppm[:, fibre].astype(object) * x.numerator // (x.denominator * PPM)
            for fibre, x in enumerate(self.exact_channel_bits)
        ]
        return np.stack(scaled, axis=1).astype(np.int64)

    def level_channels(self, levels: int) -> IntArray:
        """Channels ρ = ⌈k/K_L⌉ that each level needs on each fibre.

        Parameters
        ----------
        levels : int

        Returns
        -------
        ndarray of int64, shape (levels, fibres)
        """
        bits = np.arange(levels, dtype=np.int64)[:, None] * self.level_bits
        return np.asarray(-(-bits // self.channel_bits[None, :]), dtype=np.int64)

    def request_bits(self, levels: int, granularity: str) -> IntArray:
        """Bits that one request of each level takes on each fibre, shape (levels, fibres).

        Parameters
        ----------
        levels : int
        granularity : {"channel", "bit"}
            Whole channel-slots (the paper's ρ), or just the bits.
        """
        if granularity == "channel":
            return self.level_channels(levels) * self.channel_bits
        bits = np.arange(levels, dtype=np.int64)[:, None] * self.level_bits
        return np.broadcast_to(bits, (levels, self.fibres)).copy()


def build_network(
    table: NetworkTable, cost: CostTable, slot_s: float, topology: Topology | None = None
) -> Network:
    """Read the topology and work out chains, key rates and prices.

    Parameters
    ----------
    table : NetworkTable
    cost : CostTable
    slot_s : float
    topology : Topology, optional
        The fibres; read from where the table says unless given.

    Raises
    ------
    TopologyError
        If the topology cannot be read or is no network of fibres.
    SettingError
        A spacing names no fibre, or a channel yields no bit in a slot.
    """
    if topology is None and table.graph is not None:
        topology = topology_of(table.graph)
    topology = topology or read_topology(table)
    lengths = topology.lengths_km
    spans = spans_of(table, topology)
    rate = key_rate(table)
    rates = {span: rate(span) for span in sorted({table.span_km, *spans})}
    bits = {span: _slot_bits(table, span, rates[span], slot_s) for span in rates}
    return Network(
        topology=topology,
        span_km=table.span_km,
        spans_km=frozen(spans, np.float64),
        key_rate_bps=frozen([rates[span] for span in spans], np.float64),
        segments=segments(lengths, spans),
        exact_channel_bits=tuple(exact(rates[span]) * exact(slot_s) for span in spans),
        channel_bits=frozen([bits[span] for span in spans], np.int64),
        level_bits=bits[table.span_km],
        costs=unit_costs(lengths, spans, cost),
        bill=components_per_unit(lengths, spans),
        qkd_wavelengths=table.qkd_wavelengths or None,
        km_wavelengths=table.km_wavelengths or None,
    )


def spans_of(table: NetworkTable, topology: Topology) -> list[float]:
    """Spacing L of each fibre in km.

    Raises
    ------
    SettingError
        An entry of ``fibre_spans`` names no fibre, names one twice, or is no distance.
    """
    position = {}
    for fibre, (a, b) in enumerate(topology.fibres):
        position[frozenset((topology.nodes[a], topology.nodes[b]))] = fibre
    spans = [table.span_km] * len(topology.fibres)
    problems = []
    seen = set()
    for i, (source, target, span) in enumerate(table.fibre_spans):
        fibre = position.get(frozenset((source, target)), -1)
        if fibre < 0:
            text = f"no fibre joins {source!r} and {target!r} in {topology.name}"
        elif fibre in seen:
            text = f"fibre {topology.fibre_name(fibre)} is given twice; remove one"
        elif not 1e-3 <= span <= 1e6:
            text = f"spacing {span!r} km; allowed: a number 0.001 .. 1000000 in km"
        else:
            spans[fibre] = span
            seen.add(fibre)
            continue
        problems.append((("network", "fibre_spans", i), text))
    if problems:
        raise SettingError(problems)
    return spans


def _slot_bits(table: NetworkTable, span_km: float, rate_bps: float, slot_s: float) -> int:
    """⌊K_L·Δ⌋, at least one bit and few enough to count exactly."""
    bits = int(exact(rate_bps) * exact(slot_s))
    if not 1 <= bits <= MAX_SLOT_BITS:
        key = "key_rate_bps" if table.key_rate in {"constant", "inverse"} else "key_rate"
        text = (
            f"a channel with a spacing of {span_km:g} km has {rate_bps:.4g} bit/s, so it yields "
            f"{bits:.4g} bits in a slot of {slot_s:g} s; allowed: 1 .. 2^53 bits (change span_km, "
            "the key rate or run.slot_s)"
        )
        raise SettingError([(("network", key), text)])
    return bits
