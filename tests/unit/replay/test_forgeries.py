"""A red team's forgeries: each fits its own digests, and none passes ``verify``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from qnetsim.case import load, open_case
from qnetsim.cli import main
from qnetsim.errors import TopologyError, TraceError, UsageError
from qnetsim.network import read_topology
from qnetsim.replay.departure import WhatIf
from qnetsim.replay.record import record_world
from qnetsim.replay.replay import replay
from qnetsim.replay.verify import PROVED_BY_RERUN, verify
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, Scenario
from tests.support import ROOT
from tests.support.forging import claim, in_provenance, with_fitting_digests
from tests.support.helpers import nsfnet

SLOTS = 30


def spec() -> Scenario:
    return nsfnet(run__slots=str(SLOTS), demand__requests="12")


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("honest") / "honest.h5"
    return simulate(spec(), PolicyTable(name="sip"), path)


def more_rows(file: h5py.File) -> None:
    for name in ("slots/served", "world/levels"):
        file[name].resize(SLOTS + 5, axis=0)
        file[name][SLOTS:] = 1


def another_dataset(file: h5py.File) -> None:
    file["slots/profit"] = np.arange(SLOTS)


def another_group(file: h5py.File) -> None:
    file.create_group("results")["best"] = 1.0


def another_root_attribute(file: h5py.File) -> None:
    file.attrs["certified"] = "by nobody"


def another_attribute(file: h5py.File) -> None:
    file["slots/served"].attrs["scale_factor"] = 2.0


def attribute_of_a_group(file: h5py.File) -> None:
    file["slots"].attrs["title"] = "best run"


def other_units(file: h5py.File) -> None:
    file["fibres/length_km"].attrs["units"] = "m"


def other_flags(file: h5py.File) -> None:
    column = file["decisions/plan_status"]
    column.attrs["flag_meanings"] = column.attrs["flag_meanings"].replace("optimal", "feasible")


def other_level_bits(file: h5py.File) -> None:
    file.attrs["level_bits"] = 2 * file.attrs["level_bits"]


def sees_nothing(file: h5py.File) -> None:
    file.attrs["policy"] = "fedsac"


def other_slot_numbers(file: h5py.File) -> None:
    file["slots/slot"][...] = np.arange(SLOTS) + 1000


def other_meaning(file: h5py.File) -> None:
    file["slots/served"].attrs["long_name"] = "requests served by us"


def other_scale(file: h5py.File) -> None:
    file["slots/served"].dims[0].detach_scale(file["slots/slot"])
    file["slots/served"].dims[0].attach_scale(file["world/slot"])


def truth_for_a_number(file: h5py.File) -> None:
    in_provenance(lambda p: p.update(replication=False))(file)


def a_key_twice(file: h5py.File) -> None:
    file.attrs["provenance"] = '{"seed": 77, ' + file.attrs["provenance"][1:]


def a_comment(file: h5py.File) -> None:
    h5py.h5o.set_comment(file["slots/served"].id, b"certified by all")


def a_comment_of_a_group(file: h5py.File) -> None:
    h5py.h5o.set_comment(file["slots"].id, b"certified by all")


def a_comment_of_the_root(file: h5py.File) -> None:
    h5py.h5o.set_comment(file.id, b"certified by all")


def minus_zero(file: h5py.File) -> None:
    for name in ("reserved", "on_demand", "blocking", "relay"):
        for path in ("decisions", "slots"):
            for key, column in file[path].items():
                if column.dtype == "f8" and name in key:
                    values = column[...]
                    if (values == 0).any():
                        values[values == 0] = -0.0
                        column[...] = values
                        return
    raise AssertionError("no column of the trace holds 0.0")


FORGERIES: dict[str, Callable[[h5py.File], None]] = {
    "rows beyond the committed slots": more_rows,
    "a further dataset": another_dataset,
    "a further group": another_group,
    "a further root attribute": another_root_attribute,
    "a further attribute of a column": another_attribute,
    "an attribute of a group": attribute_of_a_group,
    "a comment of a column": a_comment,
    "a comment of a group": a_comment_of_a_group,
    "a comment of the root": a_comment_of_the_root,
    "-0.0 in place of 0.0": minus_zero,
    "other units": other_units,
    "other meanings of flags": other_flags,
    "other level bits": other_level_bits,
    "another policy in the root": sees_nothing,
    "other slot numbers": other_slot_numbers,
    "another meaning of a column": other_meaning,
    "a scale of another group": other_scale,
    "provenance: a package of any name": in_provenance(
        lambda p: p["software"]["packages"].update({"certified by all": "yes"})
    ),
    "software: another name": claim("software", "name", "another simulator"),
    "plan: gap": claim("plan", "gap", 0.5),
    "plan: bound": claim("plan", "bound", 1.0),
    "plan: objective": claim("plan", "objective", 1.0),
    "plan: status": claim("plan", "status", "feasible"),
    "plan: solver": claim("plan", "solver", "a better one"),
    "plan: note": claim("plan", "note", "proved by hand"),
    "plan: from a file that nobody has": claim(
        "plan", "note", "from a plan file of content digest " + 64 * "0"
    ),
    "plan: rounds": claim("plan", "rounds", 10**6),
    "plan: interval": claim("plan", "gap_interval", {"high": 0.0}),
    "plan: another key": claim("plan", "award", "best"),
    "no plan": in_provenance(lambda provenance: provenance.update(plan=None)),
    "policy: title": claim("policy", "title", "mine"),
    "policy: sees the future": claim("policy", "sees_future", True),
    "policy: another key": claim("policy", "author", "somebody"),
    "software: another key": claim("software", "certified", True),
    "environment: another key": claim("environment", "laboratory", "famous"),
    "environment: a number": claim("environment", "system", 7),
    "provenance: another key": in_provenance(lambda p: p.update(reviewed=True)),
    "provenance: network digest": in_provenance(lambda p: p.update(network_digest=64 * "0")),
    "provenance: seed": in_provenance(lambda p: p.update(seed=77)),
    "provenance: replication": in_provenance(lambda p: p.update(replication=3)),
    "scenario: price": in_provenance(lambda p: p["scenario"]["cost"].update(blocking_cost=5.0)),
    "scenario: digest": in_provenance(lambda p: p.update(scenario_digest=64 * "0")),
    "scenario: digest of no text": in_provenance(lambda p: p.update(scenario_digest=True)),
}


def test_the_honest_trace_passes(honest: Path) -> None:
    found = verify(honest)
    assert not found.failed, found
    assert not found.partial, found


@pytest.mark.parametrize("kind", FORGERIES)
def test_no_forgery_passes(kind: str, honest: Path, tmp_path: Path) -> None:
    path = tmp_path / "forged.h5"
    path.write_bytes(honest.read_bytes())
    with h5py.File(path, "r+") as file:
        FORGERIES[kind](file)
    with_fitting_digests(path)
    assert verify(path).failed, kind


@pytest.mark.parametrize("forge", [truth_for_a_number, a_key_twice])
def test_a_provenance_that_readers_take_differently_is_refused(
    forge: Callable[[h5py.File], None], honest: Path, tmp_path: Path
) -> None:
    path = tmp_path / "forged.h5"
    path.write_bytes(honest.read_bytes())
    with h5py.File(path, "r+") as file:
        forge(file)
    with pytest.raises(TraceError, match="provenance is damaged"):
        verify(path)


def test_bytes_behind_and_ahead_of_a_trace_are_found(honest: Path, tmp_path: Path) -> None:
    path = tmp_path / "longer.h5"
    path.write_bytes(honest.read_bytes() + b"PK and more")
    found = {finding.name: finding for finding in verify(path).findings}
    assert found["contents"].passed is False
    assert "11 bytes stand behind the file's end" in found["contents"].text


def test_a_newer_format_is_not_wholly_checked(honest: Path, tmp_path: Path) -> None:
    path = tmp_path / "newer.h5"
    path.write_bytes(honest.read_bytes())
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = np.array([1, 99])
    with_fitting_digests(path)
    assert verify(path).partial


def test_recorded_worlds_are_held_against_their_scenario(tmp_path: Path) -> None:
    honest = tmp_path / "world.h5"
    record_world(open_case(spec()), honest)
    assert not verify(honest).failed
    for number, forge in enumerate(
        (
            lambda file: file["fibres/qkd_reserved_cost"].write_direct(np.ones(21)),
            lambda file: file["fibres/segments"].write_direct(np.ones(21, dtype=np.int64)),
            lambda file: file["world/request_class"].write_direct(np.ones(12, dtype=np.int64)),
            lambda file: file.attrs.update(level_bits=1),
            lambda file: file.attrs.update(policy="sip"),
            in_provenance(lambda p: p.update(policy={"name": "sip"})),
        )
    ):
        path = tmp_path / f"{number}.h5"
        path.write_bytes(honest.read_bytes())
        with h5py.File(path, "r+") as file:
            forge(file)
        with_fitting_digests(path)
        assert verify(path).failed, number


def test_a_departure_is_held_against_its_note(honest: Path, tmp_path: Path) -> None:
    path = replay(
        honest,
        None,
        tmp_path / "whatif.h5",
        what_if=WhatIf(10, PolicyTable(name="evf")),
    )
    assert not verify(path).failed
    with h5py.File(path, "r+") as file:
        in_provenance(lambda p: p["counterfactual"].update(award="best"))(file)
    with_fitting_digests(path)
    assert verify(path).failed


@pytest.mark.parametrize(
    "words", [claim("software", "version", "9.9"), claim("environment", "machine", "abacus")]
)
def test_what_no_file_can_prove_is_said(
    words: Callable[[h5py.File], None],
    honest: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Software and environment are the maker's words: they pass, and the verdict says so."""
    path = tmp_path / "forged.h5"
    path.write_bytes(honest.read_bytes())
    with h5py.File(path, "r+") as file:
        words(file)
    with_fitting_digests(path)
    with pytest.raises(SystemExit) as caught:
        main(["verify", str(path)])
    # other software: the solver's own figures are not compared
    assert caught.value.code in {None, 0, 4}
    out = " ".join(capsys.readouterr().out.split())
    assert "no file can prove: on what machine and with which software" in out
    assert "no file can prove: who made it and when" in out


