"""Sessions that go on are served in one step where all fit, as they are one by one."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from qnetsim.case import open_case
from qnetsim.kernel.serving import sessions
from qnetsim.scenario import parse_scenario
from tests.support.helpers import Result, Scripted, run

#: Sessions, outages with detours, classes, stores and noise, all at once.
TEXT = """
[run]
slots = 120
[network]
topology = "nsfnet"
span_km = 100
key_rate_bps = 1000
qkd_wavelengths = {channels}
km_wavelengths = {wavelengths}
[demand]
requests = 30
coupling = "independent"
arrivals = "uniform"
holding = "geometric"
holding_slots = {holding}
priority_shares = [0.2, 0.8]
[yields]
drift = 0.1
[faults]
fibre_mtbf_s = {up_s}
fibre_mttr_s = 10
[key_management]
store_bits = 5000
key_lifetime_slots = 3
patience_s = 3
on_demand_setup_s = {setup}
on_outage = "{on_outage}"
control_delay_s = 0.7
"""
ROOMY: dict[str, Any] = {
    "channels": 400,
    "wavelengths": 200,
    "holding": 4,
    "setup": 0.1,
    "up_s": 200,
    "on_outage": "reroute",
}


def serve(**values: Any) -> Result:
    """Serve request by request, where nothing is compiled."""
    case = open_case(parse_scenario(TEXT.format(**ROOMY | values)))
    rows = np.full((120, case.network.fibres), 5)
    return run(case, Scripted(rows, rows, hold=120), kernel="loop")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Counter[bool]:
    """How often all sessions fitted, and how often not."""
    found: Counter[bool] = Counter()
    honest = sessions.all_fit

    def spy(*arrays: Any) -> bool:
        fits = bool(honest(*arrays))
        found[fits] += 1
        return fits

    monkeypatch.setattr(sessions, "all_fit", spy)
    return found


@pytest.mark.parametrize(
    ("values", "both"),
    [
        ({}, False),
        ({"holding": 2}, False),
        ({"on_outage": "wait"}, True),
        ({"channels": 50}, True),
        ({"wavelengths": 22}, True),
        ({"setup": 1.0}, False),
        # so many failures that there is no way around them
        ({"up_s": 15}, True),
        ({"channels": 30, "wavelengths": 20, "setup": 0.9}, True),
    ],
)
def test_a_step_serves_what_is_served_one_by_one(
    values: dict[str, Any],
    both: bool,
    answers: Counter[bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = serve(**values)
    assert answers[True] > 10
    assert answers[False] > 0 or not both
    monkeypatch.setattr(sessions, "all_fit", lambda *arrays: False)
    expected = serve(**values)
    assert expected.columns["holding"].sum() > 0
    for name in expected.columns.keys() - {"decide_s"}:
        assert (found.columns[name] == expected.columns[name]).all(), name
    for name, totals in expected.ledger.items():
        assert (found.ledger[name] == totals).all(), name


def test_where_sessions_never_fit_it_is_asked_ever_more_rarely(answers: Counter[bool]) -> None:
    serve(channels=6, wavelengths=6, holding=30)
    phases = 120
    assert answers[True] < answers[False] < phases / 4
