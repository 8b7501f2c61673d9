"""What the page on the key layer says of open points, in all kernels and the plain simulator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import Case, open_case
from qnetsim.network import RouteTable
from qnetsim.scenario import parse_scenario
from tests.support.helpers import Result, Scripted, run
from tests.support.random_cases import KERNELS, expected, hold_against, simple_paths

TEXT = """
[run]
slots = 6
[network]
topology = {topology!r}
span_km = 200.0
key_rate_bps = 1000
{network}
[demand]
levels = 2
{demand}
{outages}
[key_management]
granularity = "bit"
{management}
"""
ONE = "a,b,200\n"
RING = "a,b,200\nb,c,200\na,c,200\n"
ONES = 'kind = "table"\nprobabilities = [0, 1]\n'
AB = ONES + 'pairs = [["a", "b"]]'


def case_of(folder: Path, fibres: str, **parts: str) -> Case:
    topology = folder / "net.csv"
    topology.write_text("source,target,length_km\n" + fibres)
    texts = {"network": "", "demand": AB, "outages": "", "management": ""} | parts
    return open_case(parse_scenario(TEXT.format(topology=str(topology), **texts)))


def of_all(case: Case) -> Result:
    """The run by every kernel, each held against the plain simulator; nothing is reserved."""
    paths = [
        min(simple_paths(case, *pair), key=lambda path: len(path.fibres))
        for pair in case.forecast.pairs
    ]
    routes = RouteTable.of([[path] * case.forecast.level_count for path in paths])
    nothing = np.zeros((case.scenario.run.slots, case.network.fibres), int)
    results = []
    for kernel in KERNELS:
        policy = Scripted(nothing, nothing, routes=routes)
        results.append(run(case, policy, kernel=kernel))
        hold_against(results[-1], expected(case, policy, routes))
    return results[0]


def down(start: float, end: float, source: str = "a", target: str = "b") -> str:
    ends = f'fibre = ["{source}", "{target}"]'
    return f"[[outage]]\n{ends}\nstart_s = {start}\nduration_s = {round(end - start, 9)}"


def waits_s(result: Result) -> list[float]:
    """Waiting times that were counted, upper edges of their bins."""
    bins = result.simulation.managers.wait_bins
    counts = result.columns["waited"].sum(axis=0)
    edges = (np.arange(bins.count) + 1) * bins.width_ticks / 1e9
    return np.repeat(edges, counts).tolist()


@pytest.mark.parametrize("delay", [0.0, 0.5, 1.7])
def test_who_waits_for_a_repair_needs_no_word_of_it(tmp_path: Path, delay: float) -> None:
    """Under `wait` nothing is decided, so that nothing must be known: the repair is felt."""
    management = f'on_outage = "wait"\npatience_s = 10.0\ncontrol_delay_s = {delay}'
    case = case_of(tmp_path, ONE, outages=down(1.0, 2.5), management=management)
    found = of_all(case)
    assert found.columns["served"].tolist() == [1, 0, 2, 1, 1, 1]
    assert waits_s(found) == pytest.approx([0.5, 1.5])


def test_who_is_led_waits_for_the_word(tmp_path: Path) -> None:
    """Under `reroute` a fibre may be used from when its repair is known: 3.0 s, not 2.5 s."""
    management = 'on_outage = "reroute"\npatience_s = 10.0\ncontrol_delay_s = 0.5'
    case = case_of(tmp_path, ONE, outages=down(1.0, 2.5), management=management)
    found = of_all(case)
    assert found.columns["served"].tolist() == [1, 0, 0, 3, 1, 1]
    assert waits_s(found) == pytest.approx([1.0, 2.0])


def test_who_gives_up_does_so_on_the_word(tmp_path: Path) -> None:
    """Under `block`: down from 1.0 to 2.2 s, known from 1.9 to 3.1 s."""
    management = 'on_outage = "block"\npatience_s = 0.8\ncontrol_delay_s = 0.9'
    case = case_of(tmp_path, ONE, outages=down(1.0, 2.2), management=management)
    found = of_all(case)
    # at 1.0 s nobody knows, patience ends at 1.8 s; at 2.0 s and, although repaired, at 3.0 s
    # requests give up at once
    assert found.columns["blocked"].tolist() == [0, 1, 1, 1, 0, 0]
    assert found.columns["waiting"].sum() == 0


def test_detours_are_taken_on_the_word(tmp_path: Path) -> None:
    """Down from 1.0 to 2.5 s, known from 2.0 to 3.5 s: at 3.0 s a healthy fibre is avoided."""
    management = 'on_outage = "reroute"\npatience_s = 10.0\ncontrol_delay_s = 1.0'
    case = case_of(tmp_path, RING, outages=down(1.0, 2.5), management=management)
    found = of_all(case)
    assert found.columns["rerouted"].tolist() == [0, 0, 2, 1, 0, 0]
    assert waits_s(found) == pytest.approx([1.0])


def test_sessions_go_before_all_classes(tmp_path: Path) -> None:
    """A session of the last class keeps its channel from new requests of the first."""
    requests = """holding_slots = 3
