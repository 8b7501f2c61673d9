"""Mutations of inputs: of bytes, and of text formats by their structure.

A mutation takes a generator, an input and another one of the same kind, and returns a new input.
Nothing here knows what is valid; the aim is to be nearly so, and to go wrong in one place.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from random import Random
from typing import Any
from xml.etree import ElementTree

Mutation = Callable[[Random, bytes, bytes], bytes]

#: Longest input, in bytes; what grows beyond it is cut.
MOST_BYTES = 1 << 20
NUMBERS = (
    *("0", "1", "-1", "2", "3", "0.5", "1e-9", "1e9", "1e308", "1e-320", "1e400", "-0.0", "1_000"),
    *("nan", "inf", "-inf", "NaN", "Infinity", "32767", "32768", "65536", "2147483648"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "0x10", "1" * 5000),
)
TEXTS = (
    *("", " ", "a", "b", "c", "1", "ü", "\u202e", "é" * 40, "x" * 300, "\t", "a\nb", "\x1b[31m"),
    *("=1+1", "../..", "/", ".", "nsfnet", "usnet", "tiny.csv", "none", "true", "True", "null"),
    *("sip", "evf", "all", "uniform", "NUL", "\ufeff", "\x7f", "0", "-", "%s", "{}", "١٢"),
)
#: What is put into bytes as it is.
TOKENS = (
    *(b"\x00", b"\xff", b"\xc3\x28", b"\xef\xbb\xbf", b"\r", b"\n\n", b'"', b"'", b",", b"[", b"{"),
    *(b"\xed\xa0\x80", b"\x1a", b"#", b"=", b"<", b"]]>", b"&#0;", b"&x;", b"\\", b"\x7f" * 8),
)


def odd_json(rng: Random) -> object:
    """A JSON value of any type."""
    number = rng.choice(NUMBERS)
    return rng.choice(
        (
            None,
            True,
            rng.choice((0, 1, -1, 2**31, 2**63, -(2**63) - 1, 10**30)),
            float(number) if not number.startswith("0x") else 16.0,
            rng.choice(TEXTS),
            [],
            {},
            [[]],
            {"a": 1},
            [1, "x", None],
            [rng.choice(TEXTS)] * 3,
        )
    )


def mutate_bytes(rng: Random, data: bytes, other: bytes) -> bytes:
    """Flip, cut, double, move or splice bytes."""
    raw = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(raw) + 1)
        span = rng.choice((1, 2, 4, 8, 64, 512))
        kind = rng.randrange(8)
        if kind == 0 and raw:
            raw[at % len(raw)] ^= 1 << rng.randrange(8)
        elif kind == 1 and raw:
            raw[at % len(raw)] = rng.randrange(256)
        elif kind == 2:
            del raw[at : at + span]
        elif kind == 3:
            raw[at:at] = raw[at : at + span]
        elif kind == 4:
            raw[at:at] = rng.choice(TOKENS)
        elif kind == 5:
            number = rng.choice((0, 1, -1, 2**31 - 1, 2**62, -(2**63), rng.randrange(2**16)))
            raw[at : at + 8] = struct.pack("<q", number)
        elif kind == 6:
            start = rng.randrange(len(other) + 1)
            raw[at : at + span] = other[start : start + span]
        elif rng.random() < 0.3:
            del raw[at:]
    return bytes(raw[:MOST_BYTES])


def mutate_lines(rng: Random, data: bytes, other: bytes) -> bytes:
    """Drop, double, move and take over lines."""
    lines = data.splitlines(keepends=True) or [b"\n"]
    at = rng.randrange(len(lines))
    kind = rng.randrange(5)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(rng.randrange(len(lines) + 1), lines[at])
    elif kind == 2:
        lines.insert(rng.randrange(len(lines)), lines.pop(at))
    elif kind == 3:
        lines.insert(at, rng.choice(other.splitlines(keepends=True) or [b"\n"]))
    else:
        lines[at:at] = [lines[at]] * rng.choice((2, 50, 2000))
    return b"".join(lines)[:MOST_BYTES]


def _odd_toml(rng: Random) -> str:
    kind = rng.randrange(6)
    if kind == 0:
        return rng.choice(NUMBERS)
    if kind == 1:
        return json.dumps(rng.choice(TEXTS))
    if kind == 2:
        return json.dumps([rng.choice(TEXTS), rng.choice(TEXTS)])
    if kind == 3:
        return f"[[{rng.choice(NUMBERS)}, {rng.choice(NUMBERS)}], {rng.choice(NUMBERS)}]"
    if kind == 4:
        return rng.choice(("true", "{}", "{a = 1}", "1979-05-27", "07:32:00", "[]", "[[]]", '"""'))
    return rng.choice(("[" * 200 + "]" * 200, '"\\u0000"', '"\\ud800"', "''", "0.1", "-5", "100"))


