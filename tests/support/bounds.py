"""What no way of running and writing can avoid: bare library calls over the bytes of a run."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, Self
from unittest.mock import patch

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.case import Case, open_case
from qnetsim.optimize import Plan
from qnetsim.plans.make import make_plan
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, parse_scenario
from qnetsim.trace.hdf5 import packing

#: Rounds of each call; the least time counts.
ROUNDS = 3


class Bounds(NamedTuple):
    """CPU seconds of a run with its trace, and of bare calls over its bytes.

    Attributes
    ----------
    run : float
    hash : float
        SHA-256 of every piece that the run hashes, the world's digest included.
    deflate : float
        Deflate of every piece that the run deflates, by the library and level that it uses.
    copy : float
        All hashed bytes copied once: the memory bandwidth.
    write : float
        The file's bytes written by one system call.
    loop : float
        The loop of ``tests/support/bare.py`` over the run's requests.
    """

    run: float
    hash: float
    deflate: float
    copy: float
    write: float
    loop: float

    @classmethod
    def of_run(cls, text: str, policy: str, slots: int) -> Self:
        """Measure a run of a scenario's text in so many slots."""
        scenario = parse_scenario(text)
        run = scenario.run.model_copy(update={"slots": slots})
        case = open_case(scenario.model_copy(update={"run": run}))
        table = PolicyTable(name=policy)
        plan = make_plan(case, table)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "t.h5"

            def whole() -> None:
                simulate(case, table, path, plan=plan, kernel="numba", force=True)

            hashed, deflated = recorded(whole)
            bytes_of_file = path.read_bytes()
            joined = np.frombuffer(b"".join(hashed), np.uint8)
            target = np.zeros_like(joined)

            def hash_all() -> None:
                for piece in hashed:
                    hashlib.sha256(piece)

            def deflate_all() -> None:
                stream = packing.library.compressobj(1, 8, -15)
                for piece in deflated:
                    stream.compress(piece)
                    stream.flush(packing.library.Z_FULL_FLUSH)

            def write_all() -> None:
                with (Path(folder) / "bare").open("wb", buffering=0) as file:
                    file.write(bytes_of_file)

            return cls(
                run=least(whole),
                hash=least(hash_all),
                deflate=least(deflate_all),
                copy=least(lambda: np.copyto(target, joined)),
                write=least(write_all),
                loop=least(BareLoop(case, plan).walk),
            )

    @property
    def total(self) -> float:
        """CPU seconds of what no trace of this run can do without."""
        return self.hash + self.deflate + self.copy + self.write

    def told(self, count: int, scale: float, unit: str) -> str:
        """What is measured, for each of so many."""
        parts = {
            "run": self.run,
            "SHA-256": self.hash,
            "deflate": self.deflate,
            "one copy": self.copy,
            "write": self.write,
            "these four": self.total,
            "bare loop": self.loop,
        }
        return ", ".join(
            f"{name} {spent / count * scale:.3g} {unit}" for name, spent in parts.items()
        )


class BareLoop:
    """The bare loop over the requests of a case.

    Parameters
    ----------
    case : Case
    plan : Plan
    """

    def __init__(self, case: Case, plan: Plan) -> None:
        from tests.support import bare

        self._serve = bare.serve
        network = case.network
        need = network.request_bits(case.forecast.level_count, "channel")
        routes = plan.routes
        ends = np.cumsum([0, *(len(route.fibres) for route in routes.routes)])
        fibres = np.concatenate([np.array(route.fibres, np.int64) for route in routes.routes])
        chunks = case.realisation(0).chunks()
        levels = np.concatenate([chunk.levels for chunk in chunks])
        self._levels = levels[:, case.forecast.group].astype(np.int64)
        self._ways = (routes.choice.astype(np.int64), ends, fibres, need)
        reserved = plan.qkd_channels * network.channel_bits
        self._bits = reserved, network.channel_bits.copy()
        self._shape = len(levels), network.fibres
        self.walk()

    def walk(self) -> IntArray:
        """Go through all slots; returns the channels that are lit on demand."""
        asked, count, lit = (np.zeros(self._shape, dtype=np.int64) for _ in range(3))
        self._serve(self._levels, *self._ways, *self._bits, asked, count, lit)
        return lit


def least(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Least CPU seconds of some rounds."""
    found = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        work()
        found = min(found, time.process_time() - started)
    return found


def recorded(work: Callable[[], object]) -> tuple[list[bytes], list[bytes]]:
    """Pieces that are hashed and deflated meanwhile."""
    hashed: list[bytes] = []
    deflated: list[bytes] = []
    honest, library = hashlib.sha256, packing.library

    class Hash:
        def __init__(self, data: Any = b"") -> None:
            self._hash = honest()
            self.update(data)

        def update(self, data: Any) -> None:
            hashed.append(bytes(data))
            self._hash.update(data)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._hash, name)

    class Stream:
        def __init__(self, *settings: int) -> None:
            self._stream = library.compressobj(*settings)

        def compress(self, data: Any) -> bytes:
            deflated.append(bytes(data))
            return self._stream.compress(data)

        def flush(self, mode: int) -> bytes:
            return self._stream.flush(mode)

    recording = SimpleNamespace(
        compressobj=Stream,
        compress=library.compress,
        adler32=library.adler32,
        Z_FULL_FLUSH=library.Z_FULL_FLUSH,
    )
    with patch.object(hashlib, "sha256", Hash), patch.object(packing, "library", recording):
        work()
    return hashed, deflated