def test_a_level_run_is_not_sip_by_a_plan_file(tmp_path: Path) -> None:
    path = simulate(
        spec(), PolicyTable.model_validate({"name": "level", "level": 3}), tmp_path / "t.h5"
    )
    with h5py.File(path, "r+") as file:
        provenance = json.loads(file.attrs["provenance"])
        provenance["policy"] |= {"name": "sip", "title": "sip", "options": {}}
        provenance["plan"]["note"] = "from a plan file of content digest " + 64 * "0"
        file.attrs["provenance"] = json.dumps(provenance)
        file.attrs["policy"] = "sip"
    with_fitting_digests(path)
    found = verify(path)
    assert [f.name for f in found.findings if f.passed is False] == ["re-run"]


def claim_nsfnet(path: Path) -> None:
    """Let a trace of another network say that its network is NSFNET."""
    with h5py.File(path, "r+") as file:
        provenance = json.loads(file.attrs["provenance"])
        provenance["scenario"]["network"]["topology"] = "nsfnet"
        provenance["scenario_digest"] = spec().digest()
        file.attrs["provenance"] = json.dumps(provenance)
    with_fitting_digests(path)


def halved(folder: Path) -> Path:
    """NSFNET at half its lengths."""
    topology = read_topology("nsfnet")
    rows = [
        f"{topology.nodes[a]},{topology.nodes[b]},{km / 2}"
        for (a, b), km in zip(topology.fibres, topology.lengths_km, strict=True)
    ]
    path = folder / "half.csv"
    path.write_text("\n".join(["source,target,length_km", *rows]) + "\n")
    return path


