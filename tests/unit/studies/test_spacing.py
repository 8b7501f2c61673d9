"""The cheapest spacing of transmitters."""

from __future__ import annotations

from qnetsim.case import open_case
from qnetsim.plans.make import make_plan
from qnetsim.scenario import PolicyTable
from qnetsim.studies.spacing import cheapest_spacing
from tests.support.helpers import nsfnet


def test_cheapest_spacing_is_cheapest_fibre_by_fibre() -> None:
    scenario = nsfnet(network__key_rate='"inverse"', demand__levels="4")
    found = cheapest_spacing(scenario, [80, 120, 160, 240])
    assert all(a <= b + 1e-6 for a, b in zip(found.after, found.before, strict=True))

    def cost(made) -> float:
        return make_plan(made, PolicyTable(name="sip")).objective(open_case(made).network)

    # the plan of the found network is no dearer than that of any uniform spacing
    best = cost(found.scenario)
    for span in (80.0, 120.0, 160.0, 240.0):
        listed = tuple((a, b, span) for a, b, _ in found.scenario.network.fibre_spans)
        network = scenario.network.model_copy(update={"fibre_spans": listed})
        assert best <= cost(scenario.model_copy(update={"network": network})) + 1e-6