@cache
def _scenario_keys() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Tables of a scenario with their keys."""
    from qnetsim.scenario import Scenario

    schema = Scenario.model_json_schema()
    found = []
    for name, field in schema["properties"].items():
        places = re.findall(r"#/\$defs/(\w+)", json.dumps(field))
        for place in places:
            found.append((name, tuple(schema["$defs"][place].get("properties", ()))))
    return tuple((name, keys) for name, keys in found if keys)


def mutate_toml(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change keys and values, add keys that a scenario may have."""
    if rng.random() < 0.15:
        return mutate_lines(rng, data, other)
    lines = data.decode("utf-8", "surrogateescape").splitlines()
    pairs = [i for i, line in enumerate(lines) if re.match(r"\s*[\w\"-]+\s*=", line)]
    table, keys = rng.choice(_scenario_keys())
    key = rng.choice(keys)
    if pairs and rng.random() < 0.5:
        at = rng.choice(pairs)
        name, _, value = lines[at].partition("=")
        if rng.random() < 0.8:
            value = " " + _odd_toml(rng)
        else:
            name = rng.choice((key, '""', "a.b", name.upper(), "ü", name + "."))
        lines[at] = f"{name}={value}"
    else:
        headers = [i for i, line in enumerate(lines) if line.strip() == f"[{table}]"]
        if headers:
            lines.insert(headers[0] + 1, f"{key} = {_odd_toml(rng)}")
        else:
            head = f"[{table}]" if rng.random() < 0.7 else f"[[{table}]]"
            lines += [
                head,
                *(f"{k} = {_odd_toml(rng)}" for k in rng.sample(keys, min(2, len(keys)))),
            ]
    return "\n".join(lines).encode("utf-8", "surrogateescape")[:MOST_BYTES]


