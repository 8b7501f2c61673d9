"""What is fuzzed: every reader of files, every command, and commands on damaged files.

A reader takes any bytes and returns, or raises a :class:`QnetsimError`. A command takes any
arguments and ends with a documented status.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from tests.fuzz.command_lines import command_line, mutate_arguments, names
from tests.fuzz.hdf5_mutations import fit_curve, fit_plan, hdf5_mutation
from tests.fuzz.mutate import (
    Mutation,
    mutate_bytes,
    mutate_csv,
    mutate_gml,
    mutate_json,
    mutate_lines,
    mutate_safetensors,
    mutate_toml,
    mutate_xml,
    several,
)
from tests.fuzz.seeds import Home
from tests.support import ROOT

#: Statuses that `qnetsim.cli.exit_status` and the README document.
STATUSES = {0, 2, 3, 4, 130}


class StatusError(Exception):
    """A command ended with a status that is not documented."""


class Stopped(Exception):
    """A command was asked to stop, and did."""


class Refused(Exception):
    """A command refused its input."""


@dataclass(frozen=True)
class Target:
    """One reader or command.

    Attributes
    ----------
    name : str
    suffix : str
        Of its files.
    mutate : callable
    read : callable
        From a path and the home to anything; raises ``QnetsimError`` where it refuses.
    made : tuple of str
        Files of the home, or of the repository, that are valid inputs; those in the corpus are
        added.
    stops : bool
        Whether it may take as long as its input asks for, and stops when it is interrupted.
    limit_s : float
        CPU time after which an input is taken for a hang, or is interrupted.
    """

    name: str
    suffix: str
    mutate: Mutation
    read: Callable[[Path, Home], object]
    made: tuple[str, ...] = ()
    stops: bool = False
    limit_s: float = 5.0


def _scenario(path: Path, home: Home) -> None:
    from qnetsim.case import load

    shutil.copy(home / "tiny.csv", path.parent)
    load(path)


def _topology(path: Path, home: Home) -> None:
    from qnetsim.network import read_topology

    read_topology(str(path)).digest()


def _placed_topology(path: Path, home: Home) -> None:
    """With lengths from coordinates where there are none."""
    from qnetsim.errors import TopologyError
    from qnetsim.network import read_topology
    from qnetsim.scenario import TopologyTable

    try:
        read_topology(str(path))
    except TopologyError:
        table = TopologyTable(topology=str(path), coordinates="great_circle", min_length_km=0.1)
        read_topology(table).digest()


def _topohub_name(path: Path, home: Home) -> None:
    from qnetsim.network import read_topology

    read_topology("topohub:" + path.read_bytes().decode("utf-8", "surrogateescape"))


def _rate_table(path: Path, home: Home) -> None:
    from qnetsim.case import load

    text = home.scenario.read_text("utf-8")
    rates = f'key_rate = "table"\nrate_table = "{path.name}"\nrate_table_pulse_rate_hz = 1e9\n'
    scenario = path.with_suffix(".toml")
    scenario.write_text(text.replace("key_rate_bps = 1000\n", rates), "utf-8")
    shutil.copy(home / "tiny.csv", path.parent)
    load(scenario)


def _demand(path: Path, home: Home) -> None:
    from qnetsim.case import load
    from qnetsim.scenario import RecordingTable

    table = RecordingTable.model_validate(
        {"file": str(path), "rate_unit": "bps", "slot_s": 1.0, "forecast_slots": 1}
    )
    load(home.scenario, recording=table)


def _traffic(settings: Mapping[str, Any], path: Path, home: Home) -> None:
    from qnetsim.traffic import TrafficSettings, read_traffic

    read_traffic(str(path), TrafficSettings(**settings))


def _own_data(path: Path, home: Home) -> None:
    """With every use of a column, and a record that is held out."""
    from qnetsim.fel.own_data import DataColumns, read_own_data
    from qnetsim.fel.preparation import Preparation

    columns = DataColumns("verdict", record_id="id", holder="site", ignore=("note",))
    for standardise in (False, True):
        how = Preparation(standardise=standardise, intercept=True, test_share=0.3)
        read_own_data(path, columns).dataset("own", how, 1)


def _means(path: Path, home: Home) -> None:
    from qnetsim.case import load

    head, _, tail = home.scenario.read_text("utf-8").partition("[demand]\n")
    demand = f'[demand]\nlevels = 20\nmeans = "{path.name}"\n'
    scenario = path.with_suffix(".toml")
    scenario.write_text(head + demand + tail[tail.index("\n[[") :], "utf-8")
    shutil.copy(home / "tiny.csv", path.parent)
    load(scenario)


def _trace(path: Path, home: Home) -> None:
    """All that is in a file, and all that is worked out from it, but for running it again."""
    from qnetsim.analysis import compare_traces
    from qnetsim.replay.reopen import recorded_run, recorded_world
    from qnetsim.replay.verify import verify
    from qnetsim.trace import open_world
    from qnetsim.trace.schema import TRACE

    with open_world(path) as trace:
        trace.foreign_contents()
        trace.content_digest()
        recorded_world(trace, recorded_run(trace)).whole_digest()
        whole = trace.kind is TRACE
    verify(path, rerun=False)
    if whole:
        compare_traces([path])


def _plan(path: Path, home: Home) -> None:
    from qnetsim.case import load
    from qnetsim.plans.storage import load_plan

    load_plan(path, load(home.scenario))


def _sweep_file(path: Path, home: Home) -> None:
    from qnetsim.studies.sweep.sweep_file import load_sweep

    for name in ("tiny.toml", "tiny.csv"):
        shutil.copy(home / name, path.parent)
    load_sweep(path)


def _manifest(path: Path, home: Home) -> None:
    """Read a manifest, and all that a folder says of its jobs."""
    from qnetsim.studies.sweep.collect import collect
    from qnetsim.studies.sweep.job_states import state_of
    from qnetsim.studies.sweep.manifest import NAME
    from qnetsim.studies.sweep.manifest_file import read_manifest

    folder = path.parent / "manifest"
    folder.mkdir(exist_ok=True)
    shutil.copy(path, folder / NAME)
    collect(state_of(read_manifest(folder), folder))


def _curve(path: Path, home: Home) -> None:
    from qnetsim.analysis.figures.curves import curves_figure
    from qnetsim.trace.files.curve_file import is_curve, read_curve

    is_curve(path)
    curves_figure({"fuzz": read_curve(path)})


def _weights(path: Path, home: Home) -> None:
    """Read weights, and run a policy by them."""
    _command(["run", "tiny.toml", "-p", f"fedsac:model={path},label=x", "-o", "x.h5"], home)


@lru_cache(maxsize=1)
def _training(scenario: Path) -> Any:
    from qnetsim.case import load, open_case
    from qnetsim.learning.train import Training, limit_threads

    limit_threads(1)
    return Training(open_case(load(scenario)), "decppo", range(1))


def _training_state(path: Path, home: Home) -> None:
    """Read a saved state over that of a training that has not begun."""
    from qnetsim.learning.checkpoint import restore_state

    restore_state(_training(home.scenario), path)


def make_state(home: Home) -> None:
    """Write the saved state of a training that has not begun."""
    from qnetsim.learning.checkpoint import save_state

    training = _training(home.scenario)
    training._evaluate()
    save_state(training, home / "training.state")


@contextmanager
def _working_folder(home: Home) -> Iterator[Path]:
    """A folder with a copy of the home; what is printed goes into files outside of it."""
    place = home.folder.parent / "cwd"
    before = Path.cwd()
    shutil.rmtree(place, ignore_errors=True)
    work = place / "work"
    shutil.copytree(home.folder, work)
    streams = sys.stdout, sys.stderr
    try:
        os.chdir(work)
        # as `qnetsim.cli.main` sets them
        out = (place / "out").open("w", encoding="utf-8", errors="replace")
        err = (place / "err").open("w", encoding="utf-8", errors="replace")
        with out, err:
            sys.stdout, sys.stderr = out, err
            yield place
    finally:
        sys.stdout, sys.stderr = streams
        os.chdir(before)


def _command(words: list[str], home: Home) -> None:
    """Run a command in this process.

    Raises
    ------
    StatusError, Refused, Stopped
    """
    from qnetsim.cli import _run

    with _working_folder(home) as place:
        status = _run(words)
        sys.stderr.flush()
        sys.stdout.flush()
        told = "".join((place / x).read_text("utf-8", "replace") for x in ("err", "out"))
    if status not in STATUSES:
        raise StatusError(f"{words}: status {status}")
    if "Traceback (most recent call last)" in told:
        raise StatusError(f"{words}: a traceback was printed:\n{told}")
    if status and not told:
        raise StatusError(f"{words}: status {status} without a word")
    if status == 130:
        raise Stopped
    if status:
        raise Refused(told)


def _arguments(path: Path, home: Home) -> None:
    _command(json.loads(path.read_bytes()), home)


def _file_command(before: tuple[str, ...], after: tuple[str, ...], path: Path, home: Home) -> None:
    _command([*before, str(path), *after], home)


TRACES = ("trace.h5", "world.h5", "outages.h5", "tests/formats/format-1.0.h5")
HDF5 = hdf5_mutation()
PLANS = hdf5_mutation(fit_plan)
CURVES = hdf5_mutation(fit_curve)


#: Settings under which all lists and matrices are read.
BPS: Mapping[str, Any] = {"rate_unit": "bps", "slot_s": 300.0}


def _readers() -> Iterator[Target]:
    yield Target("scenario", ".toml", several(mutate_toml), _scenario)
    yield Target("sweep_file", ".toml", several(mutate_toml), _sweep_file)
    manifests = several(mutate_lines, mutate_bytes)
    yield Target("manifest", ".jsonl", manifests, _manifest, ("manifest.jsonl",))
    yield Target("topology_csv", ".csv", several(mutate_csv), _topology)
    yield Target("topology_json", ".json", several(mutate_json), _topology)
    yield Target("topology_graphml", ".graphml", several(mutate_xml, mutate_bytes), _topology)
    yield Target("topology_gml", ".gml", several(mutate_gml), _topology)
    yield Target("topology_sndlib", ".xml", several(mutate_xml, mutate_bytes), _placed_topology)
    yield Target("topology_net2plan", ".n2p", several(mutate_xml, mutate_bytes), _topology)
    yield Target("topology_text", ".txt", several(mutate_lines, mutate_bytes), _placed_topology)
    yield Target("topohub_name", ".txt", several(mutate_bytes, mutate_lines), _topohub_name)
    yield Target("rate_table", ".csv", several(mutate_csv), _rate_table)
    yield Target("demand_csv", ".csv", several(mutate_csv), _demand)
    yield Target("own_data", ".csv", several(mutate_csv, mutate_bytes), _own_data)
    yield Target("means", ".csv", several(mutate_csv), _means)
    for name, suffix, mutate, settings in (
        ("list", ".csv", several(mutate_csv), BPS),
        ("wide", ".csv", several(mutate_csv), BPS),
        ("requests", ".csv", several(mutate_csv), BPS),
        ("sndlib_xml", ".xml", several(mutate_xml, mutate_bytes), {}),
        ("sndlib_native", ".txt", several(mutate_lines, mutate_bytes), {}),
        ("totem", ".xml", several(mutate_xml, mutate_bytes), {"slot_s": 900.0}),
        ("repetita", ".txt", several(mutate_lines, mutate_bytes), {}),
        ("net2plan", ".xml", several(mutate_xml, mutate_bytes), BPS),
        ("node_link", ".json", several(mutate_json), BPS),
    ):
        yield Target(f"traffic_{name}", suffix, mutate, partial(_traffic, settings))
    yield Target("demand_hdf5", ".h5", HDF5, _demand, ("demand.h5",))
    yield Target("trace", ".h5", HDF5, _trace, TRACES)
    yield Target("plan", ".h5", PLANS, _plan, ("plan.h5", "tests/formats/plan-1.0.h5"))
    yield Target("curve", ".h5", CURVES, _curve, ("curve.h5", "models/decppo-usnet.h5"))
    weights = ("weights.safetensors", "models/fedsac-stores.safetensors")
    yield Target("weights", ".safetensors", several(mutate_safetensors), _weights, weights)
    yield Target(
        "training_state",
        ".state",
        several(mutate_safetensors),
        _training_state,
        ("training.state",),
    )


def _commands_on_files() -> Iterator[Target]:
    for name, before, after, suffix, mutate, made in (
        ("inspect_trace", ("inspect",), (), ".h5", HDF5, TRACES),
        ("inspect_plan", ("inspect",), (), ".h5", PLANS, ("plan.h5",)),
        ("replay_trace", ("replay",), ("-o", "x.h5", "-p", "evf"), ".h5", HDF5, TRACES[:2]),
        ("verify_trace", ("verify",), ("--topology", "tiny.csv"), ".h5", HDF5, TRACES[:2]),
        ("diff_traces", ("diff", "trace.h5"), (), ".h5", HDF5, ("other.h5",)),
        ("diff_plans", ("diff", "plan.h5"), (), ".h5", PLANS, ("plan.h5",)),
        (
            "resume_trace",
            ("run", "tiny.toml", "-p", "sip", "--resume", "-o"),
            (),
            ".h5",
            HDF5,
            ("trace.h5",),
        ),
    ):
        read = partial(_file_command, before, after)
        yield Target(name, suffix, mutate, read, made, stops=True)


def _commands() -> Iterator[Target]:
    for name in names():
        yield Target(
            f"command_{name}", ".json", mutate_arguments, _arguments, stops=True, limit_s=3.0
        )


#: All targets by name.
TARGETS = {t.name: t for t in (*_readers(), *_commands_on_files(), *_commands())}


def seeds_of(target: Target, home: Home, corpus: Path) -> list[bytes]:
    """Inputs of a target to begin with: those kept in the tree, in order, then those made."""
    kept = sorted(p for p in (corpus / target.name).glob("*") if p.is_file())
    if "training.state" in target.made and not (home / "training.state").exists():
        make_state(home)
    made = [home / name if "/" not in name else ROOT / name for name in target.made]
    found = [path.read_bytes() for path in (*kept, *made)]
    if target.name.startswith("command_"):
        found.append(command_line(target.name.removeprefix("command_")))
    return found
