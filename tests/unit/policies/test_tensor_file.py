"""Weights that others made: one clear error, whatever stands in the file."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from qnetsim.errors import UsageError
from qnetsim.policies.learned.model_files import MODELS
from qnetsim.policies.learned.weights import FORMAT, read_weights

SPEC = {"history": 1, "observe": ["demand"], "decide_by": "fibre"}
SOUND = {
    "0.weight": np.zeros((1, 1, 4), np.float32),
    "0.bias": np.zeros((1, 1, 4), np.float32),
    "1.weight": np.zeros((1, 4, 4), np.float32),
    "1.bias": np.zeros((1, 1, 4), np.float32),
}


def about(**changes: Any) -> dict[str, str]:
    whole = {"format": FORMAT, "version": 1, "spec": SPEC, "card": {}, **changes}
    return {FORMAT: json.dumps(whole)}


def test_the_sound_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(save(SOUND, metadata=about()))
    assert read_weights(tmp_path / "w").policies == 1
    assert read_weights(MODELS / "fedsac-nsfnet.safetensors").policies


def raw(header: object, data: bytes = bytes(4)) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def one(dtype: str, shape: list[int]) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [0, 4]}


TWICE = b'{"a":%(x)s,"a":%(x)s}' % {b"x": json.dumps(one("F32", [1])).encode()}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234",
        struct.pack("<Q", 2**60) + b"{}",
        raw({"__metadata__": {FORMAT: {"a": {"b": 1}}}}),
        raw({"__metadata__": {FORMAT: "1" * 5000}, "a": one("F32", [1])}),
        raw({"__metadata__": {FORMAT: "[" * 10**5}, "a": one("F32", [1])}),
        raw({"a": one("BF16", [2])}),
        raw({"a": one("F8_E4M3", [4])}),
        raw({"a": one("F32", [2**62, 4])}),
        raw({"a": one("F32", [7])}),
        raw(b"[" * 10**5),
        raw(b"\xff\xfe\x00"),
        raw(TWICE),
        raw({"__metadata__": {}, "a": one("F32", [1])}),
    ],
)
def test_odd_headers_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(content)
    with pytest.raises(UsageError, match=r"/w: "):
        read_weights(tmp_path / "w")


@pytest.mark.parametrize(
    "changes",
    [
        {"spec": None},
        {"spec": []},
        {"spec": {**SPEC, "observe": "demand"}},
        {"spec": {**SPEC, "observe": [["demand"]]}},
        {"spec": {**SPEC, "observe": ["demand", "demand"]}},
        {"spec": {**SPEC, "observe": ["weather"]}},
        {"spec": {**SPEC, "history": -1}},
        {"spec": {**SPEC, "history": 10**12}},
        {"spec": {**SPEC, "history": True}},
        {"spec": {**SPEC, "decide_by": "moon"}},
        {"spec": {**SPEC, "most_wavelengths": float("nan")}},
        {"spec": {**SPEC, "most_channels": "7"}},
        {"spec": {**SPEC, "more": 1}},
        {"card": [1]},
        {"version": [1]},
        {"format": {}},
    ],
)
def test_odd_specs_are_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(save(SOUND, metadata=about(**changes)))
    with pytest.raises(UsageError, match=r"/w: "):
        read_weights(tmp_path / "w")


@pytest.mark.parametrize(
    "changes",
    [
        {"0.weight": np.zeros((1, 1, 4), np.float64)},
        {"0.weight": np.zeros((1, 1, 4), np.int32)},
        {"0.weight": np.zeros((), np.float32)},
        {"0.weight": np.zeros((0, 1, 4), np.float32)},
        {"0.bias": np.zeros((4,), np.float32)},
        {"1.weight": np.zeros((2, 4, 4), np.float32), "1.bias": np.zeros((2, 1, 4), np.float32)},
        {"1.weight": np.full((1, 4, 4), np.nan, np.float32)},
        {"1.weight": np.zeros((1, 3, 4), np.float32)},
        {"2.weight": np.zeros((1, 4, 4), np.float32)},
        {"more": np.zeros(1, np.float32)},
    ],
)
def test_odd_tensors_are_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(save(SOUND | changes, metadata=about()))
    with pytest.raises(UsageError, match=r"/w: is damaged"):
        read_weights(tmp_path / "w")
