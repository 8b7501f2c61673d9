"""Matrices, designs and archives as others write them: read right, or refused with a way."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from qnetsim.traffic import Columns, TrafficSettings, read_traffic
from tests.support import traffic as samples
from tests.support.foreign_demand import read, refusal, rows

BPS = {"rate_unit": "bps"}


def test_a_column_that_counts_the_rows_is_left_out(tmp_path: Path) -> None:
    found = read(tmp_path, ",a_b,b_c\n0,1,2\n1,3,4\n", **BPS)
    assert rows(found)[2:] == [(1, "a", "b", 3), (1, "b", "c", 4)]
    assert "column 1, without a name, counts the rows: left out" in found.notes


def test_a_column_without_a_name_is_named_by_its_place(tmp_path: Path) -> None:
    text = ",a_b,b_c\n2004-03-01,1,2\n2004-03-02,3,4\n"
    said = refusal(tmp_path, text, **BPS)
    assert "no pair of nodes: 'column 1'" in said
    assert 'column ignore="column 1"' in said
    left = read(tmp_path, text, columns=Columns(ignore=("column 1",)), **BPS)
    assert rows(left)[2:] == [(1, "a", "b", 3), (1, "b", "c", 4)]
    timed = read(tmp_path, text, columns=Columns(time="column 1"), slot_s=43200.0, **BPS)
    assert rows(timed)[2:] == [(2, "a", "b", 3), (2, "b", "c", 4)]


def test_a_matrix_may_name_its_rows_and_columns(tmp_path: Path) -> None:
    text = ",a,b,c\na,0,1,2\nb,3,0,4\nc,5,6,0\n"
    found = read(tmp_path, text, directions="keep", **BPS)
    assert rows(found) == [
        (0, "a", "b", 1),
        (0, "b", "a", 3),
        (0, "a", "c", 2),
        (0, "c", "a", 5),
        (0, "b", "c", 4),
        (0, "c", "b", 6),
    ]


def test_named_rows_and_columns_may_be_numbers(tmp_path: Path) -> None:
    found = read(tmp_path, ",0,1,2\n0,0,1,2\n1,0,0,4\n2,0,0,0\n", **BPS)
    assert rows(found) == [(0, "0", "1", 1), (0, "0", "2", 2), (0, "1", "2", 4)]


def test_names_with_a_word_ahead_of_the_pair(tmp_path: Path) -> None:
    text = "OD_a_b,OD_b_c\n1,2\n"
    assert "nodes" in refusal(tmp_path, text, **BPS)
    found = read(tmp_path, text, nodes=("a", "b", "c"), **BPS)
    assert rows(found) == [(0, "a", "b", 1), (0, "b", "c", 2)]


def test_pairs_that_may_be_several_are_refused(tmp_path: Path) -> None:
    text = "New_York-Boston,Boston-New_York\n1,2\n"
    said = refusal(tmp_path, text, **BPS)
    assert "'New' and 'York-Boston' or 'New_York' and 'Boston'" in said
    found = read(tmp_path, text, nodes=("New_York", "Boston"), **BPS)
    assert rows(found) == [(0, "New_York", "Boston", 3)]


def test_an_empty_cell_says_what_to_write(tmp_path: Path) -> None:
    assert "or 0 where there was no demand" in refusal(tmp_path, "a_b,b_c\n1,\n", **BPS)
    assert len(rows(read(tmp_path, "a_b,b_c\n1,0\n", **BPS))) == 2


@pytest.mark.parametrize(
    ("text", "name", "given", "said"),
    [
        ("slot,source,target,rate\n0,a,b,1\n", "x.csv", {"nodes": ("a", "b")}, "leave nodes out"),
        ("a_b\n1\n", "x.csv", {"columns": Columns(ignore=("nix",))}, "has no column 'nix'"),
        (samples.REPETITA, "x.demands", {"columns": Columns(rate="bw")}, "leave column out"),
        (samples.REPETITA, "x.demands", {"nodes": ("a", "b")}, "leave nodes out"),
        ("0,1\n1,0\n", "x.csv", {"columns": Columns(rate="b")}, "leave column out"),
    ],
)
def test_settings_that_a_format_cannot_use_are_refused(
    text: str, name: str, given: dict[str, object], said: str, tmp_path: Path
) -> None:
    assert said in refusal(tmp_path, text, name, **given)


def test_text_of_two_bytes_is_named(tmp_path: Path) -> None:
    text = "slot,source,target,rate\n0,a,b,1\n".encode("utf-16")
    assert "is UTF-16 text; save it as UTF-8" in refusal(tmp_path, text, **BPS)


def test_net2plan_says_its_unit_and_multicast_demand_is_counted(tmp_path: Path) -> None:
    text = samples.NET2PLAN.replace(
        '<layer id="0">',
        '<layer id="0" demandTrafficUnitsName="Gbps"><multicastDemand id="9" ingressNodeId="0" '
        'egressNodeIds="1" offeredTraffic="7"/>',
    )
    found = read(tmp_path, text, "net.n2p")
    assert rows(found) == [(0, "0", "1", 12.5e9)]
    assert (found.read, found.used) == (2, 1)
    assert any("1 row of multicast demand" in note for note in found.notes)
    assert "says that its unit is Gbps" in refusal(tmp_path, text, "net.n2p", **BPS)


def test_native_text_may_list_paths(tmp_path: Path) -> None:
    paths = "ADMISSIBLE_PATHS (\n  D1 (\n    P0 ( L1 )\n  )\n  D2 (\n    P0 ( L1 )\n  )\n)\n"
    text = samples.sndlib(samples.SNDLIB_NATIVE)
    for odd in (text + paths, text.replace("DEMANDS (", paths + "DEMANDS (")):
        assert rows(read(tmp_path, odd, "net.txt")) == [(0, "a", "b", 3_750_000)]


def test_folders_and_links_that_are_not_read_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    (folder / "m1").mkdir(parents=True)
    for place in (folder, folder / "m1"):
        (place / "tm.demands").write_text(samples.REPETITA)
    notes = read_traffic(str(folder), TrafficSettings()).notes
    assert "folders in it that are not read: m1" in notes
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.add(folder / "tm.demands", "tm.demands")
        for name, kind in (("soft", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE)):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, "tm.demands"
            archive.addfile(link)
    notes = read(tmp_path, data.getvalue(), "x.tar").notes
    assert "links in it that are not followed: soft, hard" in notes


def test_a_key_of_json_stands_once(tmp_path: Path) -> None:
    text = '{"graph": {"demands": {"a": {"b": 1}, "a": {"c": 2}}}}'
    assert "has the key 'a' twice in one object" in refusal(tmp_path, text, "x.json", **BPS)


def test_a_decimal_comma_is_named(tmp_path: Path) -> None:
    said = refusal(tmp_path, "slot;source;target;rate\n0;a;b;1,5\n", **BPS)
    assert "write a point for the decimal comma: 1.5" in said
