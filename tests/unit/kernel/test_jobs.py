"""Demand of jobs in all kernels, held against the plain simulator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import Case, open_case
from qnetsim.scenario import parse_scenario
from tests.support.helpers import Scripted, run
from tests.support.random_cases import KERNELS, expected, hold_against

TEXT = """
[run]
slots = 60
seed = {seed}
[network]
topology = {topology!r}
qkd_wavelengths = {limit}
key_rate_bps = 10
[cost]
blocking_cost = 5000.0
[demand]
pairs = "all"
coupling = "independent"
levels = 8
mean = 0.4
arrivals = {arrivals!r}
[jobs]
count = 3
members = 2
periods = [2, 3]
sizes = [2, 5]
gap_slots = 3
[key_management]
store_bits = {store}
key_lifetime_slots = 2
patience_s = {patience}
"""


def case_of(folder: Path, **keys: object) -> Case:
    path = folder / "five.csv"
    rows = ("a,b,200", "b,c,170", "c,d,330", "d,e,90", "e,a,400", "a,c,510")
    path.write_text("source,target,length_km\n" + "\n".join(rows) + "\n")
    return open_case(parse_scenario(TEXT.format(topology=str(path), **keys)))


@pytest.mark.parametrize(
    "keys",
    [
        {"seed": 1, "limit": 0, "store": 0, "patience": 0.0, "arrivals": "slot_start"},
        {"seed": 2, "limit": 15, "store": 60, "patience": 0.0, "arrivals": "slot_start"},
        {"seed": 3, "limit": 15, "store": 100, "patience": 1.5, "arrivals": "uniform"},
    ],
)
def test_kernels_serve_jobs_as_the_reference_does(keys: dict, tmp_path: Path) -> None:
    case = case_of(tmp_path, **keys)
    rng = np.random.default_rng(int(keys["seed"]))
    shape = case.scenario.run.slots, case.network.fibres
    routes = case.setting.shortest_routes()
    channels, wavelengths = rng.integers(0, 9, shape), rng.integers(0, 4, shape)
    results = {}
    for kernel in KERNELS:
        policy = Scripted(channels, wavelengths, routes=routes)
        results[kernel] = run(case, policy, kernel=kernel)
        hold_against(results[kernel], expected(case, policy, routes))
    levels = results["loop"].levels
    assert (levels >= 5).any() and levels.max() <= 7
    if keys["limit"]:
        assert results["loop"].columns["blocked"].sum() > 0
