"""Where two traces part, and what a comparison of recorded worlds says."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from qnetsim.analysis import compare_traces
from qnetsim.analysis.divergence import SUMS, diverge
from qnetsim.case import open_case
from qnetsim.cli import main
from qnetsim.errors import TraceError, UsageError, WorldMismatchError
from qnetsim.plans.make import information_values, make_plan
from qnetsim.replay.counterfactual import Forced
from qnetsim.replay.departure import WhatIf
from qnetsim.replay.record import record_world
from qnetsim.replay.replay import replay
from qnetsim.replay.replay_batch import replay_policies
from qnetsim.runs.batch import run_policies
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace import open_trace
from tests.support import ROOT
from tests.support.helpers import nsfnet, outages

SIP, EVF, PERFECT = (PolicyTable(name=name) for name in ("sip", "evf", "perfect"))


@pytest.fixture(scope="module")
def evf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scenario = nsfnet(run__slots="2500", key_management__store_bits="5000")
    return simulate(scenario, EVF, tmp_path_factory.mktemp("parts") / "evf.h5")


def test_the_first_difference_and_the_sums_from_there(evf: Path, tmp_path: Path) -> None:
    forced = (Forced(6, 1, None, 1100, 1130), Forced(2, None, 9, 1105, 1200))
    other = replay(evf, None, tmp_path / "o.h5", what_if=WhatIf(1100, None, forced))
    found = diverge(evf, other)
    assert (found.slot, found.world, found.slots, found.same) == (1100, "", 2500, False)
    assert len(found.fibres) == 1
    change = found.fibres[0]
    assert (change.source, change.target) == ("4", "5")
    assert change.qkd_channels[1] == 1 < change.qkd_channels[0]
    assert change.km_wavelengths[0] == change.km_wavelengths[1]
    assert [mark.slot for mark in found.marks] == [1100, 1109, 1199, 2099, 2499]
    with open_trace(evf) as a, open_trace(other) as b:
        for mark in found.marks:
            for name, columns in SUMS.items():
                for i, trace in enumerate((a, b)):
                    rows = sum(trace.column(c, 1100, mark.slot + 1).sum() for c in columns)
                    assert mark.sums[name][i] == pytest.approx(float(rows))


def test_equal_runs_do_not_part(evf: Path, tmp_path: Path) -> None:
    again = replay(evf, None, tmp_path / "again.h5")
    found = diverge(evf, again)
    assert (found.slot, found.fibres, found.same) == (None, (), True)
    assert all(a == b for mark in found.marks for a, b in mark.sums.values())


def test_worlds_that_differ_are_told_apart(evf: Path, tmp_path: Path) -> None:
    base = {"run__slots": "2500", "key_management__store_bits": "5000"}
    seed = simulate(nsfnet(**base, run__seed="2"), EVF, tmp_path / "seed.h5")
    found = diverge(evf, seed)
    assert (found.slot, found.same) == (None, False)
    with open_trace(evf) as a, open_trace(seed) as b:
        x, y = (trace.column("world/levels") for trace in (a, b))
        slot = int(np.argmax(x[:, 0] != y[:, 0]))
        text = f"slot {slot}, group 0: world/levels is {x[slot, 0]} and {y[slot, 0]}"
    assert found.world == text
    longer = simulate(nsfnet(**{**base, "run__slots": "2600"}), EVF, tmp_path / "long.h5")
    assert diverge(evf, longer).world == "the worlds are 2,500 and 2,600 slots long"
    usnet = simulate(
        nsfnet(run__slots="5", network__topology='"usnet"'), EVF, tmp_path / "usnet.h5"
    )
    with pytest.raises(TraceError, match="runs on other networks: 21 and 43 fibres"):
        diverge(evf, usnet)


def test_the_command_shows_it(
    evf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = replay(evf, None, tmp_path / "o.h5", what_if=WhatIf(9, SIP))

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main([str(a) for a in arguments])
        out = capsys.readouterr()
        return int(caught.value.code or 0), out.out, out.err

    code, out, _ = call("diff", evf, other)
    assert code == 0
    assert "the same world" in out
    assert "the first decision that differs is that of slot 9" in out
    code, out, _ = call("diff", evf, other, "--json")
    found = json.loads(out)
    assert (found["schema"], found["slot"], found["same"]) == ("qnetsim.diff/1", 9, False)
    plan = ROOT / "tests" / "formats" / "plan-1.0.h5"
    code, _, err = call("diff", evf, plan)
    assert code == 2
    assert "give two plans or two traces" in err


def test_unequal_worlds_are_refused_with_what_differs(evf: Path, tmp_path: Path) -> None:
    scenario = nsfnet(
        run__slots="2500", key_management__store_bits="5000", demand__mean="4", run__slot_s="2.0"
    )
    other = simulate(scenario, SIP, tmp_path / "sip.h5")
    with pytest.raises(WorldMismatchError) as caught:
        compare_traces([evf, other])
    text = str(caught.value)
    for word in (
        "run.slot_s is 1.0 in the first and 2.0 in the second",
        "demand.mean is not set in the first and 4.0 in the second",
        "fibres/channel_bits is 1000 and 2000",
    ):
        assert word in text


def test_a_changed_world_with_equal_settings_is_named(evf: Path, tmp_path: Path) -> None:
    other = simulate(
        nsfnet(run__slots="2500", key_management__store_bits="5000"), SIP, tmp_path / "sip.h5"
    )
    with h5py.File(other, "r+") as file:
        file["world/levels"][2000, 0] += 1
        file.attrs["world_digest"] = "0" * 64
    with pytest.raises(WorldMismatchError, match=r"settings are equal.*slot 2000, group 0"):
        compare_traces([evf, other])


def test_regret_evpi_and_vss_are_paired_differences(tmp_path: Path) -> None:
    scenario = nsfnet(run__slots="4000", run__replications="6", demand__requests="30")
    compared = compare_traces(run_policies(scenario, [SIP, EVF, PERFECT], tmp_path))
    cost = {p.name: np.array([run.cost for run in p.runs]) for p in compared.policies}
    for policy in compared.policies:
        assert policy.regret is not None
        assert policy.regret.estimate == pytest.approx((cost[policy.name] - cost["perfect"]).mean())
    assert compared.evpi is not None
    assert compared.vss is not None
    assert compared.evpi.estimate == pytest.approx((cost["sip"] - cost["perfect"]).mean())
    assert compared.vss.estimate == pytest.approx((cost["evf"] - cost["sip"]).mean())
    # in the long run they are what the programs say
    values = information_values(scenario, make_plan(scenario, SIP))
    for found, expected in ((compared.evpi, values.evpi), (compared.vss, values.vss)):
        assert found.low is not None
        assert found.high is not None
        assert found.low - 0.01 * expected < expected < found.high + 0.01 * expected
    alone = compare_traces([compared.policies[0].runs[0].trace])
    assert (alone.evpi, alone.vss, alone.policies[0].regret) == (None, None, None)


def test_missing_policies_are_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = outages(slots=40, replications=2)
    run_policies(scenario, [EVF], tmp_path / "runs")
    sources = [str(p) for p in sorted((tmp_path / "runs").glob("*.h5"))]
    call = ["compare", *sources, "-p", "sip", "-p", "evf", "--out", str(tmp_path / "c"), "--json"]
    with pytest.raises(SystemExit) as caught:
        main(call)
    assert not caught.value.code
    found = json.loads(capsys.readouterr().out)
    assert [policy["name"] for policy in found["policies"]] == ["evf", "sip"]
    assert found["replications"] == 2
    assert found["vss"]["mean"] == pytest.approx(found["policies"][0]["difference"])
    direct = run_policies(scenario, [SIP], tmp_path / "direct")
    for path in direct:
        with open_trace(path) as a, open_trace(tmp_path / "c" / path.name) as b:
            assert a.attribute("content_digest") == b.attribute("content_digest")


def test_worlds_alone_are_compared(tmp_path: Path) -> None:
    case = open_case(nsfnet(run__slots="30", demand__requests="9"))
    worlds = [tmp_path / f"w{r}.h5" for r in range(2)]
    for r, path in enumerate(worlds):
        record_world(case, path, replication=r)
    compared = compare_traces(replay_policies(worlds, [SIP, EVF], tmp_path / "out"))
    assert (compared.replications, len(compared.policies)) == (2, 2)
    with pytest.raises(UsageError, match="exists already"):
        replay_policies(worlds, [SIP], tmp_path / "out")
