"""Run the worlds of a family and hold what is measured against theory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import stats

from qnetsim.case import open_case
from qnetsim.compiling import have_numba
from qnetsim.policies.registry import make_policy
from qnetsim.scenario import parse_scenario
from tests.support.helpers import Result, run
from tests.support.oracles.family import WARM_UP, Family, Oracle

#: Independent worlds of each family.
WORLDS = 20
#: Two-sided level of one verdict. All are held at once, so that each is strict.
LEVEL = 0.999
BASE: dict[str, dict[str, object]] = {
    "run": {"slot_s": 1.0, "replications": WORLDS},
    "network": {"span_km": 200.0, "key_rate_bps": 1000.0},
    "demand": {},
    "key_management": {"granularity": '"bit"'},
}


@dataclass(frozen=True)
class Verdict:
    """An oracle beside what was measured.

    Attributes
    ----------
    oracle : Oracle
    measured : float
        Mean over the worlds.
    half_95 : float
        Half of its 95 % interval (t).
    z : float
        Distance from theory in standard errors.
    """

    oracle: Oracle
    measured: float
    half_95: float
    z: float

    @property
    def agrees(self) -> bool:
        """Whether theory lies in the interval of ``LEVEL``."""
        return abs(self.z) <= float(stats.t.ppf((1 + LEVEL) / 2, WORLDS - 1))


def scenario_text(family: Family, topology: Path) -> str:
    """The family's scenario as a file."""
    tables = {name: dict(keys) for name, keys in BASE.items()}
    for name, keys in family.tables.items():
        tables.setdefault(name, {}).update(keys)
    tables["run"]["slots"] = WARM_UP + family.slots
    # worlds of their own, so that verdicts do not share their luck
    tables["run"]["seed"] = zlib.crc32(family.scenario.encode())
    tables["network"]["topology"] = f"'{topology}'"
    tables["demand"]["pairs"] = family.pairs
    return "\n".join(
        line
        for name, keys in tables.items()
        for line in (f"[{name}]", *(f"{key} = {value}" for key, value in keys.items()))
    )


def after_warm_up(result: Result) -> Result:
    """The same without the slots in which stores and queues fill."""
    columns = {name: values[WARM_UP:] for name, values in result.columns.items()}
    return replace(result, columns=columns, levels=result.levels[WARM_UP:])


def verdicts(family: Family, folder: Path) -> Iterator[Verdict]:
    """Measure a family in ``WORLDS`` worlds."""
    topology = folder / "fibres.csv"
    topology.write_text(f"source,target,length_km\n{family.fibres}\n")
    case = open_case(parse_scenario(scenario_text(family, topology)))
    # ten worlds repay a compilation that one of them would not
    kernel = "numba" if have_numba() else "auto"
    worlds = []
    for replication in range(WORLDS):
        result = run(case, make_policy("level", {"level": 1}), replication, kernel=kernel)
        worlds.append(family.measure(after_warm_up(result)))
    for oracle in family.oracles:
        values = np.array([world[oracle.id] for world in worlds])
        error = float(values.std(ddof=1)) / np.sqrt(WORLDS)
        off = float(values.mean()) - oracle.theory
        yield Verdict(
            oracle,
            float(values.mean()),
            float(stats.t.ppf(0.975, WORLDS - 1)) * error,
            off / error if error else (0.0 if abs(off) < 1e-12 else np.inf),
        )