[[request]]
source = "a"
target = "c"
level = 1
[[request]]
source = "a"
target = "b"
priority = 1
level = 1
"""
    case = case_of(
        tmp_path,
        "a,b,200\nb,c,200\n",
        network="qkd_wavelengths = 3",
        demand=requests,
        outages=down(0.0, 0.5, "b", "c"),
    )
    found = of_all(case)
    # in slot 0 only a–b can be served, and holds slots 0 to 2; then class 0 is first
    assert found.columns["served"].tolist() == [1, 0, 0, 1, 0, 0]
    assert found.columns["blocked"].tolist() == [1, 2, 2, 1, 2, 2]
    assert found.columns["interrupted"].sum() == 0
    assert (found.columns["on_demand_channels"][:, 1] > 0).tolist() == [False] * 3 + [True] * 3


#: A channel yields what two requests need.
TWO = {
    "network": 'key_rate = "inverse"\nkey_rate_at = "segment"',
    "demand": ONES + 'pairs = [["a", "b"], ["a", "b"]]\ncoupling = "comonotone"',
    "management": "on_demand_setup_s = 0.6",
}


def test_a_channel_in_set_up_gives_what_it_has_left_over(tmp_path: Path) -> None:
    """Both requests wait until it delivers; no second channel is lit."""
    found = of_all(case_of(tmp_path, "a,b,100\n", **TWO))
    assert found.columns["on_demand_channels"][:, 0].tolist() == [1] * 6
    assert found.columns["served"].tolist() == [2] * 6
    assert waits_s(found) == pytest.approx([0.6] * 12)


def test_leftovers_in_set_up_serve_where_no_channel_could_be_lit_any_more(tmp_path: Path) -> None:
    """A channel lit after 0.4 s would not deliver in its slot; one that was lit before does."""
    uniform = TWO | {"demand": TWO["demand"] + '\narrivals = "uniform"'}
    case = case_of(tmp_path, "a,b,100\n", **uniform)
    arrivals = next(case.realisation(0).chunks()).arrivals
    assert arrivals is not None
    first, second = np.sort(arrivals / 1e9, axis=1).T
    lit = first <= 0.4
    found = of_all(case)
    assert found.columns["served"].tolist() == np.where(lit, 2, 0).tolist()
    assert found.columns["blocked"].tolist() == np.where(lit, 0, 2).tolist()
    assert (lit & (second > 0.4)).any()
    late = first + 0.6 - second
    waited = np.concatenate([np.full(lit.sum(), 0.6), late[lit & (late > 0)]])
    assert waits_s(found) == pytest.approx(sorted(waited), abs=0.02)


@pytest.mark.parametrize(
    ("until", "patience", "blocked", "served"),
    [
        # patience ends with the slot: blocked in it, ahead of the repair that comes at 3.0 s
        (3.0, 1.0, [0, 1, 1, 0, 0, 0], [1, 0, 0, 1, 1, 1]),
        (3.0, 1.000000001, [0, 0, 1, 0, 0, 0], [1, 0, 0, 2, 1, 1]),
        # patience ends at the repair, inside the slot
        (2.5, 0.5, [0, 1, 1, 0, 0, 0], [1, 0, 0, 1, 1, 1]),
        (2.5, 0.500000001, [0, 1, 0, 0, 0, 0], [1, 0, 1, 1, 1, 1]),
        # none at all: blocked where it arrives
        (2.5, 0.0, [0, 1, 1, 0, 0, 0], [1, 0, 0, 1, 1, 1]),
    ],
)
def test_patience_that_ends_at_a_boundary_has_ended(
    tmp_path: Path, until: float, patience: float, blocked: list[int], served: list[int]
) -> None:
    management = f"patience_s = {patience:.9f}"
    case = case_of(tmp_path, ONE, outages=down(1.0, until), management=management)
    found = of_all(case)
    assert found.columns["blocked"].tolist() == blocked
    assert found.columns["served"].tolist() == served
