"""Scenarios with federated rounds in the simulated network, and runs of them."""

from __future__ import annotations

import numpy as np

from qnetsim.policies.registry import make_policy
from qnetsim.scenario import Scenario, parse_scenario
from qnetsim.vocabulary import RoundStatus
from tests.support.helpers import Result, run

BASE = """
[run]
slots = {slots}
[network]
topology = "nsfnet"
{network}
[demand]
requests = 40
{more}
"""
WINE = """
[[fel]]
dataset = "wine"
owner = "1"
head = "6"
workers = ["3", "8", "14"]
key_bits = 1024
rounds = 3
"""
HARD = """
[key_management]
store_bits = 30000
key_lifetime_slots = 3
patience_s = 2.5
on_demand_setup_s = 0.25
granularity = "bit"
on_outage = "{on_outage}"
control_delay_s = 0.3
[faults]
fibre_mtbf_s = 60
fibre_mttr_s = 6
[yields]
noise_counts = 3
"""
RESTLESS = (
    WINE
    + """
patience_s = 2.0
on_demand_channels = 2
compute_s = 0.07
compute_spread = 0.5
worker_mtbf_s = 15
worker_mttr_s = 3
[[fel]]
dataset = "breast_cancer"
owner = "2"
head = ["5", "9"]
workers = [["4", "7"], ["11"]]
key_bits = 1024
key_holder = "owner"
intersection = "commutative"
pad_ciphertexts = true
on_demand_channels = 500
rounds = 4
"""
)
#: Rows of the trace that differ from machine to machine, or say only which loop ran.
TIMED = {"decide_s"}


def world(fel: str = WINE, slots: int = 40, network: str = "", more: str = "") -> Scenario:
    return parse_scenario(BASE.format(slots=slots, network=network, more=more) + fel)


def go(scenario: Scenario, policy: str = "sip", **more: object) -> Result:
    return run(scenario, make_policy(policy, {}), **more)  # type: ignore[arg-type]


def equal(one: Result, other: Result) -> None:
    for name in one.columns.keys() - TIMED:
        np.testing.assert_array_equal(one.columns[name], other.columns[name], name)
    for name, values in one.ledger.items():
        np.testing.assert_array_equal(values, other.ledger[name], name)


def check_kernels_agree(on_outage: str) -> None:
    more = 'arrivals = "uniform"\nholding_slots = 2\n' + HARD.format(on_outage=on_outage)
    scenario = world(RESTLESS, 60, "qkd_wavelengths = 300\nkm_wavelengths = 30", more)
    first = go(scenario, kernel="loop")
    equal(first, go(scenario, kernel="numpy"))
    equal(first, go(scenario, kernel="numba"))
    assert first.columns["fel_key_bits"].sum() > 0
    assert RoundStatus.DONE in first.ledger["round_status"].tolist()
