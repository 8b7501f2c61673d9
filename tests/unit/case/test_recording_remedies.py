"""What a message about a recording says works when it is followed."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import pytest

from qnetsim.case import load, rows_used
from qnetsim.errors import ScenarioError
from tests.support import traffic as samples
from tests.support.foreign_demand import levels, scenario

BPS = 'rate_unit = "bps"\nslot_s = 1.0\n'
EPOCH = "slot,source,target,rate\n3604000,a,b,1200\n3604001,a,b,1500\n"
TIMES = "time,source,target,rate\n2004-03-01T00:00:00Z,a,b,1\n2004-03-01T00:00:01Z,a,b,1\n"


def listed(*slots: int) -> str:
    return "slot,source,target,rate\n" + "".join(f"{slot},a,b,1\n" for slot in slots)


@pytest.mark.parametrize(
    ("text", "keys", "way"),
    [
        (EPOCH, "first_slot = 3603000", "recording.first_slot = 3604000"),
        (EPOCH, "first_slot = 1000", "recording.first_slot = 3604000"),
        (listed(1, 2), "first_slot = -5", "recording.first_slot = 1"),
        (
            TIMES,
            'first_time = "2004-02-28T00:00:00Z"',
            'recording.first_time = "2004-03-01T00:00:00Z"',
        ),
        (
            TIMES.replace("2004-03-01T00:00:0", "9").replace("Z", ""),
            'first_time = "10"',
            'recording.first_time = "90"',
        ),
    ],
)
def test_a_start_that_is_told_is_right(text: str, keys: str, way: str, tmp_path: Path) -> None:
    run = "slots = 2\nreplications = 1"
    with pytest.raises(ScenarioError) as caught:
        load(scenario(tmp_path, text, BPS + keys, run=run))
    said = str(caught.value)
    assert f"give {way}, or" in said
    spec = load(scenario(tmp_path, text, BPS + way.removeprefix("recording."), run=run))
    assert all(map(sum, levels(spec)))
    slots = re.findall(r"raise run\.slots to (\d+)", said)
    longer = f"slots = {slots[0]}\nreplications = 1"
    used = rows_used(load(scenario(tmp_path, text, BPS + keys, run=longer)))
    assert used is not None
    assert used.simulated == 1


def test_rows_behind_a_forecast_need_more_slots(tmp_path: Path) -> None:
    keys = BPS + "forecast_slots = 3"
    with pytest.raises(ScenarioError) as caught:
        load(scenario(tmp_path, listed(0, 9), keys, run="slots = 2\nreplications = 1"))
    assert "take 3 to 4; raise run.slots to 7" in str(caught.value)
    assert "first_slot" not in str(caught.value)
    spec = load(scenario(tmp_path, listed(0, 9), keys, run="slots = 7\nreplications = 1"))
    assert levels(spec)[-1] == [1]


def test_a_slot_below_zero_needs_a_word(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"or recording\.first_slot = -1"):
        load(scenario(tmp_path, listed(-1, 0), BPS))
    assert levels(load(scenario(tmp_path, listed(-1, 0), BPS + "first_slot = -1"))) == [[1], [1]]


def hdf5(folder: Path) -> bytes:
    path = folder / "rows.h5"
    with h5py.File(path, "w") as file:
        file["slot"] = [0, 0, 1]
        file["source"] = ["a", "b", "a"]
        file["target"] = ["b", "a", "c"]
        file["rate"] = [500.0, 500.0, 1000.0]
    return path.read_bytes()


def test_hdf5_is_summed_where_it_is_asked_for(tmp_path: Path) -> None:
    data = hdf5(tmp_path)
    assert levels(load(scenario(tmp_path, data, BPS, name="d.h5"))) == [[1, 0, 1], [0, 1, 0]]
    summed = load(scenario(tmp_path, data, BPS + 'directions = "sum"', name="d.h5"))
    assert levels(summed) == [[1, 0], [0, 1]]


@pytest.mark.parametrize("key", ["untimed = 2", 'first_time = "0"', 'nodes = ["a", "b"]'])
def test_hdf5_refuses_what_it_cannot_use(key: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=f"leave recording.{key.split()[0]} out"):
        load(scenario(tmp_path, hdf5(tmp_path), BPS + key, name="d.h5"))


def test_folders_and_names_are_imported_first(tmp_path: Path) -> None:
    path = scenario(tmp_path, listed(0), BPS)
    (tmp_path / "folder").mkdir()
    text = path.read_text()
    for file in ("folder", "topohub:sndlib/polska"):
        path.write_text(text.replace("d.csv", file))
        with pytest.raises(ScenarioError, match=rf"demand import \S*{file} --out demand.csv"):
            load(path)


def test_an_archive_is_read_whatever_its_bytes(tmp_path: Path) -> None:
    two = samples.NODE_LINK.replace('"0"', '"a"').replace('"1"', '"b"').replace('"2"', '"c"')
    path = scenario(tmp_path, two, BPS + "rate_factor = 0.001", name="one-line.json")
    assert levels(load(path)) == [[1, 1]]
    data = samples.zipped({"x.json": two})
    path = scenario(tmp_path, data, BPS + "rate_factor = 0.001", name="one.zip")
    assert levels(load(path)) == [[1, 1]]
    # a quote in the first line of the archive made it a broken list
    odd = samples.zipped({'"x".json': two})
    path = scenario(tmp_path, odd, BPS + "rate_factor = 0.001", name="odd.zip")
    assert levels(load(path)) == [[1, 1]]


def test_a_pair_by_labels_and_ids_is_one_request(tmp_path: Path) -> None:
    text = "time,source,target,rate\n0,Ay,Be,400\n0,b,a,400\n"
    path = scenario(tmp_path, text, BPS, name="d.csv")
    (tmp_path / "net.graphml").write_text(
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
        '<key id="l" for="node" attr.name="label" attr.type="string"/>'
        '<key id="d" for="edge" attr.name="length_km" attr.type="double"/>'
        '<graph edgedefault="undirected">'
        '<node id="a"><data key="l">Ay</data></node><node id="b"><data key="l">Be</data></node>'
        '<edge source="a" target="b"><data key="d">100</data></edge></graph></graphml>'
    )
    path.write_text(path.read_text().replace("net.csv", "net.graphml"))
    assert levels(load(path)) == [[1]]


@pytest.mark.parametrize("row", ["1_0,a,b,1", "1,a,b,1_000"])
def test_an_underscore_is_no_part_of_a_number(row: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="is not a number"):
        load(scenario(tmp_path, listed(0) + row + "\n", BPS))