def test_a_network_of_half_the_length_is_not_nsfnet(tmp_path: Path) -> None:
    half = halved(tmp_path)
    network = spec().network.model_copy(update={"topology": str(half)})
    short = spec().model_copy(update={"network": network})
    path = simulate(short, PolicyTable(name="sip"), tmp_path / "t.h5")
    # as it is, the file of the network must be given
    assert verify(path).partial
    assert not verify(path, topology=half).partial
    claim_nsfnet(path)
    found = {finding.name: finding for finding in verify(path).findings}
    assert found["network"].passed is False
    assert "km in the trace and" in found["network"].text
    longer = halved(tmp_path).read_text().replace("\n1,2,", "\n1,2,1")
    half.write_text(longer)
    found = {finding.name: finding for finding in verify(path, topology=half).findings}
    assert found["network"].passed is False


RECORDING = """
[network]
topology = "nsfnet"
[recording]
file = {file!r}
rate_unit = "bps"
slot_s = 1.0
"""


def test_recorded_demand_is_held_against_its_file(tmp_path: Path) -> None:
    demand = tmp_path / "demand.csv"
    rows = [f"{slot},1,8,{1000 * (1 + slot % 3)}" for slot in range(20)]
    demand.write_text("\n".join(["slot,source,target,rate", *rows]) + "\n")
    scenario = tmp_path / "s.toml"
    scenario.write_text(RECORDING.format(file=str(demand)))
    path = simulate(load(scenario), PolicyTable(name="evf"), tmp_path / "t.h5")
    assert verify(path).partial
    found = verify(path, demand=demand)
    assert not found.failed, found
    assert not found.partial, found
    # a run of other rates beside the honest file's SHA-256
    other = tmp_path / "other.csv"
    other.write_text(demand.read_text().replace("7,1,8,2000", "7,1,8,1000"))
    twin = tmp_path / "twin.toml"
    twin.write_text(RECORDING.format(file=str(other)))
    forged = simulate(load(twin), PolicyTable(name="evf"), tmp_path / "forged.h5")
    with h5py.File(path) as one, h5py.File(forged, "r+") as file:
        provenance = json.loads(file.attrs["provenance"])
        honest = json.loads(one.attrs["provenance"])
        provenance["scenario"]["recording"] = honest["scenario"]["recording"]
        provenance["scenario_digest"] = honest["scenario_digest"]
        file.attrs["provenance"] = json.dumps(provenance)
    with_fitting_digests(forged)
    found = {finding.name: finding for finding in verify(forged, demand=demand).findings}
    assert found["demand"].passed is False
    assert found["demand"].text.startswith("slot 7, request 0: level 1 in the trace and 2")
    assert verify(path, demand=other).failed
    with pytest.raises(UsageError, match="no such file of recorded demand"):
        verify(path, demand=tmp_path / "nowhere.csv")
    with pytest.raises(UsageError, match="no such topology file"):
        verify(path, demand=demand, topology=tmp_path / "nowhere.csv")


