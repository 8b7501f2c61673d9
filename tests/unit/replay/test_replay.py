"""Recorded worlds: met again by any policy, and left on purpose."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from qnetsim.case import open_case
from qnetsim.errors import PolicyError, TraceError, TraceFormatError, UsageError
from qnetsim.policies.chosen import policy_table
from qnetsim.replay.counterfactual import Forced
from qnetsim.replay.departure import WhatIf, forced_reservation
from qnetsim.replay.record import record_world
from qnetsim.replay.reopen import recorded_run
from qnetsim.replay.replay import replay
from qnetsim.replay.verify import verify
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, Scenario
from qnetsim.trace import open_trace, open_world
from qnetsim.trace.schema import COLUMNS
from tests.support import ROOT
from tests.support.helpers import nsfnet, outages

SIP, EVF, FEDSAC = (PolicyTable(name=name) for name in ("sip", "evf", "fedsac"))


def digests(path: Path) -> tuple[str, str]:
    with open_world(path) as trace:
        return trace.attribute("world_digest"), trace.attribute("content_digest")


def small() -> Scenario:
    return nsfnet(run__slots="1300", demand__requests="30")


@pytest.fixture(scope="module")
def evf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(small(), EVF, tmp_path_factory.mktemp("replay") / "evf.h5", replication=2)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("world") / "world.h5"
    record_world(open_case(small()), path, replication=2)
    return path


def test_a_recorded_world_is_the_world(evf: Path, world: Path) -> None:
    assert digests(world)[0] == digests(evf)[0]
    with open_world(world) as recorded, open_trace(evf) as trace:
        assert recorded.kind.noun == "recorded world"
        assert (recorded.replication, recorded.slots) == (2, 1300)
        np.testing.assert_array_equal(recorded.column("world/levels"), trace.column("world/levels"))
    with pytest.raises(TraceFormatError, match="is a recorded world, not a trace"):
        open_trace(world)


@pytest.mark.parametrize("name", ["sip", "random", "fedsac", "empirical", "perfect"])
def test_a_replay_is_the_run_itself(name: str, evf: Path, world: Path, tmp_path: Path) -> None:
    table = PolicyTable(name=name)
    run = simulate(small(), table, tmp_path / "run.h5", replication=2)
    for i, source in enumerate((evf, world)):
        again = replay(source, table, tmp_path / f"{i}.h5")
        assert digests(again) == digests(run)


@pytest.mark.parametrize("kind", ["key layer", "fel", "regimes", "fel-rounds"])
def test_every_part_of_a_world_is_recorded(kind: str, tmp_path: Path) -> None:
    root = ROOT / "scenarios"
    from qnetsim.case import load

    scenario = (
        outages(slots=40, replications=1)
        if kind == "key layer"
        else load(root / f"{kind}.toml", slots=60, replications=1)
    )
    run = simulate(scenario, EVF, tmp_path / "run.h5")
    record_world(open_case(scenario), tmp_path / "world.h5")
    for source in ("run", "world"):
        again = replay(tmp_path / f"{source}.h5", EVF, tmp_path / f"{source}-again.h5")
        assert digests(again) == digests(run)


def test_a_replay_needs_no_topology_file(tmp_path: Path) -> None:
    net = tmp_path / "net.csv"
    net.write_text("source,target,length_km\nx10,b,10\nb,x9,20\nx9,x10,25\n")
    scenario = nsfnet(run__slots="20", network__topology=repr(str(net)))
    run = simulate(scenario, SIP, tmp_path / "run.h5")
    net.unlink()
    open_case.cache_clear()
    assert digests(replay(run, None, tmp_path / "again.h5")) == digests(run)


def test_old_formats_are_replayed(tmp_path: Path) -> None:
    for minor in range(5):
        source = ROOT / "tests" / "formats" / f"format-1.{minor}.h5"
        again = replay(source, None, tmp_path / f"{minor}.h5")
        with open_trace(source) as old, open_trace(again) as new:
            assert new.content_digest(old.version) == old.content_digest()


def test_a_changed_world_is_refused(evf: Path, tmp_path: Path) -> None:
    for column in ("world/levels", "world/request_source", "faults/fibre"):
        path = tmp_path / "changed.h5"
        path.write_bytes(evf.read_bytes())
        with h5py.File(path, "r+") as file:
            dataset = file[column]
            if not dataset.size:
                continue
            first = (0,) * dataset.ndim
            dataset[first] = "14" if column.endswith("source") else 9 - dataset[first]
        with pytest.raises(TraceError, match=r"has been changed|requests are not those"):
            replay(path, SIP, tmp_path / "out.h5")
        assert not (tmp_path / "out.h5").exists()


def test_a_departure_at_slot_zero_is_a_run_of_the_other(evf: Path, tmp_path: Path) -> None:
    for table in (SIP, FEDSAC):
        run = simulate(small(), table, tmp_path / f"{table.name}.h5", replication=2)
        other = replay(evf, None, tmp_path / f"{table.name}-0.h5", what_if=WhatIf(0, table))
        with open_trace(run) as a, open_trace(other) as b:
            for column in COLUMNS:
                # one controller stands for all of them
                if not column.volatile and column.path != "decisions/controller":
                    np.testing.assert_array_equal(a.column(column.path), b.column(column.path))


@pytest.mark.parametrize("followed", ["evf", "fedsac", "random"])
def test_a_departure_follows_and_then_leaves(followed: str, tmp_path: Path) -> None:
    source = simulate(small(), PolicyTable(name=followed), tmp_path / "source.h5")
    other = simulate(small(), SIP, tmp_path / "sip.h5")
    found = replay(source, None, tmp_path / "found.h5", what_if=WhatIf(700, SIP))
    with open_trace(source) as a, open_trace(other) as b, open_trace(found) as c:
        assert c.policy == f"{followed}-700-sip"
        assert c.provenance["counterfactual"]["before"]["name"] == followed
        # no key is stored here, so each half is that of its own policy
        for column in COLUMNS:
            if column.grows and not column.volatile:
                rows = c.column(column.path)
                np.testing.assert_array_equal(rows[:700], a.column(column.path, 0, 700))
                np.testing.assert_array_equal(rows[700:], b.column(column.path, 700))
    again = replay(found, None, tmp_path / "again.h5")
    assert digests(again) == digests(found)


def test_forced_reservations_stand_where_they_are_forced(evf: Path, tmp_path: Path) -> None:
    forced = (Forced(3, 5, None, 100, 140), Forced(4, None, 7, 100, 1300))
    found = replay(evf, None, tmp_path / "f.h5", what_if=WhatIf(100, None, forced))
    with open_trace(evf) as a, open_trace(found) as b:
        channels = a.column("decisions/qkd_channels").copy()
        wavelengths = a.column("decisions/km_wavelengths").copy()
        channels[100:140, 3], wavelengths[100:, 4] = 5, 7
        np.testing.assert_array_equal(b.column("decisions/qkd_channels"), channels)
        np.testing.assert_array_equal(b.column("decisions/km_wavelengths"), wavelengths)
        assert (b.column("slots/served") == a.column("slots/served")).all()
    assert digests(replay(found, None, tmp_path / "g.h5")) == digests(found)


def test_a_trace_that_does_not_come_out_again_is_not_followed(evf: Path, tmp_path: Path) -> None:
    path = tmp_path / "changed.h5"
    path.write_bytes(evf.read_bytes())
    with h5py.File(path, "r+") as file:
        file["decisions/qkd_channels"][30, 2] += 1
    with pytest.raises(PolicyError, match="slot 30, fibre 1–8: qkd_channels is"):
        replay(path, None, tmp_path / "out.h5", what_if=WhatIf(100, SIP))


def test_what_cannot_be_replayed(evf: Path, world: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.h5"
    with pytest.raises(UsageError, match="world without a policy"):
        replay(world, None, out)
    with pytest.raises(UsageError, match="no decisions to follow"):
        replay(world, None, out, what_if=WhatIf(3, SIP))
    with pytest.raises(UsageError, match=r"slot 1300 is not in the trace; allowed: 0 \.\. 1299"):
        replay(evf, None, out, what_if=WhatIf(1300, SIP))
    with pytest.raises(UsageError, match="is read by this command; give another out"):
        replay(evf, SIP, evf)
    with open_trace(evf) as trace:
        case = recorded_run(trace).case
    wrong = ["1-2", "1-9:qkd_channels=1", "1-2:qkd=1", "1-2:qkd_channels=-1", ":", "1-2:"]
    for text in (*wrong, f"1-2:km_wavelengths={2**40}"):
        with pytest.raises(UsageError, match=r"^set="):
            forced_reservation(text, case, 0, None)
    forced = forced_reservation("2-1:km_wavelengths=4", case, 7, 3)
    assert forced == Forced(0, None, 4, 7, 10)
    scenario = Scenario.model_validate(small().model_dump())
    assert policy_table("evf", scenario.policy) == EVF


def test_a_trace_cut_short_is_not_a_world(evf: Path, tmp_path: Path) -> None:
    path = tmp_path / "short.h5"
    path.write_bytes(evf.read_bytes())
    with h5py.File(path, "r+") as file:
        file["committed_slots"][...] = 1024
    with pytest.raises(TraceError, match=r"holds 1,024 of the 1,300 slots .* --resume"):
        replay(path, SIP, tmp_path / "out.h5")


def test_shipped_worlds_are_drawn_again() -> None:
    folder = ROOT / "traces"
    for name in ("nsfnet", "usnet", "outages"):
        found = verify(folder / f"{name}.h5")
        assert not found.failed, found
        assert not found.partial, found
        with open_world(folder / f"{name}.h5") as world:
            digest = world.attribute("world_digest")
        assert digest[:12] in (folder / "README.md").read_text("utf-8")


def test_worlds_are_inspected(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from qnetsim.cli import _run

    assert _run(["inspect", str(world), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["slots"], found["metrics"]) == ("recorded world", 1300, None)
    assert "slots/served" not in {column["path"] for column in found["columns"]}
    assert _run(["inspect", str(world)]) == 0
    assert "recorded world, complete, 1,300 slots" in capsys.readouterr().out
