"""Times of files and rows, amounts of requests, and rows that are left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qnetsim.errors import TrafficError
from qnetsim.traffic import Columns, TrafficSettings, read_traffic
from tests.support import traffic as samples
from tests.support.foreign_demand import read, refusal, rows

FLOWS = "timestamp,src,dst,duration,bytes\n0,a,b,60,75000\n300,a,b,600,150000\n950,a,b,0,3000\n"
HEAD = "arrival,holding,source,target,rate\n"


def placed(folder: Path, files: dict[str, str], **given: Any) -> list[int]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return sorted({row[0] for row in rows(read_traffic(str(folder), TrafficSettings(**given)))})


@pytest.mark.parametrize("folder", ["totem", "2024-05-01-1200", "tm-20050101-0000/m"])
def test_the_time_of_a_file_is_that_of_its_own_name(folder: str, tmp_path: Path) -> None:
    files = {
        f"IntraTM-2005-01-01-{time}.xml": samples.TOTEM for time in ("00-00", "00-15", "01-00")
    }
    assert placed(tmp_path / folder, files, slot_s=900.0) == [0, 1, 4]


@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_the_name_of_an_archive_is_no_time(kind: str, tmp_path: Path) -> None:
    files = {
        f"2024-05-01-1200/IntraTM-2005-01-01-{time}.xml": samples.TOTEM
        for time in ("00-00", "00-15", "01-00")
    }
    data = (samples.zipped if kind == "zip" else samples.tarred)(files)
    found = read(tmp_path, data, f"tm-2005-01-01-0000.{kind}", slot_s=900.0)
    assert sorted({row[0] for row in rows(found)}) == [0, 1, 4]


def test_days_of_sndlib_keep_their_gaps(tmp_path: Path) -> None:
    text = samples.SNDLIB_XML.replace("5min", "1day")
    files = {f"d{day}.xml": samples.sndlib(text, f"200502{day}") for day in ("01", "02", "05")}
    assert placed(tmp_path / "dd", files) == [0, 1, 4]


def test_months_of_sndlib_are_slots(tmp_path: Path) -> None:
    text = samples.SNDLIB_XML.replace("5min", "1month")
    times = ("200411", "200412", "200503")
    files = {f"m{i}.xml": samples.sndlib(text, time) for i, time in enumerate(times)}
    assert placed(tmp_path / "mm", files) == [0, 1, 4]


def totem(date: str, minutes: str) -> str:
    info = f"<info><date>{date}</date><duration>{minutes}</duration>"
    return samples.TOTEM.replace("<info>", info)


def test_totem_may_say_its_time_and_duration(tmp_path: Path) -> None:
    times = ("2005-01-01T00:00:00", "2005-01-01T00:45:00")
    files = {f"{i}.xml": totem(time, "15") for i, time in enumerate(times)}
    assert placed(tmp_path / "t", files) == [0, 3]
    with pytest.raises(TrafficError, match="its slots are 900 s long"):
        placed(tmp_path / "t", files, slot_s=300.0)
    same = {f"2005-01-01-00{m}.xml": totem("2006-06-06T00:00:00", "15") for m in ("00", "15")}
    assert placed(tmp_path / "named", same) == [0, 1]


def test_names_without_times_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    files = {
        f"tm-{i}.demands": f"DEMANDS 1\nlabel src dest bw\nd 0 1 {i}\n" for i in (1, 2, 10, 11)
    }
    folder = tmp_path / "d"
    placed(folder, files)
    found = read_traffic(str(folder), TrafficSettings())
    assert [row[3] for row in rows(found)] == [1000, 2000, 10_000, 11_000]
    assert any("say no time each" in note for note in found.notes)


def test_an_amount_with_a_duration_is_shared_out_by_it(tmp_path: Path) -> None:
    found = read(tmp_path, FLOWS, columns=Columns(rate="bytes"), rate_unit="bytes", slot_s=300.0)
    # 3000 B at once fall into slot 3, whole
    assert rows(found) == [
        (0, "a", "b", pytest.approx(2000, rel=1e-12)),
        (1, "a", "b", pytest.approx(2000, rel=1e-12)),
        (2, "a", "b", pytest.approx(2000, rel=1e-12)),
        (3, "a", "b", pytest.approx(80, rel=1e-12)),
    ]
    assert (found.read, found.used) == (3, 3)


def test_rows_are_those_of_the_file(tmp_path: Path) -> None:
    text = HEAD + "0,90,a,a,5\n0,0,a,b,1000\n0,150,a,b,1000\n"
    found = read(tmp_path, text, rate_unit="bps", slot_s=60.0)
    assert (found.read, found.used) == (3, 1)
    assert [note for note in found.notes if "left out" in note] == [
        "1 row from a node to itself: no demand on the network, left out",
        "1 row of a request that stands for no time, left out",
    ]


def test_requests_that_begin_early_are_counted_once(tmp_path: Path) -> None:
    text = HEAD + "0,50,a,b,1\n0,150,a,b,1000\n"
    found = read(tmp_path, text, rate_unit="bps", slot_s=60.0, first_time="60")
    assert (found.read, found.used) == (2, 1)
    assert "1 row ahead of 60 s: left out" in found.notes
    assert "1 row begins ahead of 60 s: only what comes later is used" in found.notes


@pytest.mark.parametrize(
    "times",
    [
        ("20040301", "20040302", "20040304"),
        ("2004/03/01 00:00", "2004/3/2 00:00", "2004/03/04"),
        ("200403010000", "200403020000", "20040304000000"),
        ("1078099200000", "1078185600000", "1078358400000"),
    ],
)
def test_times_may_be_written_in_several_ways(times: tuple[str, ...], tmp_path: Path) -> None:
    text = "date,source,target,rate\n" + "".join(f"{time},a,b,1\n" for time in times)
    found = read(tmp_path, text, rate_unit="bps", slot_s=86400.0)
    assert [row[0] for row in rows(found)] == [0, 1, 3]
    assert found.start == "2004-03-01T00:00:00Z"
    late = read(tmp_path, text, rate_unit="bps", slot_s=86400.0, first_time="20040302")
    assert [row[0] for row in rows(late)] == [0, 2]


def test_eight_digits_among_seconds_are_seconds(tmp_path: Path) -> None:
    text = "time,source,target,rate\n0,a,b,1\n20040301,a,b,1\n"
    assert read(tmp_path, text, rate_unit="bps", slot_s=1.0).last_slot == 20040301


def test_milliseconds_beside_holding_times_are_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, HEAD + "1078099200000,60,a,b,1\n", rate_unit="bps", slot_s=60.0)
    assert "give both in seconds" in said
