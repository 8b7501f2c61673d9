"""Secret-key rate K_L of a QKD channel whose transmitters are L km apart.

Four models: a constant, inverse in L as the paper says, asymptotic decoy-state MDI-QKD with a
symmetric relay, and a user's table. Rates are in bit/s. Each says what a loss does to it that is
not the attenuation of the network times the distance (docs/background/networks.md).

The MDI-QKD rate is that of Lo, Curty and Qi, Phys. Rev. Lett. 108, 130503 (2012), with the system
model of Xu, Curty, Qi and Lo, New J. Phys. 15, 113007 (2013). The bound on any repeaterless
protocol is that of Pirandola, Laurenza, Ottaviani and Banchi, Nat. Commun. 8, 15043 (2017).
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from qnetsim.errors import SettingError
from qnetsim.scenario import MdiQkdTable, NetworkTable

#: Distance in km at which the inverse model yields ``key_rate_bps``: the paper's spacing.
INVERSE_KM = 160.0
#: Mean photon numbers among which the best is sought.
MEAN_PHOTONS = (1e-4, 1.5)


class Segment(NamedTuple):
    """The stretch between two transmitters that decides the rate of a channel.

    Attributes
    ----------
    distance_km : float
    loss_db : float
    attenuation_db_km : float
        α of the network, for which rates over distance are meant.
    """

    distance_km: float
    loss_db: float
    attenuation_db_km: float

    @classmethod
    def plain(cls, distance_km: float, attenuation_db_km: float) -> Segment:
        """A stretch that loses α a km and nothing else."""
        return cls(distance_km, attenuation_db_km * distance_km, attenuation_db_km)

    @property
    def excess_db(self) -> float:
        """Loss beyond that of a plain stretch of this distance; may be negative."""
        return self.loss_db - self.attenuation_db_km * self.distance_km

    @property
    def equivalent_km(self) -> float:
        """Distance at which a plain stretch has this loss."""
        return self.distance_km + self.excess_db / self.attenuation_db_km


KeyRate = Callable[[Segment], float]


def plob(distance_km: float, attenuation_db_km: float) -> float:
    """PLOB bound ``−log₂(1−η)`` in bits per pulse pair; infinite at distance zero."""
    return plob_at(attenuation_db_km * distance_km)


def plob_at(loss_db: float) -> float:
    """PLOB bound in bits per pulse pair at a loss; infinite at none."""
    eta = 10 ** (-loss_db / 10)
    return math.inf if eta >= 1 else -math.log1p(-eta) / math.log(2)


def binary_entropy(p: float) -> float:
    """h(p) in bits."""
    if p <= 0 or p >= 1:
        return 0.0
    return -(p * math.log2(p) + (1 - p) * math.log2(1 - p))


@dataclass(frozen=True)
class MdiLink:
    """Decoy-state MDI-QKD over two arms to an untrusted relay.

    Attributes
    ----------
    efficiency : float
        η_d of the detectors.
    dark_count : float
        Y0 per detector and gate.
    misalignment : float
        e_d.
    error_correction : float
        f_e.
    """

    efficiency: float
    dark_count: float
    misalignment: float
    error_correction: float

    @classmethod
    def of(cls, table: MdiQkdTable) -> MdiLink:
        """Take the parameters of a scenario."""
        return cls(
            table.detector_efficiency,
            table.dark_count,
            table.misalignment,
            table.error_correction,
        )

    def rate(self, eta_a: float, eta_b: float, mu_a: float, mu_b: float) -> float:
        """Secret bits per pulse pair; zero where there is no positive rate.

        Parameters
        ----------
        eta_a, eta_b : float
            Transmittance of each arm, detectors included.
        mu_a, mu_b : float
            Mean photon numbers of the signal pulses.
        """
        from scipy.special import i0e

        dark = self.dark_count
        error = self.misalignment
        up = 1 - dark
        # single photons from either side: yield Y11 and phase error e11
        both = eta_a * eta_b
        y11 = up**2 * (
            both / 2
            + (2 * eta_a + 2 * eta_b - 3 * both) * dark
            + 4 * (1 - eta_a) * (1 - eta_b) * dark**2
        )
        e11_y11 = y11 / 2 - (0.5 - error) * up**2 * both / 2
        # signal pulses in the rectilinear basis: gain Q and error rate E
        a = eta_a * mu_a
        b = eta_b * mu_b
        m = a + b
        half = math.exp(-m / 2)
        q_c = 2 * up**2 * half * (dark - up * math.expm1(-a / 2)) * (dark - up * math.expm1(-b / 2))
        root = math.sqrt(a * b)
        bessel = float(i0e(root)) * math.exp(root)
        q_e = 2 * dark * up**2 * half * (bessel - up * half)
        gain = q_c + q_e
        if gain <= 0 or y11 <= 0:
            return 0.0
        wrong = (error * q_c + (1 - error) * q_e) / gain
        pairs = mu_a * mu_b * math.exp(-mu_a - mu_b) * y11
        secret = pairs * (1 - binary_entropy(e11_y11 / y11))
        return max(0.0, secret - gain * self.error_correction * binary_entropy(wrong))

    def symmetric(
        self, distance_km: float, attenuation_db_km: float, mu: float | None = None
    ) -> float:
        """Secret bits per pulse pair with the relay in the middle.

        Parameters
        ----------
        distance_km : float
            L, between the two transmitters.
        attenuation_db_km : float
            α.
        mu : float, optional
            Mean photon number of both; the best one unless given.
        """
        return self.at_loss(attenuation_db_km * distance_km, mu)

    def at_loss(self, loss_db: float, mu: float | None = None) -> float:
        """Secret bits per pulse pair with the relay in the middle of the loss.

        Parameters
        ----------
        loss_db : float
            Between the two transmitters, half of it in each arm.
        mu : float, optional
            Mean photon number of both; the best one unless given.
        """
        from scipy.optimize import minimize_scalar

        eta = self.efficiency * 10 ** (-loss_db / 2 / 10)
        if mu is not None:
            return self.rate(eta, eta, mu, mu)
        low, high = map(math.log, MEAN_PHOTONS)
        best = minimize_scalar(
            lambda x: -self.rate(eta, eta, math.exp(x), math.exp(x)),
            bounds=(low, high),
            method="bounded",
            options={"xatol": 1e-9},
        )
        # at long distances the rate is flat zero but for a narrow range
        grid = [math.exp(low + (high - low) * i / 60) for i in range(61)]
        return max(-float(best.fun), max(self.rate(eta, eta, x, x) for x in grid))


def key_rate(table: NetworkTable) -> KeyRate:
    """Return K_L of a scenario: a function from segments to bit/s.

    A loss beyond the plain one makes 'constant' smaller by its transmittance, is more distance to
    'inverse' and 'table', and is itself what 'mdi_qkd' goes by.

    Raises
    ------
    SettingError
        The rate table is not usable, or lies above the PLOB bound.
    """
    if table.key_rate == "constant":
        return lambda segment: table.key_rate_bps * 10 ** (-segment.excess_db / 10)
    if table.key_rate == "inverse":
        return lambda segment: table.key_rate_bps * INVERSE_KM / segment.equivalent_km
    if table.key_rate == "mdi_qkd":
        link = MdiLink.of(table.mdi_qkd)
        pulses = table.mdi_qkd.pulse_rate_hz
        mu = table.mdi_qkd.mean_photons
        return lambda segment: pulses * link.at_loss(segment.loss_db, mu)
    return RateTable.of(table)


@dataclass(frozen=True)
class RateTable:
    """Rates at given distances, linear in between in the logarithm of the rate."""

    distances_km: tuple[float, ...]
    log_rates: tuple[float, ...]
    pulse_rate_hz: float
    attenuation_db_km: float

    @classmethod
    def of(cls, table: NetworkTable) -> RateTable:
        """Check the points of a scenario against sense and against the PLOB bound."""
        points = table.rate_table
        pulses = table.rate_table_pulse_rate_hz
        problems = []
        if points is None or isinstance(points, str) or pulses is None or len(points) < 2:
            raise _wrong("needs at least two points, and rate_table_pulse_rate_hz")
        for (low, _), (high, _) in itertools.pairwise(points):
            if high <= low:
                problems.append(f"distances must ascend: {high:g} km comes after {low:g} km")
        for distance, rate in points:
            if distance < 0 or rate <= 0 or not math.isfinite(distance + rate):
                problems.append(
                    f"({distance:g} km, {rate:g} bit/s): distances must be >= 0 and rates > 0"
                )
                continue
            bound = pulses * plob(distance, table.attenuation_db_km)
            if rate > bound:
                problems.append(
                    f"{rate:g} bit/s at {distance:g} km is above the PLOB bound of {bound:.4g} "
                    f"bit/s at {pulses:g} pulse pairs a second and {table.attenuation_db_km:g} "
                    "dB/km; check rate, rate_table_pulse_rate_hz and attenuation_db_km"
                )
        if problems:
            raise SettingError([(("network", "rate_table"), text) for text in problems[:20]])
        return cls(
            tuple(d for d, _ in points),
            tuple(math.log(r) for _, r in points),
            pulses,
            table.attenuation_db_km,
        )

    def __call__(self, segment: Segment) -> float:
        """Rate in bit/s at the distance at which a plain stretch has this loss."""
        distance_km = segment.equivalent_km
        low = self.distances_km[0]
        high = self.distances_km[-1]
        if not low <= distance_km <= high:
            raise _wrong(
                f"covers {low:g} .. {high:g} km, but a spacing of {segment.distance_km:g} km is "
                f"asked for{_as_long_as(segment)}"
            )
        i = max(bisect.bisect_left(self.distances_km, distance_km), 1)
        left = self.distances_km[i - 1]
        right = self.distances_km[i]
        share = (distance_km - left) / (right - left)
        exponent = self.log_rates[i - 1] * (1 - share) + self.log_rates[i] * share
        # twelve digits: what rounding did to a given point must not cost it a bit
        rate = float(f"{math.exp(exponent):.12g}")
        # the bound is not a straight line, so it may dip below one between two points
        return min(rate, self.pulse_rate_hz * plob(distance_km, self.attenuation_db_km))


def _as_long_as(segment: Segment) -> str:
    """What a loss of its own makes of a distance, in words; empty without any."""
    if not segment.excess_db:
        return ""
    return (
        f", whose {segment.loss_db:g} dB are those of {segment.equivalent_km:g} km at "
        f"{segment.attenuation_db_km:g} dB/km"
    )


def _wrong(text: str) -> SettingError:
    return SettingError([(("network", "rate_table"), text)])
