"""Worlds: coupled levels, chunks, and the digest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import open_case
from qnetsim.policies.registry import make_policy
from qnetsim.scenario import Scenario
from qnetsim.trace.schema import CHUNK_ROWS
from qnetsim.world.realisation import CHUNK_SLOTS, Realisation
from tests.support.helpers import nsfnet, run


def digest_of(realisation: Realisation) -> str:
    digest = realisation.digest()
    for chunk in realisation.chunks():
        digest.update(chunk)
    return digest.hexdigest()


def world(scenario: Scenario, replication: int = 0) -> str:
    return digest_of(open_case(scenario).realisation(replication))


def test_levels_are_coupled_as_said() -> None:
    chunk = next(open_case(nsfnet()).realisation(0).chunks())
    assert chunk.levels.shape == (1000, 1)
    apart = open_case(nsfnet(demand__coupling='"independent"'))
    levels = next(apart.realisation(0).chunks()).levels.astype(float)
    assert levels.shape == (1000, 91)
    correlation = np.corrcoef(levels.T)[np.triu_indices(91, 1)]
    assert abs(correlation.mean()) < 0.01


def test_chunks_do_not_depend_on_the_length_of_the_run() -> None:
    long = open_case(nsfnet(run__slots="3000")).realisation(2)
    short = open_case(nsfnet(run__slots="1500")).realisation(2)
    a = np.concatenate([c.levels for c in long.chunks()])
    b = np.concatenate([c.levels for c in short.chunks()])
    np.testing.assert_array_equal(a[:1500], b)
    assert CHUNK_SLOTS == CHUNK_ROWS


def test_chunks_are_drawn_from_streams_of_their_own() -> None:
    first, second = open_case(nsfnet(run__slots="2048")).realisation(0).chunks()
    assert (first.levels != second.levels).any()


def test_every_part_of_the_world_enters_the_digest() -> None:
    case = open_case(nsfnet(run__slots="5", demand__pairs="[[1, 2]]"))
    network, forecast = case.network, case.forecast

    def digest(network=network, forecast=forecast, **changes: str) -> str:
        keys = {"run__slots": "5", "demand__pairs": "[[1, 2]]", **changes}
        return digest_of(Realisation(network, forecast, nsfnet(**keys), 0))

    others = {
        "slot_ticks": digest(run__slot_s="2.0"),
        "coupling": digest(forecast=replace(forecast, coupling="independent")),
        "level_bits": digest(network=replace(network, level_bits=999)),
        "channel_bits": digest(network=replace(network, channel_bits=network.channel_bits + 1)),
        "classes": digest(forecast=replace(forecast, classes=(1,))),
        "arrivals": digest(demand__arrivals='"uniform"'),
        "holding": digest(demand__holding_slots="2"),
        "noise": digest(yields__noise_counts="100"),
        "drift": digest(yields__drift="0.1"),
        "faults": digest(faults__fibre_mtbf_s="2.0", faults__fibre_mttr_s="1.0"),
    }
    assert len({digest(), *others.values()}) == 11, others


def test_prices_and_limits_do_not_enter_the_world() -> None:
    base = world(nsfnet())
    assert base == world(nsfnet(cost__on_demand_multiplier="2.0"))
    assert base == world(nsfnet(network__qkd_wavelengths="300"))
    assert base == world(nsfnet(key_management__store_bits="5"))


@pytest.mark.parametrize(
    "change",
    [
        {"run__seed": "2"},
        {"run__slots": "999"},
        {"run__slot_s": "0.5"},
        {"network__topology": '"usnet"'},
        {"network__key_rate_bps": "2000.0"},
        {"demand__requests": "91"},
        {"demand__coupling": '"independent"'},
        {"demand__mean": "4"},
    ],
)
def test_whatever_makes_the_world_changes_its_digest(change: dict[str, str]) -> None:
    assert world(nsfnet(**change)) != world(nsfnet())


def test_direction_and_order_of_fibres_do_not_enter(tmp_path: Path) -> None:
    digests = set()
    for i, rows in enumerate(("a,b,10\nb,c,20", "c,b,20\nb,a,10")):
        path = tmp_path / f"{i}.csv"
        path.write_text(f"source,target,length_km\n{rows}\n")
        digests.add(world(nsfnet(network__topology=repr(str(path)))))
    assert len(digests) == 1


def test_replications_are_different_worlds() -> None:
    assert len({world(nsfnet(), r) for r in range(5)}) == 5


def test_a_policys_draws_change_no_world() -> None:
    scenario = nsfnet(demand__coupling='"independent"', run__slots="50")
    case = open_case(scenario)
    before = world(scenario)
    results = [run(case, make_policy(name, {})) for name in ("random", "sip", "perfect")]
    for result in results[1:]:
        np.testing.assert_array_equal(result.levels, results[0].levels)
    assert world(scenario) == before
