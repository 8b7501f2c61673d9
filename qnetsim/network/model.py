"""The network of a scenario: topology, chains, key rates, prices and limits, together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qnetsim.arrays import IntArray, frozen
from qnetsim.network.chain import ChainBill, components_per_unit, segments
from qnetsim.network.cost import UnitCosts, unit_costs
from qnetsim.network.readers import read_topology
from qnetsim.network.topology import Topology
from qnetsim.scenario import CostTable, NetworkTable
from qnetsim.units import exact

#: Wavelengths that one QKD channel occupies, Eq (12).
WAVELENGTHS_PER_CHANNEL = 3


@dataclass(frozen=True)
class Network:
    """Fibres with everything that is fixed about them. All arrays have shape (fibres,).

    Attributes
    ----------
    topology : Topology
    span_km : float
    segments : ndarray of int64
        N of each fibre.
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
    segments: IntArray
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


def build_network(table: NetworkTable, cost: CostTable, slot_s: float) -> Network:
    """Read the topology and work out chains, key rates and prices.

    Raises
    ------
    TopologyError
        If the topology cannot be read or is no network of fibres.
    """
    topology = read_topology(table.topology)
    lengths = topology.lengths_km
    bits = int(exact(table.key_rate_bps) * exact(slot_s))
    return Network(
        topology=topology,
        span_km=table.span_km,
        segments=segments(lengths, table.span_km),
        channel_bits=frozen([bits] * len(lengths), np.int64),
        level_bits=bits,
        costs=unit_costs(lengths, table.span_km, cost),
        bill=components_per_unit(lengths, table.span_km),
        qkd_wavelengths=table.qkd_wavelengths or None,
        km_wavelengths=table.km_wavelengths or None,
    )
