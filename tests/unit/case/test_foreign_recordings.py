"""Recordings in the formats of others, and which of their rows a run uses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qnetsim.case import load, open_case, rows_used
from qnetsim.errors import ScenarioError
from qnetsim.scenario import RecordingTable
from tests.support import traffic as samples
from tests.support.foreign_demand import levels, scenario


def test_columns_are_mapped(tmp_path: Path) -> None:
    text = "von,nach,kbit,when,note\na,b,1.5,0,x\nb,c,2,1,x\n"
    keys = (
        'rate_unit = "kbps"\nslot_s = 1.0\n[recording.columns]\nsource = "von"\ntarget = "nach"\n'
        'rate = "kbit"\nslot = "when"'
    )
    spec = load(scenario(tmp_path, text, keys))
    assert spec.demand.pairs == (("a", "b"), ("b", "c"))
    assert levels(spec) == [[2, 0], [0, 2]]
    used = rows_used(spec)
    assert used is not None
    assert used.notes == ("columns that are not used: note",)


@pytest.mark.parametrize(
    ("content", "keys", "expected"),
    [
        (samples.WIDE, 'rate_unit = "bps"\nslot_s = 1.0', [[2, 0, 1], [2, 1, 1]]),
        (
            samples.TIMES.replace("bytes", "rate"),
            'rate_unit = "bytes"\nslot_s = 300.0\nrate_factor = 10.0',
            [[1, 0], [2, 1]],
        ),
        (samples.REQUESTS, 'rate_unit = "kbps"\nslot_s = 60.0', [[4, 4], [2, 4]]),
        (samples.UNTIMED, 'rate_unit = "level"\nslot_s = 1.0\nuntimed = 2', [[2, 1], [2, 1]]),
        (
            samples.SQUARE,
            'rate_unit = "kbps"\nslot_s = 1.0\nnodes = ["a", "b", "c"]',
            [[4, 2, 6]],
        ),
        (
            samples.zipped(samples.dynamic(samples.SNDLIB_XML, "xml")),
            'rate_unit = "Mbps"\nslot_s = 300.0\nrate_factor = 1e-3',
            [[3], [4], [0], [5]],
        ),
    ],
    ids=["wide", "times", "requests", "untimed", "square", "sndlib"],
)
def test_formats_of_others_become_levels(
    content: str | bytes, keys: str, expected: list[list[int]], tmp_path: Path
) -> None:
    length = next(line for line in keys.splitlines() if line.startswith("slot_s"))
    spec = load(scenario(tmp_path, content, keys, run=length))
    assert levels(spec) == expected
    assert spec.recording is not None
    assert spec.recording.sha256


def test_rows_of_a_list_stay_apart_unless_they_are_summed(tmp_path: Path) -> None:
    keys = 'rate_unit = "kbps"\nslot_s = 1.0'
    assert levels(load(scenario(tmp_path, samples.LIST, keys)))[0] == [2, 0, 0, 1]
    summed = load(scenario(tmp_path, samples.LIST, keys + '\ndirections = "sum"'))
    assert levels(summed)[0] == [2, 0, 0]


def test_what_is_used_is_counted(tmp_path: Path) -> None:
    text = "slot,source,target,rate\n" + "".join(f"{slot},a,b,1000\n" for slot in range(10, 20))
    keys = 'rate_unit = "bps"\nslot_s = 2.0\nfirst_slot = 11\nforecast_slots = 3'
    spec = load(scenario(tmp_path, text, keys, run="slots = 2\nreplications = 2"))
    used = rows_used(spec)
    assert used is not None
    # slots of 2 s are two of the run: four slots of the run are two of the file
    assert (used.ahead, used.forecast, used.simulated, used.after) == (1, 3, 2, 4)
    assert used.simulated_slots == (3, 4)
    assert (used.first_slot, used.last_slot) == (0, 8)
    assert used.text == (
        "10 rows in slots 0 to 8, where slot 0 is slot 11 of the file; 2 rows simulated (slots 3 "
        "to 4); 3 rows for the forecast; 5 rows left out"
    )


def test_a_recording_of_which_nothing_is_simulated_is_refused(tmp_path: Path) -> None:
    text = "slot,source,target,rate\n3604000,a,b,1200\n3604001,a,b,1500\n"
    keys = 'rate_unit = "bps"\nslot_s = 1.0'
    run = "slots = 4\nreplications = 1"
    with pytest.raises(ScenarioError, match=r"give recording\.first_slot = 3604000 where it"):
        load(scenario(tmp_path, text, keys, run=run))
    with pytest.raises(ScenarioError) as caught:
        load(scenario(tmp_path, text, keys + "\nfirst_slot = 0", run=run))
    assert "s.toml:7: recording.file: no row of it is simulated" in str(caught.value)
    assert "take 0 to 3; give recording.first_slot = 3604000" in str(caught.value)
    assert levels(load(scenario(tmp_path, text, keys + "\nfirst_slot = 3604000", run="slots = 2")))


def test_slots_from_1_need_a_word(tmp_path: Path) -> None:
    text = "slot,source,target,rate\n1,a,b,1200\n2,a,b,1500\n"
    keys = 'rate_unit = "bps"\nslot_s = 1.0'
    with pytest.raises(ScenarioError, match="= 1 where it counts its slots from 1"):
        load(scenario(tmp_path, text, keys))
    assert levels(load(scenario(tmp_path, text, keys + "\nfirst_slot = 1"))) == [[2], [2]]
    assert levels(load(scenario(tmp_path, text, keys + "\nfirst_slot = 0"))) == [[0], [2], [2]]
    with pytest.raises(ScenarioError, match=r"ahead of recording\.first_slot = 9"):
        load(scenario(tmp_path, text, keys + "\nfirst_slot = 9"))


def test_unknown_nodes_are_named_with_their_place(tmp_path: Path) -> None:
    keys = 'rate_unit = "bps"\nslot_s = 1.0'
    with pytest.raises(ScenarioError) as caught:
        load(scenario(tmp_path, "a_b,b_z\n1,2\n", keys))
    said = "d.csv, column 'b_z': 'z' is not a node of net.csv; allowed: a, b, c"
    assert said in str(caught.value)


def test_later_keys_change_no_digest_where_they_are_not_used(tmp_path: Path) -> None:
    spec = load(scenario(tmp_path, samples.LIST, 'rate_unit = "bps"\nslot_s = 1.0'))
    assert spec.recording is not None
    late = {"rate_factor": 2.0, "first_slot": 0, "first_time": "0", "directions": "keep"}
    assert spec.recording.keys_left_out() == {
        *late,
        *("columns", "untimed", "nodes"),
    }
    for key, value in late.items():
        other = spec.model_copy(
            update={"recording": spec.recording.model_copy(update={key: value})}
        )
        assert other.digest() != spec.digest(), key
    assert {"rate_unit", "slot_s", "file"} & RecordingTable.model_fields.keys()


def test_nodes_may_be_named_by_labels(tmp_path: Path) -> None:
    names = ("Berlin", "Hamburg", "Essen")
    nodes = [{"id": i, "name": name} for i, name in enumerate(names, 1)]
    edges = [{"source": i, "target": i + 1, "length_km": 90} for i in (1, 2)]
    path = scenario(tmp_path, "Berlin->Essen,1->2\n1,2\n", 'rate_unit = "kbps"\nslot_s = 1.0')
    (tmp_path / "net.json").write_text(json.dumps({"nodes": nodes, "edges": edges}))
    path.write_text(path.read_text().replace("net.csv", "net.json"))
    spec = load(path)
    assert spec.demand.pairs == (("1", "2"), ("1", "3"))
    assert levels(spec) == [[2, 1]]
    means = '[demand]\nlevels = 20\nmeans = [{source = "Berlin", target = "3", mean = 2.0}]\n'
    (tmp_path / "m.toml").write_text(f'[network]\ntopology = "net.json"\n{means}')
    assert open_case(load(tmp_path / "m.toml")).forecast.pairs == ((0, 2),)
    weights = 'weights = [["Berlin", 1.0], ["2", 1.0], ["Essen", 0.0]]\ntotal_rate_bps = 900.0\n'
    (tmp_path / "g.toml").write_text(
        f'[network]\ntopology = "net.json"\n[demand]\n[demand.gravity]\n{weights}'
    )
    assert open_case(load(tmp_path / "g.toml")).forecast.pairs == ((0, 1),)