def mutate_csv(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change cells and rows."""
    if rng.random() < 0.25:
        return mutate_lines(rng, data, other)
    rows = [line.split(",") for line in data.decode("utf-8", "surrogateescape").split("\n")]
    row = rng.choice(rows)
    at = rng.randrange(len(row))
    kind = rng.randrange(7)
    if kind < 3:
        row[at] = rng.choice(rng.choice((NUMBERS, TEXTS)))
    elif kind == 3:
        row[at] = rng.choice(rng.choice(rows))
    elif kind == 4:
        del row[at]
    elif kind == 5:
        row.insert(at, rng.choice(("", '"', "x" * 140_000, '"a\nb"', "\0")))
    else:
        return rng.choice((b"\n", b"\r", b"\r\n")).join(data.split(b"\n"))[::1]
    text = "\n".join(",".join(row) for row in rows)
    return text.encode("utf-8", "surrogatepass")[:MOST_BYTES]


def change_json(rng: Random, value: Any, depth: int = 0) -> Any:
    """A JSON value that differs in one place; text that is JSON itself is changed within."""
    if isinstance(value, str) and value[:1] in {"{", "["} and rng.random() < 0.9:
        try:
            return json.dumps(change_json(rng, json.loads(value)))
        except ValueError:
            return odd_json(rng)
    if not isinstance(value, dict | list) or not value or rng.random() < 0.05 * (depth > 0):
        return odd_json(rng)
    changed: Any = dict(value) if isinstance(value, dict) else list(value)
    key = rng.choice(list(changed)) if isinstance(changed, dict) else rng.randrange(len(changed))
    kind = rng.randrange(8)
    if kind == 0:
        del changed[key]
    elif kind == 1 and isinstance(changed, dict):
        changed[rng.choice(TEXTS)] = changed.pop(key)
    elif kind == 1:
        changed.insert(key, changed[key])
    elif kind == 2:
        changed[key] = odd_json(rng)
    else:
        changed[key] = change_json(rng, changed[key], depth + 1)
    return changed


def mutate_json(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change one place of a JSON document."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return mutate_bytes(rng, data, other)
    if rng.random() < 0.03:
        return b"[" * 100_000
    try:
        return json.dumps(change_json(rng, value)).encode()[:MOST_BYTES]
    except (ValueError, RecursionError):  # an integer too long to be written
        return mutate_bytes(rng, data, other)


_ENTITIES = b"""<?xml version="1.0"?><!DOCTYPE g [<!ENTITY a "aaaaaaaaaaaaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e SYSTEM "file:///etc/hostname">]>"""


def mutate_xml(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change tags, attributes, texts and the order of elements; add entities."""
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError):
        return mutate_bytes(rng, data, other)
    parent = rng.choice([e for e in root.iter() if len(e)] or [root])
    element = rng.choice(list(root.iter()))
    kind = rng.randrange(8)
    text = rng.choice(rng.choice((NUMBERS, TEXTS)))
    if kind == 0 and len(parent):
        parent.remove(rng.choice(list(parent)))
    elif kind == 1:
        parent.append(deepcopy(element))
    elif kind == 2 and element.attrib:
        element.attrib[rng.choice(list(element.attrib))] = text
    elif kind == 3 and element.attrib:
        element.attrib.pop(rng.choice(list(element.attrib)))
    elif kind == 4:
        element.text = text
    elif kind == 5:
        element.tag = rng.choice([e.tag for e in root.iter()])
    elif kind == 6:
        names = ("attr.type", "for", "edgedefault", "id", "source", "target", "key", "yfiles.type")
        element.attrib[rng.choice(names)] = rng.choice(
            ("int", "boolean", "edge", "node", "all", "undirected", "directed", "port", text)
        )
    else:
        body = data[data.index(b"?>") + 2 :] if b"?>" in data else data
        return _ENTITIES + body.replace(b">a<", b">&d;<").replace(b'"a"', b'"&e;"')
    try:
        return ElementTree.tostring(root)[:MOST_BYTES]
    except ValueError:  # a name or text that cannot be written
        return mutate_bytes(rng, data, other)


def mutate_gml(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change words of a GML text."""
    if rng.random() < 0.2:
        return mutate_lines(rng, data, other)
    words = re.split(r"(\s+)", data.decode("utf-8", "surrogateescape"))
    at = rng.randrange(len(words))
    words[at] = rng.choice(
        (
            rng.choice(NUMBERS),
            f'"{rng.choice(TEXTS)}"',
            "[",
            "]",
            "",
            "multigraph 1",
            "directed 1",
            "label",
            "id",
            "source",
            "edge [ source 0 target 1 ]",
            '"&#0;"',
            '"&lt;"',
            "_networkx_list_start",
        )
    )
    return "".join(words).encode("utf-8", "surrogateescape")[:MOST_BYTES]


def mutate_safetensors(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change the header, its length, or the values."""
    if len(data) < 8:
        return mutate_bytes(rng, data, other)
    size = struct.unpack("<Q", data[:8])[0]
    header, body = data[8 : 8 + size], data[8 + size :]
    kind = rng.randrange(10)
    if kind == 0:
        size = rng.choice((0, 1, size - 1, size + 1, 2**31, 2**63, 2**64 - 1))
        return struct.pack("<Q", size % 2**64) + header + body
    if kind == 1:
        at = 4 * rng.randrange(len(body) // 4 + 1)
        number = rng.choice((float("nan"), float("inf"), 3e38, -3e38, 1e-45, 0.0))
        return data[: 8 + size] + body[:at] + struct.pack("<f", number) + body[at + 4 :]
    if kind == 2:
        return mutate_bytes(rng, data, other)
    changed = mutate_json(rng, header, other)
    return struct.pack("<Q", len(changed)) + changed + body


def several(*mutations: Mutation) -> Mutation:
    """One to three of these mutations after each other, now and then bytes too."""

    def mutated(rng: Random, data: bytes, other: bytes) -> bytes:
        for _ in range(rng.choice((1, 1, 2, 3))):
            data = rng.choice(mutations)(rng, data, other)
        return mutate_bytes(rng, data, other) if rng.random() < 0.08 else data

    return mutated
