"""What is known of single fibres: their losses and measured key rates, from file and scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qnetsim.errors import SettingError
from qnetsim.fibre_loss import FibreLoss
from qnetsim.network.keyrate import Segment, plob_at
from qnetsim.network.node_names import NodeNames
from qnetsim.network.topology import Topology
from qnetsim.scenario import FibreTable, NetworkTable


@dataclass(frozen=True)
class FibreSettings:
    """Loss of a fibre, and its key rate where that was measured.

    Attributes
    ----------
    attenuation_db_km, extra_loss_db : float
    table : FibreTable or None
        What the scenario says of the fibre.
    """

    attenuation_db_km: float
    extra_loss_db: float
    table: FibreTable | None

    @property
    def measured_bps(self) -> float | None:
        """Key rate of a channel that takes the place of the model's."""
        return None if self.table is None else self.table.key_rate_bps

    def worst_segment(self, distance_km: float, length_km: float, network_db_km: float) -> Segment:
        """The segment with the extra loss, which has no place in the files.

        Segments work in parallel, so the one of the least rate is that of the channel. The extra
        loss of a fibre is taken to lie in one of them: a rate that is never too high.

        Parameters
        ----------
        distance_km : float
            Between the two transmitters, for which the rate is asked.
        length_km : float
            Of the fibre; its own attenuation holds for no more kilometres.
        network_db_km : float
            α of the network.
        """
        plain = Segment.plain(distance_km, network_db_km)
        if self.attenuation_db_km == network_db_km and not self.extra_loss_db:
            return plain
        own_km = min(distance_km, length_km)
        loss = self.attenuation_db_km * own_km + network_db_km * (distance_km - own_km)
        return plain._replace(loss_db=loss + self.extra_loss_db)


def fibre_settings(table: NetworkTable, topology: Topology) -> tuple[FibreSettings, ...]:
    """Losses and measured rates of all fibres; what the scenario says overrides the file.

    Raises
    ------
    SettingError
        A table names no fibre, names one twice, or says nothing of it.
    """
    given: dict[int, FibreTable] = {}
    problems = []
    names = NodeNames(topology)
    for i, entry in enumerate(table.fibre):
        try:
            fibre = names.fibre_at(entry.source, entry.target, entry.name or "")
        except LookupError as error:
            problems.append((("network", "fibre", i), str(error.args[0])))
            continue
        if fibre in given:
            text = f"fibre {topology.fibre_title(fibre)} is given twice; remove one"
            problems.append((("network", "fibre", i), text))
        given.setdefault(fibre, entry)
    if problems:
        raise SettingError(problems)
    return tuple(
        _settings(table, topology.losses[e] if topology.losses else FibreLoss(), given.get(e))
        for e in range(len(topology.fibres))
    )


def _settings(table: NetworkTable, file: FibreLoss, own: FibreTable | None) -> FibreSettings:
    alpha, extra = file.attenuation_db_km, file.extra_loss_db
    if own is not None:
        alpha = alpha if own.attenuation_db_km is None else own.attenuation_db_km
        extra = extra if own.extra_loss_db is None else own.extra_loss_db
    return FibreSettings(table.attenuation_db_km if alpha is None else alpha, extra, own)


def refuse_above_plob(
    table: NetworkTable, settings: Sequence[FibreSettings], segments: Sequence[Segment]
) -> None:
    """Refuse measured rates that no repeaterless protocol can have on their fibre.

    Raises
    ------
    SettingError
    """
    place = {id(entry): i for i, entry in enumerate(table.fibre)}
    problems = []
    for found, segment in zip(settings, segments, strict=True):
        own = found.table
        if own is None or own.key_rate_bps is None or own.pulse_rate_hz is None:
            continue
        bound = own.pulse_rate_hz * plob_at(segment.loss_db)
        if own.key_rate_bps > bound:
            text = (
                f"{own.key_rate_bps:g} bit/s at {segment.loss_db:g} dB are above the PLOB bound of "
                f"{bound:.4g} bit/s at {own.pulse_rate_hz:g} pulses a second; check rate, pulses "
                "and loss (leave pulse_rate_hz out for a twin-field protocol)"
            )
            problems.append((("network", "fibre", place[id(own)], "key_rate_bps"), text))
    if problems:
        raise SettingError(problems)
