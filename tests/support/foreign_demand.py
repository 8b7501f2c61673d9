"""Files of foreign demand, read as tests ask for them, and scenarios with such a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qnetsim.case import open_case
from qnetsim.errors import TrafficError
from qnetsim.scenario import Scenario
from qnetsim.traffic import Traffic, TrafficSettings, read_traffic

NET = "source,target,length_km\na,b,100\nb,c,200\n"


def read(folder: Path, content: str | bytes, name: str = "x.csv", **given: Any) -> Traffic:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_traffic(str(path), TrafficSettings(**given))


def rows(traffic: Traffic) -> list[tuple[int, str, str, float]]:
    flows = traffic.flows
    found = zip(flows.slots, flows.sources, flows.targets, flows.rates, strict=True)
    return [(int(s), traffic.names[a], traffic.names[b], float(r)) for s, a, b, r in found]


def refusal(folder: Path, content: str | bytes, name: str = "x.csv", **given: Any) -> str:
    with pytest.raises(TrafficError) as error:
        read(folder, content, name, **given)
    assert all(problem.startswith(str(folder)) for problem in error.value.problems) or (
        not given.get("of_recording")
    )
    return str(error.value)


def scenario(
    folder: Path, content: str | bytes, keys: str, *, run: str = "", name: str = "d.csv"
) -> Path:
    (folder / "net.csv").write_text(NET)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    path = folder / "s.toml"
    path.write_text(
        f'[run]\n{run}\n[network]\ntopology = "net.csv"\n[recording]\nfile = "{name}"\n{keys}\n'
    )
    return path


def levels(spec: Scenario, replication: int = 0) -> list[list[int]]:
    found: list[list[int]] = next(open_case(spec).realisation(replication).chunks()).levels.tolist()
    return found
