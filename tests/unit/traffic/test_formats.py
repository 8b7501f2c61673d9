"""Demand in the formats of others becomes rates by slot and node pair, with right values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qnetsim.errors import TrafficError
from qnetsim.traffic import Columns, TrafficSettings, read_traffic
from tests.support import traffic as samples
from tests.support.foreign_demand import read, refusal, rows


def test_a_list_by_slot_adds_up_both_directions(tmp_path: Path) -> None:
    found = read(tmp_path, samples.LIST, rate_unit="kbps")
    assert rows(found) == [(0, "a", "b", 2000), (1, "a", "c", 2000), (3, "b", "c", 4000)]
    assert (found.read, found.used, found.first_slot, found.last_slot, found.pairs) == (
        *(4, 4, 0, 3, 3),
    )
    assert any("1 row beside another" in note and "both directions" in note for note in found.notes)
    assert "1 slot between them has no row, and no demand" in found.notes


def test_directions_may_be_kept_apart(tmp_path: Path) -> None:
    found = read(tmp_path, samples.LIST, rate_unit="bps", directions="keep")
    assert rows(found)[:2] == [(0, "a", "b", 1.5), (0, "b", "a", 0.5)]


@pytest.mark.parametrize(
    ("unit", "slot_s", "factor"),
    [
        ("bps", None, 1),
        ("kbps", None, 1e3),
        ("Mbps", None, 1e6),
        ("Gbps", None, 1e9),
        ("bits", 300.0, 1 / 300),
        ("bytes", 300.0, 8 / 300),
    ],
)
def test_units_become_bits_per_second(
    unit: str, slot_s: float | None, factor: float, tmp_path: Path
) -> None:
    found = read(tmp_path, "slot,source,target,rate\n0,a,b,1200\n", rate_unit=unit, slot_s=slot_s)
    assert rows(found)[0][3] == pytest.approx(1200 * factor, rel=1e-15)
    doubled = read(
        tmp_path,
        "slot,source,target,rate\n0,a,b,1200\n",
        rate_unit=unit,
        slot_s=slot_s,
        rate_factor=2.0,
    )
    assert rows(doubled)[0][3] == pytest.approx(2400 * factor, rel=1e-15)


def test_times_become_slots_and_bytes_become_rates(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        samples.TIMES,
        columns=Columns(rate="bytes"),
        rate_unit="bytes",
        slot_s=300.0,
    )
    # 3000 bytes in 300 s are 80 bit/s
    assert rows(found) == [(0, "a", "b", 80), (1, "a", "b", 160), (1, "b", "c", 20)]
    assert found.start == "2004-03-01T00:00:00Z"
    assert "columns that are not used: site" in found.notes


def test_unix_times_and_iso_times_agree(tmp_path: Path) -> None:
    head = "time,source,target,rate\n"
    unix = read(
        tmp_path, head + "1078099200,a,b,1\n1078099500,a,b,2\n", rate_unit="bps", slot_s=300.0
    )
    iso = read(
        tmp_path,
        head + "2004-03-01T01:00:00+01:00,a,b,1\n2004-03-01 00:05,a,b,2\n",
        rate_unit="bps",
        slot_s=300.0,
    )
    assert rows(unix) == rows(iso) == [(0, "a", "b", 1), (1, "a", "b", 2)]
    assert unix.start == iso.start == "2004-03-01T00:00:00Z"


def test_the_first_slot_may_begin_at_another_time(tmp_path: Path) -> None:
    given: dict[str, Any] = {"columns": Columns(rate="bytes"), "rate_unit": "bytes"}
    early = read(tmp_path, samples.TIMES, first_time="2004-02-29T23:50:00Z", slot_s=300.0, **given)
    assert early.first_slot == 2
    late = read(tmp_path, samples.TIMES, first_time="2004-03-01T00:05:00Z", slot_s=300.0, **given)
    assert (late.read, late.used, late.first_slot) == (3, 2, 0)
    assert any("1 row ahead of 2004-03-01T00:05:00Z: left out" in note for note in late.notes)


def test_amounts_of_several_times_in_a_slot_add_up_and_rates_are_refused(tmp_path: Path) -> None:
    columns = Columns(rate="bytes")
    found = read(tmp_path, samples.TIMES, columns=columns, rate_unit="bytes", slot_s=600.0)
    assert rows(found)[0] == (0, "a", "b", pytest.approx(9000 * 8 / 600))
    said = refusal(tmp_path, samples.TIMES, columns=columns, rate_unit="kbps", slot_s=600.0)
    assert "rates of 2 times in 1 slot; give the step of its times as slot_s" in said


def test_times_need_the_length_of_a_slot(tmp_path: Path) -> None:
    said = refusal(tmp_path, samples.TIMES, columns=Columns(rate="bytes"), rate_unit="bytes")
    assert "has times, and no length of a slot; give slot_s=300 (the least step)" in said


def test_requests_become_mean_rates_of_the_slots_that_they_touch(tmp_path: Path) -> None:
    found = read(tmp_path, samples.REQUESTS, rate_unit="bps", slot_s=60.0)
    # a–b stands from 0 to 90 s with 4 bit/s, b–c from 30 to 90 s with 8 bit/s
    assert rows(found) == [
        (0, "a", "b", 4.0),
        (0, "b", "c", 4.0),
        (1, "a", "b", 2.0),
        (1, "b", "c", 4.0),
    ]
    bits = sum(rate * 60 for _, _, _, rate in rows(found))
    assert bits == 90 * 4 + 60 * 8


def test_requests_since_an_epoch_begin_at_the_first_arrival(tmp_path: Path) -> None:
    text = "arrival,holding,source,target,rate\n1078099230,60,a,b,8\n1078099200,30,a,b,8\n"
    found = read(tmp_path, text, rate_unit="bps", slot_s=60.0)
    assert rows(found) == [(0, "a", "b", 8.0), (1, "a", "b", 4.0)]
    assert found.start == "2004-03-01T00:00:00Z"


def test_rows_without_slots_need_a_word(tmp_path: Path) -> None:
    said = refusal(tmp_path, samples.UNTIMED, rate_unit="level")
    assert "has no column of slots or times" in said
    assert "untimed=1" in said
    assert "untimed=in_turn" in said
    together = read(tmp_path, samples.UNTIMED, rate_unit="level", untimed=2)
    assert rows(together) == [
        (0, "a", "b", 2),
        (0, "a", "c", 1),
        (1, "a", "b", 2),
        (1, "a", "c", 1),
    ]
    turns = read(tmp_path, samples.UNTIMED, rate_unit="level", untimed="in_turn")
    assert [(slot, b) for slot, _, b, _ in rows(turns)] == [(0, "b"), (1, "c"), (2, "b")]
    assert turns.unit == "level"


@pytest.mark.parametrize("separator", ["_", "->", "-", "|", ":", " ", "/"])
def test_a_matrix_has_a_column_for_each_pair(separator: str, tmp_path: Path) -> None:
    found = read(tmp_path, samples.WIDE.replace("_", separator), rate_unit="bps")
    assert rows(found) == [
        (0, "a", "b", 1200),
        (0, "a", "c", 0),
        (0, "b", "c", 300),
        (1, "a", "b", 1500),
        (1, "a", "c", 100),
        (1, "b", "c", 400),
    ]


@pytest.mark.parametrize("separator", ["_", "-", " ", ":"])
def test_nodes_may_be_numbers(separator: str, tmp_path: Path) -> None:
    found = read(tmp_path, f"1{separator}5,1{separator}7\n3,4\n", rate_unit="bps")
    assert rows(found) == [(0, "1", "5", 3), (0, "1", "7", 4)]


def test_names_with_the_separator_in_them_are_told_apart_by_the_nodes(tmp_path: Path) -> None:
    text = "new_york_la,la_san_jose\n1,2\n"
    assert "2 columns name no pair of nodes" in refusal(tmp_path, text, rate_unit="bps")
    found = read(tmp_path, text, rate_unit="bps", nodes=("new_york", "la", "san_jose"))
    assert rows(found) == [(0, "new_york", "la", 1), (0, "la", "san_jose", 2)]


def test_a_matrix_may_have_times_and_columns_to_leave_out(tmp_path: Path) -> None:
    text = "time;a->b;total\n1078099200;1;9\n1078099800;2;9\n"
    said = refusal(tmp_path, text, rate_unit="bps", slot_s=300.0)
    assert "1 column names no pair of nodes: 'total'" in said
    assert "column ignore=NAME" in said
    found = read(tmp_path, text, rate_unit="bps", slot_s=300.0, columns=Columns(ignore=("total",)))
    assert rows(found) == [(0, "a", "b", 1), (2, "a", "b", 2)]


def test_an_empty_row_of_a_matrix_is_no_slot(tmp_path: Path) -> None:
    assert "x.csv:3: is a slot without a cell" in refusal(
        tmp_path, "a_b,a_c\n1,2\n,\n3,4\n", rate_unit="bps"
    )


def test_square_matrices_take_the_names_of_the_nodes(tmp_path: Path) -> None:
    assert "give those of the 3 nodes in their order by nodes" in refusal(
        tmp_path, samples.SQUARE, rate_unit="Mbps"
    )
    found = read(tmp_path, samples.SQUARE, rate_unit="bps", nodes=("a", "b", "c"))
    assert rows(found) == [(0, "a", "b", 4), (0, "a", "c", 2), (0, "b", "c", 6)]
    assert any("3 rows from a node to itself" in note for note in found.notes)
    assert "2 nodes take 2 rows of 2, or 4 or 20 in a row" in refusal(
        tmp_path, samples.SQUARE, rate_unit="bps", nodes=("a", "b")
    )


def test_matrices_of_abilene_have_one_in_a_row(tmp_path: Path) -> None:
    # 100 bytes in 5 minutes
    found = read(
        tmp_path,
        samples.X01,
        "X01",
        rate_unit="bytes",
        rate_factor=100.0,
        slot_s=300.0,
        nodes=("a", "b", "c"),
        directions="keep",
    )
    assert rows(found)[0] == (0, "a", "b", pytest.approx(1 * 100 * 8 / 300))
    assert rows(found)[6] == (1, "a", "b", pytest.approx(101 * 100 * 8 / 300))
    assert len(rows(found)) == 12
    assert any("first of five values" in note for note in found.notes)


@pytest.mark.parametrize("text", [samples.SNDLIB_XML, samples.SNDLIB_NATIVE])
def test_sndlib_says_its_unit_and_slot(text: str, tmp_path: Path) -> None:
    found = read(tmp_path, samples.sndlib(text), "net.txt")
    assert rows(found) == [(0, "a", "b", 3_750_000)]
    assert (found.slot_s, found.unit) == (300.0, "bps")
    said = refusal(tmp_path, samples.sndlib(text), "net.txt", rate_unit="kbps")
    assert "says that its unit is Mbps, and rate_unit=kbps is given; give Mbps" in said
    said = refusal(tmp_path, samples.sndlib(text), "net.txt", slot_s=60.0)
    assert "its slots are 300 s long, and slot_s=60 is given; give 300" in said


@pytest.mark.parametrize(
    ("text", "suffix"), [(samples.SNDLIB_XML, "xml"), (samples.SNDLIB_NATIVE, "txt")]
)
@pytest.mark.parametrize("kind", ["folder", "zip", "tgz"])
def test_sndlib_has_a_file_for_each_time(text: str, suffix: str, kind: str, tmp_path: Path) -> None:
    files = samples.dynamic(text, suffix)
    place = tmp_path / f"matrices.{kind}"
    if kind == "folder":
        place.mkdir()
        for name, content in files.items():
            (place / name).write_text(content)
    else:
        place.write_bytes((samples.zipped if kind == "zip" else samples.tarred)(files))
    found = read_traffic(str(place), TrafficSettings())
    assert rows(found) == [
        (0, "a", "b", 2_250_000),
        (1, "a", "b", 3_250_000),
        (3, "a", "b", 4_250_000),
    ]
    assert found.start == "2004-03-01T00:00:00Z"
    assert "1 slot between them has no row, and no demand" in found.notes


def test_totem_has_its_time_in_its_name(tmp_path: Path) -> None:
    files = {f"IntraTM-2005-01-01-00-{minute}.xml": samples.TOTEM for minute in ("30", "45")}
    found = read(tmp_path, samples.tarred(files), "geant.tgz", slot_s=900.0)
    assert rows(found) == [
        (0, "12", "13", pytest.approx(25971895.6)),
        (1, "12", "13", pytest.approx(25971895.6)),
    ]
    assert found.start == "2005-01-01T00:30:00Z"
    assert any("2 rows from a node to itself" in note for note in found.notes)


def test_repetita_net2plan_and_node_link_demands(tmp_path: Path) -> None:
    repetita = read(tmp_path, samples.REPETITA, "Abilene.0000.demands")
    assert rows(repetita) == [(0, "0", "1", 30_036_000), (0, "1", "2", 500_000)]
    design = read(tmp_path, samples.NET2PLAN, "net.n2p", rate_unit="Gbps")
    assert rows(design) == [(0, "0", "1", 12.5e9)]
    graph = read(tmp_path, samples.NODE_LINK, "net.json", rate_unit="bps", untimed=2)
    assert rows(graph) == [
        (slot, "0", other, rate) for slot in (0, 1) for other, rate in (("1", 195), ("2", 158))
    ]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of topohub
def test_demand_of_topohub() -> None:
    found = read_traffic("topohub:sndlib/polska", TrafficSettings(rate_unit="Mbps"))
    assert found.pairs == 66
    assert rows(found)[0] == (0, "0", "1", 195e6)
    with pytest.raises(TrafficError, match="topohub has no topology"):
        read_traffic("topohub:../x", TrafficSettings())
    with pytest.raises(TrafficError, match="has no demand"):
        read_traffic("topohub:topozoo/Abilene", TrafficSettings(rate_unit="Mbps"))


@pytest.mark.parametrize(
    ("slots", "said"),
    [
        ((1, 2), "first_slot=1 where it counts its slots from 1"),
        ((3604000, 3604003), "first_slot=3604000 where it counts its slots from an epoch"),
    ],
)
def test_slots_that_begin_late_need_a_word(
    slots: tuple[int, int], said: str, tmp_path: Path
) -> None:
    text = "slot,source,target,rate\n" + "".join(f"{slot},a,b,1\n" for slot in slots)
    refused = refusal(tmp_path, text, rate_unit="bps")
    assert said in refused
    assert "first_slot=0 where there is no demand ahead of it" in refused
    found = read(tmp_path, text, rate_unit="bps", first_slot=slots[0])
    assert (found.first_slot, found.last_slot) == (0, slots[1] - slots[0])
    assert found.start == f"slot {slots[0]} of the file"
    assert read(tmp_path, text, rate_unit="bps", first_slot=0).first_slot == slots[0]


def test_a_quiet_start_is_no_epoch(tmp_path: Path) -> None:
    text = "slot,source,target,rate\n2,a,b,1\n9,a,b,1\n"
    assert read(tmp_path, text, rate_unit="bps").first_slot == 2


def test_messages_name_keys_of_a_recording_where_there_is_one(tmp_path: Path) -> None:
    said = refusal(tmp_path, samples.UNTIMED, rate_unit="bps", of_recording=True)
    assert 'recording.columns.slot = "NAME"' in said
    assert 'recording.untimed = "in_turn"' in said
