"""No file that a command writes says where on the machine its inputs were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from qnetsim.cli import _run
from qnetsim.trace import open_trace

#: The folder of all inputs, and what must stand in no output.
ODD = "Zx9-alices-folder"

TEXT = """
[run]
slots = 6
replications = 1
[network]
topology = {topology!r}
key_rate = "table"
rate_table = {rates!r}
rate_table_pulse_rate_hz = 1e9
[demand]
requests = 4
levels = 3
[learning]
epochs = 2
slots_per_epoch = 4
updates_per_epoch = 2
batch = 4
hidden_units = 8
"""
POLICY = """
[[policy]]
name = "fedsac"
label = "learned"
model = {weights!r}
[[policy]]
name = "sip"
"""


def inputs(folder: Path) -> dict[str, Path]:
    """Topology, key rates, demand and scenarios, all given with absolute paths."""
    folder.mkdir()
    names = ("topology.csv", "rates.csv", "demand.csv", "bare.toml", "full.toml", "w.safetensors")
    there = {name: (folder / name).resolve() for name in names}
    there["topology.csv"].write_text("source,target,length_km\na,b,60\nb,c,70\na,c,90\n")
    there["rates.csv"].write_text("distance_km,rate_bps\n1,90000\n50,50000\n200,100\n")
    rows = [f"{slot},a,c,{300 * (1 + slot % 3)}" for slot in range(6)]
    there["demand.csv"].write_text("\n".join(["slot,source,target,rate", *rows]) + "\n")
    text = TEXT.format(topology=str(there["topology.csv"]), rates=str(there["rates.csv"]))
    there["bare.toml"].write_text(text)
    there["full.toml"].write_text(text + POLICY.format(weights=str(there["w.safetensors"])))
    return there


def texts(path: Path) -> Iterator[str]:
    """Every name, attribute and text of an HDF5 file."""
    found: list[str] = []

    def visit(name: str, item: Any) -> None:
        found.append(name)
        found.extend(f"{key}={np.asarray(value).tolist()}" for key, value in item.attrs.items())
        if isinstance(item, h5py.Dataset) and h5py.check_string_dtype(item.dtype):
            found.extend(map(str, np.ravel(item.asstr()[...]).tolist()))

    with h5py.File(path) as file:
        visit("/", file)
        file.visititems(visit)
    yield from found


def telling(folder: Path) -> list[str]:
    """Files below a folder that name the odd one, in their bytes or in their texts."""
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        if ODD in path.name or ODD.encode() in data or ODD.encode("utf-16-le") in data:
            found.append(f"{path.name}: in its bytes")
        elif h5py.is_hdf5(path):
            found += [f"{path.name}: {text[:80]}" for text in texts(path) if ODD in text]
    return found


def test_no_output_tells_where_the_inputs_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = inputs(tmp_path / ODD)
    weights = there["w.safetensors"]
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.chdir(out)

    def call(*arguments: object, code: int = 0) -> str:
        assert _run(list(map(str, arguments))) == code, (arguments, capsys.readouterr())
        return capsys.readouterr().out

    call("train", there["bare.toml"], "-p", "fedsac", "-o", weights)
    for suffix in (".safetensors", ".md", ".h5"):
        written = weights.with_suffix(suffix)
        assert ODD.encode() not in written.read_bytes(), suffix
    full = there["full.toml"]
    learned = f"fedsac:model={weights}"
    call("run", full, "-p", learned, "-o", "given.h5")
    call("run", there["bare.toml"], "-p", learned)
    call("run", full, "-p", "learned", "-o", "named.h5")
    call("plan", full, "-p", "sip", "-o", "plan.h5")
    call("run", full, "--plan", "plan.h5", "-o", "planned.h5")
    call("compare", full, "-o", "compared")
    call("report", "given.h5", "planned.h5", "-o", "report")
    call("demand", full, "-o", "world.h5")
    call("demand", full, "-o", "world.csv")
    recorded = ("--scenario", full, "--rate-unit", "bps", "--slot-s", "1.0")
    call("replay", there["demand.csv"], "-p", "evf", "-o", "recorded.h5", *recorded)
    # weights that lie elsewhere: the error says where they are looked for
    assert _run(["replay", "given.h5", "-o", "again.h5"]) == 2
    assert "put it beside the trace or into the current folder" in capsys.readouterr().err
    call("verify", "given.h5", "--topology", there["topology.csv"], code=4)
    checked = ("verify", "given.h5", "--topology", there["topology.csv"])
    call(*checked, "--weights", weights)
    assert (
        "no such file"
        in (_run([*map(str, checked), "--weights", "none"]), capsys.readouterr())[1].err
    )
    # beside the trace they are found, by their name and SHA-256
    copied = out / weights.name
    copied.write_bytes(weights.read_bytes())
    call(*checked)
    call("replay", "given.h5", "-o", "again.h5")
    call("replay", "given.h5", "-p", "evf", "--from-slot", 3, "-o", "departed.h5")
    call("verify", "departed.h5", "--topology", there["topology.csv"])
    call("compare", "world.h5", "-o", "in-world", "--no-report")
    copied.write_bytes(b"other weights")
    assert _run(["replay", "given.h5", "-o", "never.h5"]) == 2
    assert "is not the file of weights of the trace" in capsys.readouterr().err
    with open_trace("given.h5") as trace:
        policy = trace.provenance["policy"]
        assert policy["options"]["model"] == "w.safetensors"
        assert len(policy["weights_sha256"]) == 64
        assert trace.provenance["scenario"]["network"]["topology"] == "topology.csv"
    (out / "rates.json").write_text(call("rates", full, "--json"))
    assert telling(out) == []
    assert telling(tmp_path / ODD) == ["bare.toml: in its bytes", "full.toml: in its bytes"]
