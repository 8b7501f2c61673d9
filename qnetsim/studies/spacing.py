"""The cheapest spacing of transmitters, fibre by fibre."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from qnetsim.case import Case, open_case
from qnetsim.errors import SettingError, UsageError
from qnetsim.network.losses import fibre_settings
from qnetsim.optimize.routing import newsvendor_lengths
from qnetsim.scenario import Scenario


@dataclass(frozen=True)
class Spacing:
    """The cheapest spacing of each fibre.

    Attributes
    ----------
    scenario : Scenario
        With the spacings as ``network.fibre_spans``.
    spans_km : tuple of float
        L of each fibre.
    before, after : tuple of float
        Expected cost of one request on each fibre, per slot.
    left_out : tuple of float
        Spacings at which a channel yields no bit in a slot.
    """

    scenario: Scenario
    spans_km: tuple[float, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]
    left_out: tuple[float, ...]


def cheapest_spacing(scenario: Scenario, choices_km: Sequence[float]) -> Spacing:
    """Choose for each fibre the spacing at which a request over it costs least.

    The expected cost of a request on a fibre is ``c_km + g·c_qkd^b``, with the newsvendor's g
    for the channels that its level needs there; a level keeps its unit, K_L at ``span_km``.
    With comonotone demand of one distribution and no wavelength limits the least cost of a plan
    is the sum of these over shortest routes, so choosing fibre by fibre is exact. Otherwise it is a
    heuristic; g is then the mean over the requests. A fibre with a measured key rate keeps its
    spacing, for which the rate was measured.

    Parameters
    ----------
    scenario : Scenario
    choices_km : sequence of float

    Raises
    ------
    UsageError
        At no choice every channel yields a bit.
    """
    case = open_case(scenario)
    before = newsvendor_lengths(case.network, case.forecast)
    best: list[tuple[Fraction, float]] = []
    left_out = []
    for span in sorted(set(choices_km)):
        try:
            lengths = newsvendor_lengths(
                open_case(_with_spans(case, _spaced(case, span))).network, case.forecast
            )
        except SettingError:
            left_out.append(span)
            continue
        entries = list(zip(lengths, _spaced(case, span), strict=True))
        best = [min(a, b) for a, b in zip(best, entries, strict=True)] if best else entries
    if not best:
        raise UsageError(
            "at none of the spacings a channel yields a bit in a slot; give shorter ones"
        )
    spans = [span for _, span in best]
    return Spacing(
        scenario=_with_spans(case, spans),
        spans_km=tuple(spans),
        before=tuple(float(length) for length in before),
        after=tuple(float(length) for length, _ in best),
        left_out=tuple(left_out),
    )


def _spaced(case: Case, span: float) -> list[float]:
    """Spacings of all fibres: this one, but where a measured rate holds for its own."""
    network = case.network
    settings = fibre_settings(case.scenario.network, network.topology)
    own = network.spans_km.tolist()
    return [
        span if found.measured_bps is None else kept
        for found, kept in zip(settings, own, strict=True)
    ]


def _with_spans(case: Case, spans: Sequence[float]) -> Scenario:
    topology = case.network.topology
    listed = []
    for fibre, span in enumerate(spans):
        a, b = (topology.nodes[node] for node in topology.fibres[fibre])
        own = [topology.label(fibre)] if fibre in topology.twins else []
        listed.append((a, b, *own, float(span)))
    network = case.scenario.network.model_copy(update={"fibre_spans": tuple(listed)})
    return case.scenario.model_copy(update={"network": network})
