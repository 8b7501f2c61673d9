"""Read a scenario file; collect every error of the file before giving up."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from qnetsim.errors import ScenarioError, SettingError
from qnetsim.input_files import read_input
from qnetsim.scenario.checked import Given, OptionsModelOf, checked_tables, dotted, line_of
from qnetsim.scenario.lines import Key, Problem, key_lines
from qnetsim.scenario.mean_table import read_means, read_weights
from qnetsim.scenario.rate_table import read_rate_table
from qnetsim.scenario.scenario import Scenario
from qnetsim.scenario.tables.fel import FelTable
from qnetsim.scenario.tables.graph import GRAPH

#: Longest scenario file that is read.
MOST_SCENARIO_BYTES = 2**24
Rows = TypeVar("Rows")


def load_scenario(
    path: Path | str,
    policy_options: OptionsModelOf | None = None,
    changes: Mapping[Key, Any] | None = None,
) -> Scenario:
    """Read and check a scenario file.

    Parameters
    ----------
    path : path-like
        A TOML file.
    policy_options : callable, optional
        Looks up the options model of a policy; without it options are not checked.
    changes : mapping from key to value, optional
        Values that take the place of those in the file; they are checked like these. A whole
        number in a key is the place of a table in a list.

    Returns
    -------
    Scenario
        With a topology path made absolute relative to the scenario file.

    Raises
    ------
    ScenarioError
        With every problem of the file, each as ``file:line: key: …``.
    """
    path = Path(path)
    scenario = parse_scenario(scenario_text(path), str(path), policy_options, changes)
    try:
        found = placed(scenario, path.parent)
    except SettingError as error:
        raise locate(path, error.problems) from None
    return found.read_from(path, *(path.parent / name for name in _tables_beside(scenario)))


def placed(scenario: Scenario, folder: Path) -> Scenario:
    """Scenario whose files are found in a folder: absolute paths, and its tables read.

    Raises
    ------
    SettingError
        The table of key rates, of means or of weights cannot be read.
    """
    network = scenario.network
    places: dict[str, object] = {"topology": located(network.topology, folder)}
    if isinstance(network.rate_table, str):
        key: Key = ("network", "rate_table")
        places["rate_table"] = _read(key, read_rate_table, folder / network.rate_table)
    tables: dict[str, object] = {"network": network.model_copy(update=places)}
    demand = scenario.demand
    if isinstance(demand.means, str):
        tables["demand"] = demand.model_copy(
            update={"means": _read(("demand", "means"), read_means, folder / demand.means)}
        )
    gravity = demand.gravity
    if gravity is not None and isinstance(gravity.weights, str) and gravity.weights != "degree":
        key = ("demand", "gravity", "weights")
        weights = _read(key, read_weights, folder / gravity.weights)
        update = {"gravity": gravity.model_copy(update={"weights": weights})}
        tables["demand"] = demand.model_copy(update=update)
    if scenario.recording is not None:
        place = str((folder / scenario.recording.file).resolve())
        tables["recording"] = scenario.recording.model_copy(update={"file": place})
    if scenario.fel:
        tables["fel"] = tuple(_with_data(table, folder) for table in scenario.fel)
    return scenario.model_copy(update=tables)


def _with_data(table: FelTable, folder: Path) -> FelTable:
    """Task whose file of data is found in a folder."""
    if table.data is None:
        return table
    return table.model_copy(update={"data": str((folder / table.data).resolve())})


def _tables_beside(scenario: Scenario) -> list[str]:
    """Names of the files whose rows take the place of their names."""
    gravity = scenario.demand.gravity
    weights = None if gravity is None else gravity.weights
    named = (scenario.network.rate_table, scenario.demand.means, weights)
    return [name for name in named if isinstance(name, str) and name != "degree"]


def _read(key: Key, reader: Callable[[Path], Rows], path: Path) -> Rows:
    """Read a table beside the scenario.

    Raises
    ------
    SettingError
    """
    try:
        return reader(path)
    except ValueError as error:
        raise SettingError([(key, line) for line in str(error).splitlines()]) from None


def scenario_text(path: Path | str, noun: str = "scenario file") -> str:
    """Read the text of a scenario file, or of another TOML file.

    Raises
    ------
    UsageError
        It is not there, no plain file, or too long.
    ScenarioError
        It is not UTF-8.
    """
    raw = read_input(Path(path), noun, MOST_SCENARIO_BYTES)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ScenarioError([f"{path}:{line}: file: is not UTF-8 text ({error.reason})"]) from None


def located(topology: str, folder: Path) -> str:
    """Resolve the path of a topology against the folder of its scenario; names stay names."""
    if topology.startswith(("topohub:", GRAPH)) or not Path(topology).suffix:
        return topology
    return str((folder / topology).resolve())


def parse_scenario(
    text: str,
    source: str = "<scenario>",
    policy_options: OptionsModelOf | None = None,
    changes: Mapping[Key, Any] | None = None,
) -> Scenario:
    """Check the text of a scenario; ``source`` is the file name in messages."""
    return checked_tables(
        Scenario,
        Given(toml_tables(text, source), source or "<scenario>", key_lines(text), changes or {}),
        policy_options,
    )


def toml_tables(text: str, source: str) -> dict[str, Any]:
    """Tables of a TOML text.

    Raises
    ------
    ScenarioError
        It is no TOML, as ``file:line: syntax: …``.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError([_syntax_problem(source, text, str(error))]) from None
    except RecursionError:
        raise ScenarioError([f"{source}:1: syntax: is nested too deeply"]) from None
    except ValueError:
        # tomllib passes on what Python says of over-long integers and impossible dates
        long = re.search(r"[0-9a-fA-F_]{1000,}", text)
        line = text.count("\n", 0, long.start()) + 1 if long else 1
        what = "a number has too many digits" if long else "a number or date is out of range"
        raise ScenarioError([f"{source}:{line}: syntax: {what}; write valid TOML"]) from None


def locate(path: Path | str, problems: Sequence[Problem]) -> ScenarioError:
    """Turn problems found beyond the file itself into ``file:line: key: …``."""
    lines = key_lines(scenario_text(path))
    return ScenarioError(
        [f"{path}:{line_of(key, lines)}: {dotted(key)}: {what}" for key, what in problems]
    )


def _syntax_problem(source: str, text: str, message: str) -> str:
    line = text.count("\n") + 1
    if "at line " in message:
        line = int(message.split("at line ")[1].split(",")[0])
    return f"{source}:{line}: syntax: {message}; write valid TOML"
