"""Demand in the formats of others: bad cells are named, damage and bombs are refused."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from qnetsim.errors import TrafficError
from qnetsim.traffic import TrafficSettings, archives, read_traffic
from tests.support import traffic as samples


def refusal(folder: Path, content: str | bytes, name: str = "x.csv", **given: Any) -> list[str]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(TrafficError) as error:
        read_traffic(str(path), TrafficSettings(**{"rate_unit": "bps", **given}))
    return [problem.replace(f"{folder}/", "") for problem in error.value.problems]


HEAD = "slot,source,target,rate\n0,a,b,1\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "x,a,b,1\n", "x.csv:3, column 'slot': 'x' is not a slot; give an integer"),
        (HEAD + "0.5,a,b,1\n", "x.csv:3, column 'slot': '0.5' is not a slot"),
        (HEAD + "1,a,b,many\n", "x.csv:3, column 'rate': 'many' is not a rate"),
        (HEAD + "1,a,b,-1\n", "x.csv:3, column 'rate': '-1' is not a rate"),
        (HEAD + "1,a,b,1_000\n", "x.csv:3, column 'rate': '1_000' is not a rate"),
        (HEAD + "1,a,b,\n", "x.csv:3, column 'rate': '' is not a rate"),
        (HEAD + "1,,b,1\n", "x.csv:3: a node has no name"),
        (HEAD + "1,a,b\n", "x.csv:3: has 3 cells; give 4"),
        ("a_b,b_c\n1,2\n1,nan\n", "x.csv:3, column 'b_c': 'nan' is not a rate"),
        ("time,source,target,rate\nnoon,a,b,1\n", "x.csv:2, column 'time': 'noon' is not a time"),
        (
            "time,source,target,rate\n17000000000000000,a,b,1\n",
            "x.csv:2, column 'time': '17000000000000000' is not a time; give seconds up to",
        ),
        (
            "slot,source,rate\n0,a,1\n",
            "x.csv:1: the header is 'slot,source,rate', without a column",
        ),
        (HEAD.replace("b", "a"), "x.csv: has no demand between two nodes"),
        ("1,2\n3\n", "x.csv:2: has not 2 numbers, as the first row"),
        (
            "arrival,holding,source,target,rate\n0,-1,a,b,1\n",
            "x.csv:2: its holding time is negative",
        ),
        (
            "arrival,holding,source,target,rate\n0,9000000000,a,b,1\n",
            "x.csv:2: its request touches too many slots",
        ),
        (
            "holding,source,target,rate\n0,a,b,1\n",
            "x.csv:1: has holding times; give column arrival=NAME",
        ),
    ],
)
def test_bad_cells_are_named(text: str, said: str, tmp_path: Path) -> None:
    (problem,) = refusal(tmp_path, text, slot_s=1.0, nodes=())
    assert problem.startswith(said)


def test_many_problems_are_cut_short(tmp_path: Path) -> None:
    found = refusal(tmp_path, "slot,source,target,rate\n" + "0,a,b,x\n" * 30)
    assert len(found) == 21
    assert found[-1] == "x.csv: and 10 bad cells more"


def test_values_of_other_formats_are_named_by_line(tmp_path: Path) -> None:
    native = samples.sndlib(samples.SNDLIB_NATIVE).replace("1.25", "x")
    assert refusal(tmp_path, native, "net.txt")[0].startswith("net.txt:17: 'x' is not a rate")
    xml = samples.sndlib(samples.SNDLIB_XML).replace("1.25", "-3")
    assert refusal(tmp_path, xml, "net.xml")[0].startswith("net.xml:10: '-3' is not a rate")
    assert refusal(tmp_path, "<graph/>", "net.xml")[0].startswith("net.xml: is XML without demand")
    assert (
        "is no demand; write 'LABEL"
        in refusal(tmp_path, samples.REPETITA + "a b\n", "x.demands")[0]
    )
    assert (
        "graph.demands.0.1: 'many' is not a rate"
        in refusal(tmp_path, samples.NODE_LINK.replace("195.0", '"many"'), "x.json")[0]
    )


def test_document_types_and_entities_are_refused(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + samples.sndlib(
        samples.SNDLIB_XML
    ).partition("?>")[2].replace("2.5", "&b;")
    assert "has a document type" in refusal(tmp_path, bomb, "net.xml")[0]


def test_an_archive_is_never_unpacked_beside_itself(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    text = samples.sndlib(samples.SNDLIB_NATIVE)
    (inside / "a.zip").write_bytes(samples.zipped({"../../out.txt": text}))
    (inside / "a.tgz").write_bytes(samples.tarred({"/tmp/out-of-it.txt": text}))
    for name in ("a.zip", "a.tgz"):
        assert read_traffic(str(inside / name), TrafficSettings()).used == 2
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.tgz", "a.zip", "in"]
    assert not Path("/tmp/out-of-it.txt").exists()


def test_links_in_an_archive_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text(samples.sndlib(samples.SNDLIB_NATIVE))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("x.txt")
        member.type = tarfile.SYMTYPE
        member.linkname = str(tmp_path / "secret.txt")
        archive.addfile(member)
    assert refusal(tmp_path, out.getvalue(), "x.tar") == ["x.tar: holds no file"]


@pytest.mark.parametrize("kind", ["zip", "tgz", "gz"])
def test_bombs_are_refused(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_FILE_BYTES", 10_000)
    monkeypatch.setattr(archives, "MOST_BYTES", 50_000)
    long = {"a.txt": "0" * 20_000}
    data = {
        "zip": samples.zipped(long),
        "tgz": samples.tarred(long),
        "gz": gzip.compress(b"0" * 20_000),
    }[kind]
    (problem,) = refusal(tmp_path, data, f"x.{kind}")
    assert "is too long unpacked" in problem
    many = {f"{i}.txt": samples.sndlib(samples.SNDLIB_NATIVE) + "#" * 9000 for i in range(9)}
    data = samples.tarred(many) if kind == "tgz" else samples.zipped(many)
    (problem,) = refusal(tmp_path, data, "many")
    assert "unpacked" in problem
    monkeypatch.setattr(archives, "MOST_FILES", 3)
    monkeypatch.setattr(archives, "MOST_BYTES", 5_000_000)
    assert "more than 3 files" in refusal(tmp_path, data, "many")[0]


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    files = samples.dynamic(samples.SNDLIB_NATIVE, "txt")
    for data in (samples.zipped(files), samples.tarred(files)):
        assert "is damaged, or no archive" in refusal(tmp_path, data[: len(data) // 2])[0]
    locked = io.BytesIO()
    with zipfile.ZipFile(locked, "w") as archive:
        archive.writestr("a.txt", "x")
    data = bytearray(locked.getvalue())
    for place in (data.index(b"PK\x03\x04") + 6, data.index(b"PK\x01\x02") + 8):
        data[place] |= 1
    assert "encrypted" in refusal(tmp_path, bytes(data))[0]


def test_files_of_an_archive_must_agree(tmp_path: Path) -> None:
    files = samples.dynamic(samples.SNDLIB_NATIVE, "txt")
    name = next(iter(files))
    other = dict(files, **{name: files[name].replace("MBITPERSEC", "GBITPERSEC")})
    assert "differ in their unit" in refusal(tmp_path, samples.zipped(other))[0]
    twice = dict(files, again=files[name])
    assert "several files of one time" in refusal(tmp_path, samples.zipped(twice))[0]
    untimed = dict(files, **{name: files[name].replace("20040301-0000", "")})
    assert "says no time, and others do" in refusal(tmp_path, samples.zipped(untimed))[0]
    lists = {"a.csv": samples.LIST, "b.csv": samples.LIST}
    assert (
        "several files that are no demand of one time"
        in refusal(tmp_path, samples.zipped(lists))[0]
    )


def test_missing_files_and_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(TrafficError, match="no such file of demand"):
        read_traffic(str(tmp_path / "gone.csv"), TrafficSettings())
    with pytest.raises(TrafficError, match="holds no file"):
        read_traffic(str(tmp_path), TrafficSettings())