def soft(file: h5py.File, folder: Path) -> None:
    del file["slots/served"]
    file["slots/served"] = h5py.SoftLink("/slots/blocked")


def soft_group(file: h5py.File, folder: Path) -> None:
    file.move("slots", "hidden")
    file["slots"] = h5py.SoftLink("/hidden")


def external(file: h5py.File, folder: Path) -> None:
    del file["slots/served"]
    file["slots/served"] = h5py.ExternalLink("other.h5", "/slots/served")


def external_count(file: h5py.File, folder: Path) -> None:
    del file["committed_slots"]
    file["committed_slots"] = h5py.ExternalLink("other.h5", "/committed_slots")


def virtual(file: h5py.File, folder: Path) -> None:
    layout = h5py.VirtualLayout(shape=(SLOTS,), dtype="i4", maxshape=(None,))
    layout[:] = h5py.VirtualSource(folder / "other.h5", "slots/served", shape=(SLOTS,))
    del file["slots/served"]
    file.create_virtual_dataset("slots/served", layout)


def kept_outside(file: h5py.File, folder: Path) -> None:
    (folder / "raw").write_bytes(bytes(4 * SLOTS))
    del file["slots/served"]
    file.create_dataset(
        "slots/served", (SLOTS,), "i4", external=[(str(folder / "raw"), 0, 4 * SLOTS)]
    )


