"""The network of a scenario: topology, chains, key rates, prices and limits, together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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
from qnetsim.network.keyrate import Segment, key_rate
from qnetsim.network.losses import FibreSettings, fibre_settings, refuse_above_plob
from qnetsim.network.node_names import NodeNames
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
    segment_loss_db : ndarray of float64
        Loss between two transmitters of each fibre, for which its K_L is.
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
    segment_loss_db: FloatArray
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
        below = [x.denominator for x in exact]
        # numpy divides by one number several times as fast as by one for each fibre
        common = math.lcm(*below)
        if most * common < 2**63:
            below = [common] * len(exact)
        parts = [
            divmod(x.numerator * (d // x.denominator), d) for x, d in zip(exact, below, strict=True)
        ]
        if most * max(below) < 2**63 and all(most * (whole + 1) < 2**63 for whole, _ in parts):
            # ⌊ξ·(w + r/d)/m⌋ = ⌊(ξ·w + ⌊ξ·r/d⌋)/m⌋: each product fits into 64 bits
            whole, rest = np.array(parts, dtype=np.int64).T
            amount: IntArray = ppm * whole
            if rest.any():
                part = ppm * rest
                part //= below[0] if len({*below}) == 1 else np.array(below)
                amount += part
            amount //= PPM
            return amount
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


def network_topology(table: NetworkTable) -> Topology:
    """Fibres of a network, read from where its table says.

    Raises
    ------
    TopologyError
        It cannot be read, or is no network of fibres.
    """
    return read_topology(table) if table.graph is None else topology_of(table.graph)


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
    topology = topology or network_topology(table)
    lengths = topology.lengths_km
    spans = spans_of(table, topology)
    counts = segments(lengths, spans)
    settings = fibre_settings(table, topology)
    alpha = table.attenuation_db_km
    distances = _distances(table, lengths, spans, counts)
    worst = [
        found.worst_segment(distance, length, alpha)
        for found, distance, length in zip(settings, distances, lengths, strict=True)
    ]
    refuse_above_plob(table, settings, worst)
    level = Segment.plain(table.span_km, alpha)
    model_bps = _model_rates(table, {level, *_modelled(settings, worst)}, slot_s)
    rates = [
        found.measured_bps or model_bps[segment]
        for found, segment in zip(settings, worst, strict=True)
    ]
    for e, found in enumerate(settings):
        if found.measured_bps is not None:
            what = f"a channel of fibre {topology.fibre_title(e)}"
            _refuse_bits(table, what, rates[e], slot_s)
    slot = exact(slot_s)
    return Network(
        topology=topology,
        span_km=table.span_km,
        spans_km=frozen(spans, np.float64),
        key_rate_bps=frozen(rates, np.float64),
        segments=counts,
        segment_loss_db=frozen([segment.loss_db for segment in worst], np.float64),
        exact_channel_bits=tuple(exact(rate) * slot for rate in rates),
        channel_bits=frozen([int(exact(rate) * slot) for rate in rates], np.int64),
        level_bits=int(exact(model_bps[level]) * slot),
        costs=unit_costs(lengths, spans, cost),
        bill=components_per_unit(lengths, spans),
        qkd_wavelengths=table.qkd_wavelengths or None,
        km_wavelengths=table.km_wavelengths or None,
    )


def _distances(
    table: NetworkTable, lengths: Sequence[float], spans: Sequence[float], counts: IntArray
) -> list[float]:
    """Distance between two transmitters of each fibre, at which its key rate is taken."""
    if table.key_rate_at == "spacing":
        return list(spans)
    return [length / n for length, n in zip(lengths, counts.tolist(), strict=True)]


def _modelled(settings: Sequence[FibreSettings], worst: Sequence[Segment]) -> Iterator[Segment]:
    """Segments of the fibres whose rate was not measured."""
    for found, segment in zip(settings, worst, strict=True):
        if found.measured_bps is None:
            yield segment


def _model_rates(table: NetworkTable, asked: set[Segment], slot_s: float) -> dict[Segment, float]:
    """K_L of the network's model in bit/s, each at least a bit in a slot.

    Raises
    ------
    SettingError
    """
    rate = key_rate(table)
    rates = {segment: rate(segment) for segment in sorted(asked)}
    for segment, bps in rates.items():
        what = f"a channel with a spacing of {segment.distance_km:g} km"
        if segment.excess_db:
            what += f" and a loss of {segment.loss_db:g} dB"
        _refuse_bits(table, what, bps, slot_s)
    return rates


def spans_of(table: NetworkTable, topology: Topology) -> list[float]:
    """Spacing L of each fibre in km.

    Raises
    ------
    SettingError
        An entry of ``fibre_spans`` names no fibre, or one of several without its own name, names
        one twice, or is no distance.
    """
    spans = [table.span_km] * len(topology.fibres)
    problems = []
    seen = set()
    names = NodeNames(topology)
    for i, entry in enumerate(table.fibre_spans):
        span = entry[-1]
        try:
            fibre = names.fibre_at(*entry[:-1])
        except LookupError as error:
            text = str(error.args[0])
        else:
            if fibre in seen:
                text = f"fibre {topology.fibre_title(fibre)} is given twice; remove one"
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


def _refuse_bits(table: NetworkTable, what: str, rate_bps: float, slot_s: float) -> None:
    """Refuse ⌊K_L·Δ⌋ below one bit, and more than can be counted exactly."""
    bits = int(exact(rate_bps) * exact(slot_s))
    if not 1 <= bits <= MAX_SLOT_BITS:
        key = "key_rate_bps" if table.key_rate in {"constant", "inverse"} else "key_rate"
        text = (
            f"{what} has {rate_bps:.4g} bit/s, so it yields "
            f"{bits:.4g} bits in a slot of {slot_s:g} s; allowed: 1 .. 2^53 bits (change span_km, "
            "the key rate or run.slot_s)"
        )
        raise SettingError([(("network", key), text)])
