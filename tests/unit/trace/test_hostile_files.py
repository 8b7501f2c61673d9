"""HDF5 that others made: nothing outside is opened, and nothing is read that cannot be there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from qnetsim.errors import TraceError
from qnetsim.plans.make import make_plan
from qnetsim.plans.storage import load_plan, save_plan
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace import open_trace
from qnetsim.trace.files.demand_file import read_demand
from qnetsim.trace.hdf5.reading import plain_dataset
from tests.support.helpers import nsfnet

SECRET = "root:x:0:0"


@pytest.fixture
def demand(tmp_path: Path) -> Path:
    path = tmp_path / "demand.h5"
    with h5py.File(path, "w") as file:
        file["slot"] = np.arange(4)
        file["source"] = np.array([1, 1, 2, 2])
        file["target"] = np.array([8, 8, 9, 9])
        file["rate"] = np.array([1000.0, 2000.0, 1000.0, 0.0])
    return path


def external_link(file: h5py.File, folder: Path) -> None:
    file["rate"] = h5py.ExternalLink(str(folder / "other.h5"), "/rate")


def link_to_a_fifo(file: h5py.File, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    file["rate"] = h5py.ExternalLink(str(folder / "pipe"), "/rate")


def external_storage(file: h5py.File, folder: Path) -> None:
    (folder / "passwd").write_text(4 * SECRET)
    outside = [(str(folder / "passwd"), 0, h5py.h5f.UNLIMITED)]
    file.create_dataset("rate", (4,), "S10", external=outside)


def virtual(file: h5py.File, folder: Path) -> None:
    layout = h5py.VirtualLayout(shape=(4,), dtype="f8")
    layout[:] = h5py.VirtualSource(folder / "other.h5", "rate", shape=(4,))
    file.create_virtual_dataset("rate", layout)


def soft_link(file: h5py.File, folder: Path) -> None:
    file["rate"] = h5py.SoftLink("/slot")


def never_written(file: h5py.File, folder: Path) -> None:
    file.create_dataset("rate", (4,), "f8", chunks=(2,))


def far_too_long(file: h5py.File, folder: Path) -> None:
    file.create_dataset("rate", (10**12,), "f8", chunks=(1024,), compression="gzip")[:4] = 1.0


HOSTILE = [
    external_link,
    link_to_a_fifo,
    external_storage,
    virtual,
    soft_link,
    never_written,
    far_too_long,
]


@pytest.mark.parametrize("forge", HOSTILE)
def test_demand_of_others_is_read_from_its_file_alone(
    forge: Callable[[h5py.File, Path], None], demand: Path, tmp_path: Path
) -> None:
    assert len(read_demand(demand).cells) == 4
    with h5py.File(demand, "r+") as file:
        del file["rate"]
        forge(file, tmp_path)
    with pytest.raises(ValueError, match=r"demand\.h5: rate ") as caught:
        read_demand(demand)
    assert SECRET not in str(caught.value)


def test_demand_from_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is not a file"):
        read_demand(tmp_path / "pipe")


def test_a_count_of_slots_that_the_file_cannot_hold_is_refused(tmp_path: Path) -> None:
    path = simulate(nsfnet(run__slots="5"), PolicyTable(name="evf"), tmp_path / "t.h5")
    with h5py.File(path, "r+") as file:
        file["committed_slots"][...] = 10**12
        for name in ("decisions", "slots", "world"):
            for dataset in file[name].values():
                if dataset.maxshape[0] is None:
                    dataset.resize(10**12, axis=0)
    with pytest.raises(TraceError, match="1,000,000,000,000 slots are more than a file of"):
        open_trace(path)


def test_slots_that_were_never_stored_are_refused(tmp_path: Path) -> None:
    """A count within what the file's size allows, but no chunk holds the slots."""
    path = simulate(nsfnet(run__slots="5"), PolicyTable(name="evf"), tmp_path / "t.h5")
    slots = 50 * path.stat().st_size
    with h5py.File(path, "r+") as file:
        file["committed_slots"][...] = slots
        for name in ("decisions", "slots", "world"):
            for dataset in file[name].values():
                if dataset.maxshape[0] is None:
                    dataset.resize(slots, axis=0)
    with pytest.raises(TraceError, match=r"chunks, and 1 is stored"):
        open_trace(path)


def test_long_runs_of_little_are_read(tmp_path: Path) -> None:
    """The bound is far from what honest files need: nothing happens in any slot here."""
    quiet = nsfnet(
        run__slots="200000",
        demand__requests="1",
        demand__levels="2",
        demand__kind='"table"',
        demand__probabilities="[1.0, 0.0]",
    )
    path = simulate(quiet, PolicyTable(name="evf"), tmp_path / "quiet.h5")
    with open_trace(path) as trace:
        assert trace.slots == 200_000


def test_plans_keep_everything_in_their_file(tmp_path: Path) -> None:
    scenario, table = nsfnet(), PolicyTable(name="evf")
    path = save_plan(make_plan(scenario, table), scenario, table, tmp_path / "plan.h5")
    assert load_plan(path, scenario)
    with h5py.File(path, "r") as file:
        names: list[str] = []
        file.visititems(lambda n, e: names.append(n) if isinstance(e, h5py.Dataset) else None)
        assert names
        for name in names:
            assert plain_dataset(file, name).name == f"/{name}"
        with pytest.raises(KeyError):
            plain_dataset(file, "nothing/there")
