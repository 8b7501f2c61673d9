"""Thousands of odd inputs of each format end in demand or in an error of ours, and in time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from qnetsim.errors import QnetsimError
from qnetsim.scenario.mean_table import read_means, read_weights
from qnetsim.traffic import Columns, TrafficSettings, read_traffic
from tests.fuzz.mutate import (
    Mutation,
    mutate_bytes,
    mutate_csv,
    mutate_json,
    mutate_lines,
    mutate_xml,
    several,
)
from tests.support import traffic as samples

#: Inputs of each format in the default tests, and in `make verify`.
SLICE = 25
LONG_SLICE = 1000


class Format(NamedTuple):
    content: bytes
    mutate: Mutation
    settings: Mapping[str, Any]


BPS = {"rate_unit": "bps", "slot_s": 300.0}
CSV = several(mutate_csv)
XML = several(mutate_xml, mutate_bytes)
TEXT = several(mutate_lines, mutate_bytes)
FORMATS = {
    "list": Format(samples.LIST.encode(), CSV, BPS),
    "times": Format(samples.TIMES.encode(), CSV, {**BPS, "columns": Columns(rate="bytes")}),
    "requests": Format(samples.REQUESTS.encode(), CSV, BPS),
    "untimed": Format(samples.UNTIMED.encode(), CSV, {**BPS, "untimed": 2}),
    "wide": Format(samples.WIDE.encode(), CSV, BPS),
    "square": Format(samples.SQUARE.encode(), CSV, {**BPS, "nodes": ("a", "b", "c")}),
    "x01": Format(samples.X01.encode(), TEXT, {**BPS, "nodes": ("a", "b", "c")}),
    "sndlib_xml": Format(samples.sndlib(samples.SNDLIB_XML).encode(), XML, {}),
    "sndlib_native": Format(samples.sndlib(samples.SNDLIB_NATIVE).encode(), TEXT, {}),
    "totem": Format(samples.TOTEM.encode(), XML, {"slot_s": 900.0}),
    "repetita": Format(samples.REPETITA.encode(), TEXT, {}),
    "net2plan": Format(samples.NET2PLAN.encode(), XML, BPS),
    "node_link": Format(samples.NODE_LINK.encode(), several(mutate_json), BPS),
    "zip": Format(
        samples.zipped(samples.dynamic(samples.SNDLIB_NATIVE, "txt")), several(mutate_bytes), {}
    ),
    "tgz": Format(
        samples.tarred(samples.dynamic(samples.SNDLIB_XML, "xml")), several(mutate_bytes), {}
    ),
}


def try_mutated(name: str, count: int, folder: Path) -> None:
    kind = FORMATS[name]
    path = folder / "input"
    read = 0
    for number in range(count):
        data = kind.mutate(Random(f"{name} {number}"), kind.content, kind.content)
        path.write_bytes(data)
        try:
            found = read_traffic(str(path), TrafficSettings(**kind.settings))
        except QnetsimError as error:
            assert str(error)
        else:
            read += 1
            assert len(found.flows.slots) == len(found.flows.rates) > 0
            assert (found.flows.slots >= 0).all()
            assert (found.flows.rates >= 0).all()
    path.write_bytes(kind.content)
    read_traffic(str(path), TrafficSettings(**kind.settings))


@pytest.mark.parametrize("name", FORMATS)
def test_odd_inputs_end_in_no_traceback(name: str, tmp_path: Path) -> None:
    try_mutated(name, SLICE, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_a_thousand_odd_inputs_end_in_no_traceback(name: str, tmp_path: Path) -> None:
    try_mutated(name, LONG_SLICE, tmp_path)


def odd_tables(count: int, folder: Path) -> None:
    path = folder / "table.csv"
    for text, reader in (
        ("source,target,mean,count,group\na,b,1.5,2,x\nb,c,2,,y\n", read_means),
        ("node,weight\na,1.5\nb,2\n", read_weights),
    ):
        for number in range(count):
            path.write_bytes(CSV(Random(f"{text} {number}"), text.encode(), text.encode()))
            try:
                assert reader(path)
            except ValueError as error:
                assert str(path) in str(error)


def test_odd_tables_end_in_no_traceback(tmp_path: Path) -> None:
    odd_tables(SLICE, tmp_path)


@pytest.mark.slow
def test_a_thousand_odd_tables_end_in_no_traceback(tmp_path: Path) -> None:
    odd_tables(LONG_SLICE, tmp_path)