@pytest.mark.parametrize(
    "forge", [soft, soft_group, external, external_count, virtual, kept_outside]
)
def test_values_that_lie_elsewhere_are_refused(
    forge: Callable[[h5py.File, Path], None], honest: Path, tmp_path: Path
) -> None:
    path = tmp_path / "forged.h5"
    path.write_bytes(honest.read_bytes())
    (tmp_path / "other.h5").write_bytes(honest.read_bytes())
    with h5py.File(path, "r+") as file:
        forge(file, tmp_path)
    with pytest.raises(TraceError, match="a trace keeps everything in itself"):
        verify(path)


def test_the_last_digit_of_a_length_counts(honest: Path, tmp_path: Path) -> None:
    """A metre in a thousand kilometres changes no chain and no plan, but the network."""
    half = halved(tmp_path)
    rows = half.read_text().splitlines()
    network = spec().network.model_copy(update={"topology": str(half)})
    path = simulate(
        spec().model_copy(update={"network": network}), PolicyTable(name="evf"), tmp_path / "t.h5"
    )
    assert not verify(path, topology=half).failed
    half.write_text("\n".join([rows[0], rows[1] + "00001", *rows[2:]]) + "\n")
    found = {finding.name: finding for finding in verify(path, topology=half).findings}
    assert found["network"].passed is False
    assert found["network"].text.startswith("fibre 0 is ")


def test_a_file_beside_a_bundled_name_does_not_take_its_place(tmp_path: Path) -> None:
    half = halved(tmp_path)
    network = spec().network.model_copy(update={"topology": str(half)})
    short = spec().model_copy(update={"network": network})
    path = simulate(short, PolicyTable(name="evf"), tmp_path / "t.h5")
    claim_nsfnet(path)
    found = {finding.name: finding for finding in verify(path, topology=half).findings}
    assert found["network"].passed is False


def test_only_a_run_made_again_is_called_proved(honest: Path) -> None:
    whole, part = verify(honest), verify(honest, rerun=False)
    assert PROVED_BY_RERUN in whole.proved
    assert PROVED_BY_RERUN not in part.proved
    assert part.proved
    old = ROOT / "tests" / "formats" / "format-1.3.h5"
    assert verify(old).proved == ()


def test_nodes_in_another_order_are_another_network(tmp_path: Path) -> None:
    """Requests are drawn by the places of their nodes, so the same seed would give others."""
    topology = read_topology("nsfnet")
    rows = [
        f"{topology.nodes[a]},{topology.nodes[b]},{km}"
        for (a, b), km in zip(topology.fibres, topology.lengths_km, strict=True)
    ]
    permuted = tmp_path / "permuted.csv"
    permuted.write_text("\n".join(["source,target,length_km", *rows[::-1]]) + "\n")
    network = spec().network.model_copy(update={"topology": str(permuted)})
    other = spec().model_copy(update={"network": network})
    path = simulate(other, PolicyTable(name="evf"), tmp_path / "t.h5")
    claim_nsfnet(path)
    found = {finding.name: finding for finding in verify(path).findings}
    assert found["network"].passed is False


@pytest.mark.parametrize("minor", range(5))
def test_older_formats_are_not_called_wrong(minor: int) -> None:
    found = verify(ROOT / "tests" / "formats" / f"format-1.{minor}.h5")
    assert not found.failed, found
    # their network, tiny.csv, comes with qnetsim; files before 1.4 have no digest of the whole file
    assert found.partial == (minor < 4)
    assert all(one.passed for one in found.findings if one.name == "network")


@pytest.mark.parametrize("name", ["topohub:../../x", "topohub:/etc/x", "topohub:a/../../b"])
def test_topohub_names_stay_inside_the_package(name: str) -> None:
    with pytest.raises(TopologyError, match="topohub has no topology"):
        read_topology(name)
