"""Demand at one time, in formats of others: SNDlib, TOTEM, Net2Plan, Repetita, node-link JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from qnetsim.errors import TopologyError, TrafficError
from qnetsim.network.formats.xml_tree import XmlElement, read_xml
from qnetsim.traffic.archives import own_name
from qnetsim.traffic.raw_rows import MULTICAST, Problems, name_problem, rate_of
from qnetsim.traffic.times import day_or_month, granularity_s, stamp_in, time_of
from qnetsim.traffic.traffic_settings import RATES

#: Units of SNDlib's META sections.
UNITS = {"BITPERSEC": "bps", "KBITPERSEC": "kbps", "MBITPERSEC": "Mbps", "GBITPERSEC": "Gbps"}
#: First line of the native text of SNDlib.
NATIVE = re.compile(r"\s*\?\s*SNDlib\s+native\s+format\s*;", re.IGNORECASE)
_SECTION = re.compile(r"([A-Z_]+)\s*\(\s*(\)?)")
_DEMAND = re.compile(r"(\S+)\s*\(\s*(\S+)\s+([^\s()]+)\s*\)\s*(\S+)\s+(\S+)(?:\s+(\S+))?")
_META = re.compile(r"(\w+)\s*=\s*(.*)")


@dataclass
class Snapshot:
    """The demand of one file.

    Attributes
    ----------
    kind : str
        What the file is, in words.
    demands : list of (str, str, float, str)
        Source, target, value and where it stands.
    time : int, optional
        In nanoseconds.
    month : int, optional
        Number of the month, where that is all that the file says.
    unit : str
        Empty where the file says none.
    slot_s : float
        Zero where the file says none.
    notes : list of str
    left : dict
        Rows that are left out, by what they are.
    """

    kind: str
    demands: list[tuple[str, str, float, str]] = field(default_factory=list)
    time: int | None = None
    month: int | None = None
    unit: str = ""
    slot_s: float = 0.0
    notes: list[str] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)

    def take_unit(self, text: str, place: str) -> None:
        """Take the unit that a file says, or note that it is not known."""
        self.unit = next((unit for unit in RATES if unit.lower() == text.strip().lower()), "")
        if text.strip() and not self.unit:
            self.notes.append(f"the unit {text[:40]!r} of {place} is not known")

    def add(self, ends: tuple[str, str], value: str, where: str, problems: Problems) -> None:
        """Add a demand, or note what is wrong with it."""
        rate = rate_of(value)
        wrong = name_problem(ends)
        if isinstance(rate, str) or wrong:
            problems.add(f"{where}: {wrong or rate}")
        else:
            self.demands.append((*ends, rate, where))


def read_snapshot(name: str, data: bytes) -> Snapshot | None:
    """Read the demand of one file; None where it is in none of these formats.

    Raises
    ------
    TrafficError
        Naming what is wrong.
    """
    start = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"<", b"\xff\xfe", b"\xfe\xff")):
        return _from_xml(name, data)
    if b"\0" in start:
        return None
    text = _decoded(name, data)
    if text.lstrip().startswith("{"):
        return _from_json(name, text)
    if NATIVE.match(text) or re.search(r"^\s*DEMANDS\s*\(", text, re.MULTILINE):
        return _from_native(name, text)
    if re.match(r"\s*DEMANDS\b[^\n]*\n\s*label\s+src\s+dest\s+bw\b", text):
        return _from_repetita(name, text)
    return None


def _decoded(name: str, data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TrafficError([f"{name}:{line}: is not UTF-8 text; save it as UTF-8"]) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _from_xml(name: str, data: bytes) -> Snapshot:
    try:
        root = read_xml(name, data)
    except TopologyError as error:
        raise TrafficError(error.problems) from None
    if root.tag == "IntraTM" or root.first("IntraTM") is not None:
        return _from_totem(name, root)
    demands = list(root.all("demand"))
    if demands and any("ingressNodeId" in demand.attributes for demand in demands):
        return _from_net2plan(name, root)
    if root.tag == "network" and root.first("demands") is not None:
        return _from_sndlib(name, root)
    raise TrafficError(
        [
            f"{name}: is XML without demand that is known; known are SNDlib (<demands>), TOTEM "
            "(<IntraTM>) and Net2Plan (<demand>)"
        ]
    )


def _from_sndlib(name: str, root: XmlElement) -> Snapshot:
    found = Snapshot("SNDlib XML")
    problems = Problems(name)
    meta = root.first("meta")
    if meta is not None:
        _take_meta(name, found, {child.tag: child.text.strip() for child in meta.children})
    for demand in root.all("demand"):
        where = f"{name}:{demand.line}"
        ends = tuple(demand.first_text(key) or "" for key in ("source", "target"))
        unit = demand.first_text("routingUnit") or "1"
        value = demand.first_text("demandValue") or ""
        found.add((ends[0], ends[1]), _times(unit, value), where, problems)
    problems.refuse()
    return found


def _times(unit: str, value: str) -> str:
    """Value of a demand in units of one; routing units of one are the rule."""
    if unit in {"1", "1.0", "1.00"}:
        return value
    try:
        return repr(float(unit) * float(value))
    except ValueError:
        return value


def _take_meta(name: str, found: Snapshot, meta: Mapping[str, str]) -> None:
    found.unit = UNITS.get(meta.get("unit", "").upper(), "")
    if meta.get("unit") and not found.unit:
        found.notes.append(f"the unit {meta['unit'][:40]!r} of META is not known")
    found.slot_s = granularity_s(meta.get("granularity", ""))
    if "time" in meta:
        found.time = stamp_in(meta["time"])
        if found.time is None:
            found.time, found.month = day_or_month(meta["time"])
        if found.time is None and found.month is None and re.search(r"\d{6}", meta["time"]):
            found.notes.append(f"the time {meta['time'][:40]!r} of META is not known")


def _from_native(name: str, text: str) -> Snapshot:
    found = Snapshot("SNDlib native text")
    problems = Problems(name)
    meta: dict[str, str] = {}
    section = ""
    nested = 0
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.partition("#")[0].strip()
        if not line or line.startswith("?"):
            continue
        opened = _SECTION.fullmatch(line)
        if not section and opened:
            section = "" if opened[2] else opened[1]
        elif line == ")":
            section = section if nested else ""
            nested = max(nested - 1, 0)
        elif section not in {"", "META", "DEMANDS"}:
            # other sections may hold lists of lists
            nested += line.count("(") > line.count(")")
        elif section == "META" and (entry := _META.fullmatch(line)):
            meta[entry[1]] = entry[2].strip()
        elif section == "DEMANDS":
            demand = _DEMAND.fullmatch(line)
            where = f"{name}:{number}"
            if demand is None:
                problems.add(
                    f"{where}: {line[:60]!r} is no demand; write 'ID ( SOURCE TARGET ) 1 VALUE "
                    "UNLIMITED'"
                )
            else:
                found.add((demand[2], demand[3]), _times(demand[4], demand[5]), where, problems)
        elif not section:
            problems.add(f"{name}:{number}: {line[:60]!r} stands in no section")
    problems.refuse()
    _take_meta(name, found, meta)
    return found


def _from_totem(name: str, root: XmlElement) -> Snapshot:
    found = Snapshot("TOTEM traffic matrix", time=stamp_in(own_name(name)))
    unit = next((e for e in root.all("unit") if e.attributes.get("type") == "bandwidth"), None)
    if unit is not None:
        found.take_unit(unit.attributes.get("value", ""), "<units>")
    problems = Problems(name)
    info = root.first("info")
    if info is not None:
        _take_info(found, info)
    for source in root.all("src"):
        for target in source.named("dst"):
            ends = (source.attributes.get("id", ""), target.attributes.get("id", ""))
            found.add(ends, target.text.strip(), f"{name}:{target.line}", problems)
    problems.refuse()
    return found


def _take_info(found: Snapshot, info: XmlElement) -> None:
    """Take what TOTEM says of a time: when it begins, and for how many minutes it stands."""
    date = (info.first_text("date") or "").strip()
    if date and found.time is None:
        time = time_of(date)
        day, found.month = day_or_month(date)
        found.time = time if isinstance(time, int) and not date.isdecimal() else day
        if found.time is None and found.month is None:
            found.notes.append(f"the date {date[:40]!r} of <info> is not known")
    duration = (info.first_text("duration") or "").strip()
    minutes = rate_of(duration)
    if isinstance(minutes, float) and 0 < minutes <= 10**6:
        found.slot_s = minutes * 60
    elif duration:
        found.notes.append(f"the duration {duration[:40]!r} of <info> is not known")


def _from_net2plan(name: str, root: XmlElement) -> Snapshot:
    found = Snapshot("Net2Plan design")
    problems = Problems(name)
    holders = [e for e in (root, *root.all("layer"), *root.all("demandSet")) if e.named("demand")]
    if len(holders) > 1:
        found.notes.append(f"has demand in {len(holders)} layers: that of the first is taken")
    holder = (holders or [root])[0]
    found.take_unit(holder.attributes.get("demandTrafficUnitsName", ""), "its layer")
    several = sum(1 for _ in holder.all("multicastDemand"))
    if several:
        found.left[MULTICAST] = several
    for demand in holder.all("demand"):
        given = demand.attributes
        ends = (given.get("ingressNodeId", ""), given.get("egressNodeId", ""))
        value = next((given[key] for key in given if key.startswith("offeredTraffic")), "")
        found.add(ends, value, f"{name}:{demand.line}", problems)
    problems.refuse()
    return found


def _from_repetita(name: str, text: str) -> Snapshot:
    found = Snapshot("Repetita demands", unit="kbps", time=stamp_in(own_name(name)))
    problems = Problems(name)
    for number, raw in enumerate(text.split("\n"), 1):
        cells = raw.split()
        where = f"{name}:{number}"
        if not cells or cells[0] == "DEMANDS" or cells == ["label", "src", "dest", "bw"]:
            continue
        if len(cells) != 4:
            problems.add(f"{where}: {raw[:60]!r} is no demand; write 'LABEL SOURCE TARGET RATE'")
        else:
            found.add((cells[1], cells[2]), cells[3], where, problems)
    problems.refuse()
    return found


def _from_json(name: str, text: str) -> Snapshot:
    try:
        data = json.loads(text, object_pairs_hook=_of_pairs)
    except TrafficError as error:
        raise TrafficError([f"{name}: {problem}" for problem in error.problems]) from None
    except json.JSONDecodeError as error:
        raise TrafficError([f"{name}:{error.lineno}: is not JSON: {error.msg}"]) from None
    except (ValueError, RecursionError):
        text = "is not usable JSON: too many digits or nested too deeply"
        raise TrafficError([f"{name}: {text}"]) from None
    return of_node_link(name, data)


def _of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, whose keys may stand there once only."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise TrafficError([f"has the key {twice[:40]!r} twice in one object; keep one"])
    return found


def of_node_link(name: str, data: Any) -> Snapshot:
    """Demand of a node-link graph, as topohub writes it: ``graph.demands[source][target]``.

    Raises
    ------
    TrafficError
        There is none, or a value is wrong.
    """
    graph = data.get("graph") if isinstance(data, dict) else None
    demands = graph.get("demands") if isinstance(graph, dict) else None
    if not isinstance(demands, dict) or not demands:
        raise TrafficError(
            [f"{name}: has no demand; give an object with graph.demands, by source and target"]
        )
    found = Snapshot("demands of a node-link graph")
    problems = Problems(name)
    for source, targets in demands.items():
        where = f"{name}: graph.demands.{str(source)[:40]}"
        if not isinstance(targets, dict):
            problems.add(f"{where}: give an object of rates by target")
            continue
        for target, value in targets.items():
            whole = isinstance(value, int | float) and not isinstance(value, bool)
            shown = repr(float(value)) if whole and abs(value) < 1e300 else str(value)[:40] or "''"
            found.add((str(source), str(target)), shown, f"{where}.{str(target)[:40]}", problems)
    problems.refuse()
    return found
