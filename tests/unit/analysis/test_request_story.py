"""``explain`` tells what the event-per-request reference did, slot by slot."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qnetsim.analysis.request_story import explain_request
from qnetsim.case import open_case
from qnetsim.errors import UsageError
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import parse_scenario
from qnetsim.trace import open_trace
from tests.support.followed_runs import a_run
from tests.support.helpers import Scripted, nsfnet
from tests.support.random_cases import expected

#: Random runs in which requests are served, blocked, interrupted, wait and make detours.
SEEDS = (3, 8, 10, 17)


def check(seed: int, folder: Path) -> Counter[str]:
    """Explain every request in a middle and its last slot; returns what there was."""
    case, policy, routes = a_run(seed, folder, requests="all")
    reference = expected(case, policy, routes)
    reference.rows()
    path = simulate(case, policy, folder / "run.h5", title="test", kernel="loop")
    seen: Counter[str] = Counter()
    slot_ticks = reference.world.slot_ticks
    with open_trace(path) as trace:
        fibres = trace.fibre_names()
        for story in reference.stories:
            row = story.row
            middle = (story.arrival_slot + story.end_slot) // 2
            for slot in {middle, story.end_slot}:
                found = explain_request(trace, story.request, slot)
                assert not found.note
                assert (found.source, found.target) == tuple(
                    case.network.topology.nodes[n] for n in case.forecast.pairs[story.request]
                )
                told = next(s for s in found.stories if s.arrival_slot == story.arrival_slot)
                turns = [turn_of(turn, fibres) for turn in story.turns]
                assert [turn_told(turn) for turn in told.turns] == turns
                ends = [tick for tick, *_ in story.turns[1:]] + [10**18]
                here = [
                    turn
                    for turn, until in zip(turns, ends, strict=True)
                    if turn[0] < (slot + 1) * slot_ticks and until > slot * slot_ticks
                ]
                assert [turn_told(turn) for turn in told.in_slot] == here
                assert told.fate == row["fate"]
                assert told.end_slot == row["end_slot"]
                assert round(told.wait_s * 1e9) == row["wait_ns"]
                assert (told.deliveries, told.detours) == (row["deliveries"], row["detours"])
                assert told.service_slot == (row["service_slot"] if row["deliveries"] else None)
                assert told.way == tuple(fibres[f] for f in row["first_way"] or ())
            seen[row["fate"]] += 1
            seen["detour"] += row["detours"] > 0
            seen["waited"] += row["fate"] == "served" and row["cause"] != "none"
            seen.update(cause for _, cause, _, _ in story.turns)
    return seen


def turn_of(turn: tuple[int, str, int, Any], fibres: list[str]) -> tuple[Any, ...]:
    tick, cause, fibre, way = turn
    return tick, cause, "" if fibre < 0 else fibres[fibre], tuple(fibres[f] for f in way or ())


def turn_told(turn: Any) -> tuple[Any, ...]:
    return round(turn.from_s * 1e9), turn.cause, turn.fibre, turn.way


def test_explanations_are_those_of_the_reference(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        folder = tmp_path / str(seed)
        folder.mkdir()
        seen += check(seed, folder)
    for what in (
        *("served", "blocked", "interrupted", "waiting", "holding", "detour", "waited"),
        *("no_channel", "no_wavelength", "fibre_down", "no_detour", "outage"),
    ):
        assert seen[what] > 0, (what, seen)


LINE = """
[run]
slots = 6
[network]
topology = {topology!r}
key_rate_bps = 1000
qkd_wavelengths = 3
[demand]
levels = 2
kind = "table"
probabilities = [0.0, 1.0]
pairs = [["a", "c"], ["a", "b"]]
[[outage]]
node = "c"
start_s = 2.25
duration_s = 1.0
[key_management]
patience_s = 2
on_outage = {on_outage!r}
[trace]
requests = {requests!r}
"""


def line(tmp_path: Path, on_outage: str = "wait", requests: str = "all") -> Path:
    """Two requests on a line of two fibres with one channel each; node c is down for a second."""
    topology = tmp_path / "line.csv"
    topology.write_text("source,target,length_km\na,b,50\nb,c,50\n")
    text = LINE.format(topology=str(topology), on_outage=on_outage, requests=requests)
    case = open_case(parse_scenario(text))
    nothing = np.zeros((6, 2), dtype=np.int64)
    out = tmp_path / f"{on_outage}-{requests}.h5"
    return simulate(case, Scripted(nothing, nothing), out, title="test", kernel="loop")


def words(path: Path, request: int, slot: int) -> tuple[list[list[str]], list[str]]:
    with open_trace(path) as trace:
        found = explain_request(trace, request, slot)
    in_slot = [[turn.words for turn in story.in_slot] for story in found.stories]
    return in_slot, [story.ending for story in found.stories]


def test_a_wait_for_a_channel_and_one_for_a_node_in_words(tmp_path: Path) -> None:
    path = line(tmp_path)
    in_slot, endings = words(path, 1, 0)
    assert in_slot == [
        [
            "no channel on fibre a–b: it keeps too few bits, and all channels that may still be "
            "lit yield too few"
        ]
    ]
    assert endings == ["First keys in slot 1, after 1 s. Served to its end in slot 1."]
    in_slot, endings = words(path, 0, 3)
    assert in_slot[0][0] == "fibre b–c down (node c, since 2.25 s)"
    assert endings[0] == "Blocked in slot 3, when its patience of 2 s was over."


def test_who_gives_up_is_told_so(tmp_path: Path) -> None:
    path = line(tmp_path, "block")
    in_slot, endings = words(path, 0, 3)
    assert in_slot[0][-1] == "fibre b–c down (node c, since 2.25 s), and requests give up then"
    assert endings[0] == "Blocked in slot 3, when it was sent away."


@pytest.mark.parametrize(
    ("requests", "told"),
    [
        ("blocked", "has no entry: it was neither blocked nor interrupted."),
        ("sample", "has no entry: it is not in the sample, or its fate had not fallen."),
    ],
)
def test_who_is_not_followed_is_told_so(requests: str, told: str, tmp_path: Path) -> None:
    path = line(tmp_path, requests=requests)
    with open_trace(path) as trace:
        found = explain_request(trace, 0, 0)
    assert found.stories == ()
    assert found.note == f"The one that arrived in slot 0 {told}"


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with open_trace(line(tmp_path)) as trace:
        with pytest.raises(UsageError, match=r"request=2: is not in .*; allowed: 0 \.\. 1"):
            explain_request(trace, 2, 0)
        with pytest.raises(UsageError, match=r"slot=6: is not in .*; allowed: 0 \.\. 5"):
            explain_request(trace, 0, 6)
    path = simulate(nsfnet(run__slots="2"), "evf", tmp_path / "plain.h5")
    with open_trace(path) as trace, pytest.raises(UsageError, match="follows no requests"):
        explain_request(trace, 0, 0)
