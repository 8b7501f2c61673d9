"""Forgeries in what a run made again does not see: lengths, types, and worlds beside demand."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from qnetsim.case import load, open_case
from qnetsim.replay.counterfactual import Forced
from qnetsim.replay.departure import WhatIf
from qnetsim.replay.record import record_world
from qnetsim.replay.replay import replay
from qnetsim.replay.verify import verify
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace.schema import TRACE, WORLD
from qnetsim.world.realisation import Realisation
from tests.support.forging import claim, in_provenance, with_fitting_digests
from tests.support.helpers import nsfnet

SLOTS = 12


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("honest") / "honest.h5"
    scenario = nsfnet(run__slots=str(SLOTS), demand__requests="12")
    return simulate(scenario, PolicyTable(name="sip"), path)


def invented_slots(file: h5py.File) -> None:
    """Five slots more in every column, with slot numbers that go on."""
    kind = WORLD if file.attrs["filetype"] == WORLD.filetype else TRACE
    file["committed_slots"][...] = SLOTS + 5
    for column in kind.columns:
        if column.grows:
            dataset = file[column.path]
            dataset.resize(SLOTS + 5, axis=0)
            numbers = column.dims == (column.name,)
            dataset[SLOTS:] = np.arange(SLOTS, SLOTS + 5) if numbers else dataset[SLOTS - 1]


def fewer_slots(file: h5py.File) -> None:
    file["committed_slots"][...] = SLOTS - 2
    for column in TRACE.columns:
        if column.grows:
            file[column.path].resize(SLOTS - 2, axis=0)


def names_for_values(file: h5py.File) -> None:
    kind = h5py.enum_dtype({"certified": 0, "refuted": 1}, basetype="u1")
    old = file["decisions/plan_status"]
    attributes = dict(old.attrs)
    values = old[...]
    del file["decisions/plan_status"]
    shape = {"maxshape": (None,), "chunks": (1024,), "compression": "gzip", "shuffle": True}
    new = file.create_dataset("decisions/plan_status", data=values, dtype=kind, **shape)
    for name in ("long_name", "flag_values", "flag_meanings"):
        new.attrs[name] = attributes[name]
    new.dims[0].attach_scale(file["decisions/slot"])


def text_for_references(file: h5py.File) -> None:
    del file["slots/slot"].attrs["REFERENCE_LIST"]
    file["slots/slot"].attrs["REFERENCE_LIST"] = "certified by all"


def text_for_scales(file: h5py.File) -> None:
    del file["slots/served"].attrs["DIMENSION_LIST"]
    file["slots/served"].attrs["DIMENSION_LIST"] = "slots"


def text_for_a_number(file: h5py.File) -> None:
    file.attrs["level_bits"] = str(file.attrs["level_bits"])


def negative_times(file: h5py.File) -> None:
    file["decisions/decide_s"][...] = -1.0


def without_packages(provenance: dict[str, Any]) -> None:
    del provenance["software"]["packages"]


FORGERIES: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "slots that no scenario has": (invented_slots, "slots"),
    "a complete run without its end": (fewer_slots, "slots"),
    "names for the values of a column": (names_for_values, "contents"),
    "text for references": (text_for_references, "contents"),
    "text for scales": (text_for_scales, "contents"),
    "text for a root number": (text_for_a_number, "contents"),
    "negative times": (negative_times, "times"),
    "no versions of packages": (in_provenance(without_packages), "contents"),
    "a network digest of nothing": (
        in_provenance(lambda p: p.update(network_digest=None)),
        "contents",
    ),
    **{
        f"{value!r} for a time of solving": (claim("plan", "solve_s", value), "contents")
        for value in ("certified", {"award": "best"}, -1.0, True, float("nan"))
    },
}


@pytest.mark.parametrize("kind", FORGERIES)
def test_no_forgery_passes(kind: str, honest: Path, tmp_path: Path) -> None:
    forge, name = FORGERIES[kind]
    path = Path(shutil.copy(honest, tmp_path / "forged.h5"))
    with h5py.File(path, "r+") as file:
        forge(file)
    with_fitting_digests(path)
    failed = {finding.name for finding in verify(path).findings if finding.passed is False}
    assert name in failed


def test_a_recorded_world_holds_the_slots_of_its_scenario(tmp_path: Path) -> None:
    scenario = nsfnet(run__slots=str(SLOTS), demand__requests="12")
    path = tmp_path / "world.h5"
    record_world(open_case(scenario), path)
    assert not verify(path).failed
    with h5py.File(path, "r+") as file:
        invented_slots(file)
    with_fitting_digests(path)
    failed = {finding.name for finding in verify(path).findings if finding.passed is False}
    assert "slots" in failed


def test_yields_and_faults_beside_recorded_demand_follow_from_the_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demand = tmp_path / "demand.csv"
    rows = [f"{slot},1,8,{1000 * (1 + slot % 3)}" for slot in range(SLOTS)]
    demand.write_text("\n".join(["slot,source,target,rate", *rows]) + "\n")
    (tmp_path / "s.toml").write_text(
        f'[network]\ntopology = "nsfnet"\n[run]\nslots = {SLOTS}\n'
        f'[recording]\nfile = "{demand}"\nrate_unit = "bps"\nslot_s = 1.0\n'
        "[yields]\nnoise_counts = 100\n[faults]\nfibre_mtbf_s = 20.0\nfibre_mttr_s = 10.0\n"
    )
    scenario = load(tmp_path / "s.toml")
    evf = PolicyTable(name="evf")
    fair = verify(simulate(scenario, evf, tmp_path / "fair.h5"), demand=demand)
    assert [f.name for f in fair.findings if not f.passed] == []

    with monkeypatch.context() as lucky:
        honest_chunks = Realisation.chunks

        def generous(world: Realisation, *, fast: bool = False) -> Any:
            for chunk in honest_chunks(world, fast=fast):
                assert chunk.yield_ppm is not None
                chunk.yield_ppm[:] = 1_500_000
                yield chunk

        lucky.setattr(Realisation, "chunks", generous)
        path = simulate(scenario, evf, tmp_path / "lucky.h5")
    found = verify(path, demand=demand)
    assert [f.name for f in found.findings if f.passed is False] == ["re-run"]
    assert "yield_ppm" in str(found.difference)


@pytest.mark.parametrize(
    "change",
    [
        {"first_slot": SLOTS + 5, "end_slot": SLOTS + 9},
        {"first_slot": 8, "end_slot": 8},
        {"first_slot": 1},
        {"fibre": "certified"},
        {"fibre": 99},
        {"qkd_channels": {"a": 1}},
        {"qkd_channels": None},
        {"qkd_channels": -1},
    ],
)
def test_what_was_forced_must_touch_the_run(
    change: dict[str, object], honest: Path, tmp_path: Path
) -> None:
    what_if = WhatIf(4, forced=(Forced(0, 3, None, 5, 9),))
    path = replay(honest, None, tmp_path / "departed.h5", what_if=what_if)
    assert not verify(path).failed
    with h5py.File(path, "r+") as file:
        in_provenance(lambda p: p["counterfactual"]["forced"][0].update(change))(file)
    with_fitting_digests(path)
    assert verify(path).failed
