"""Read a sweep file; collect every error of the file, and of its points, before giving up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from qnetsim.case import load
from qnetsim.errors import QnetsimError, ScenarioError, UsageError
from qnetsim.plain_text import counted
from qnetsim.policies.chosen import policy_table
from qnetsim.scenario import PolicyTable, Scenario, scenario_text
from qnetsim.scenario.checked import Given, model_problems
from qnetsim.scenario.lines import Key, Problem, key_lines
from qnetsim.scenario.load import toml_tables
from qnetsim.shipped import scenario_file, shipped_scenarios
from qnetsim.studies.sweep.design import Point, design_problems, points_of
from qnetsim.studies.sweep.factor_keys import (
    bracketed,
    flat,
    policy_option,
    split_keys,
    with_options,
)
from qnetsim.studies.sweep.sweep_checks import across_problems
from qnetsim.studies.sweep.sweep_tables import SweepTable

#: Stands for the file of a sweep that was given in Python.
GIVEN_HERE = "<sweep>"
#: Problems of points that a message lists.
LISTED = 20


@dataclass(frozen=True)
class StudyPoint:
    """One point of a sweep, checked.

    Attributes
    ----------
    values : tuple
        Of the factors, in their order.
    changes : mapping from str to value
        Keys of the scenario, dotted, and the values that they have in this point.
    scenario : Scenario
        Without policies: those of a point do not change what happens.
    policies : tuple of PolicyTable
    """

    values: Point
    changes: Mapping[str, Any]
    scenario: Scenario
    policies: tuple[PolicyTable, ...]


@dataclass(frozen=True)
class Study:
    """A sweep file, read and checked.

    Attributes
    ----------
    path : Path
        The sweep file.
    table : SweepTable
    scenario : str
        The scenario as the manifest names it: a shipped name, or an absolute path.
    points : tuple of StudyPoint
    replications : int
        The most that a point has.
    """

    path: Path
    table: SweepTable
    scenario: str
    points: tuple[StudyPoint, ...]
    replications: int

    @property
    def factors(self) -> tuple[str, ...]:
        """Keys of the factors."""
        return tuple(factor.key for factor in self.table.factor)

    @property
    def titles(self) -> tuple[str, ...]:
        """Titles of the policies."""
        return tuple(policy.title for policy in self.points[0].policies)

    @property
    def reference(self) -> str:
        """Policy that the others are paired with."""
        named = self.table.stopping.reference if self.table.stopping else ""
        return named or self.titles[0]


def load_sweep(path: Path) -> Study:
    """Read and check a sweep file.

    Raises
    ------
    ScenarioError
        With every problem, each as ``file:line: key: …``.
    UsageError
        There is no such file.
    """
    text = scenario_text(path, "sweep file")
    return _study(path, Given(toml_tables(text, str(path)), str(path), key_lines(text)))


def study_of(tables: Mapping[str, Any]) -> Study:
    """Check a sweep that is given as the tables of a sweep file.

    Files that it names are looked for in the current folder.

    Raises
    ------
    ScenarioError
        With every problem, each as ``key: …``.
    """
    data = {str(key): value for key, value in tables.items()}
    return _study(Path(GIVEN_HERE), Given(data))


def _study(path: Path, given: Given) -> Study:
    data = given.data
    try:
        table = SweepTable.model_validate(data)
    except ValidationError as error:
        found = [*model_problems(error, SweepTable), *_scenario_problems(path, data)]
        raise ScenarioError(given.told(found)) from None
    problems = list(design_problems(table))
    reader = _PointReader(path, table, _sound_factors(table, problems))
    base = reader.base(problems)
    if base is None:
        raise ScenarioError(given.told(problems))
    replications = table.replications or base.run.replications
    points = tuple(reader.points(base, replications, problems))
    policies = points[0].policies if points else reader.listed(base)
    problems += across_problems(table, policies, replications)
    if problems:
        raise ScenarioError(_shortened(given.told(problems)))
    return Study(path.absolute(), table, reader.reference, points, replications)


def _scenario_problems(path: Path, data: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the scenario of a file that has other faults."""
    scenario, fixed = data.get("scenario"), data.get("set", {})
    found: list[Problem] = []
    if isinstance(scenario, str) and isinstance(fixed, dict):
        _PointReader(path, SweepTable(scenario=scenario, set=fixed), ()).base(found)
    return found


def _sound_factors(table: SweepTable, problems: list[Problem]) -> tuple[int, ...]:
    """Numbers of the factors whose values can be tried; with a fault, those that stand alone."""
    every = tuple(range(len(table.factor)))
    if not problems:
        return every
    wrong = {key[1] for key, _ in problems if key[0] == "factor"}
    designed = any(key[0] != "factor" for key, _ in problems)
    return () if designed or table.design != "grid" else tuple(i for i in every if i not in wrong)


def _shortened(problems: list[str]) -> list[str]:
    more = len(problems) - LISTED
    return [*problems[:LISTED], f"and {counted(more, 'more problem')}"] if more > 0 else problems


class _PointReader:
    """Reads the scenario of each point, and says which factor is to blame where that fails."""

    def __init__(self, path: Path, table: SweepTable, factors: tuple[int, ...]) -> None:
        self._folder = path.absolute().parent
        self._numbers = factors
        sound = tuple(table.factor[i] for i in factors)
        # without all of its factors, a design is that of one point
        design = table.design if sound else "grid"
        self._table = table.model_copy(update={"factor": sound, "design": design})
        self._fixed = flat(table.set)
        self.reference = table.scenario
        self._file: Path | None = None
        self._chosen: dict[object, tuple[PolicyTable, ...]] = {}

    def base(self, problems: list[Problem]) -> Scenario | None:
        """The scenario without any factor; None where it has problems."""
        reference = self._table.scenario
        try:
            beside = self._folder / Path(reference).expanduser()
            if reference in shipped_scenarios() and not beside.exists():
                self._file = scenario_file(reference)
            else:
                self._file = beside
                self.reference = str(beside.resolve())
            return load(self._file, changes=split_keys(self._fixed))
        except QnetsimError as error:
            key: Key = ("set",) if self._fixed and " with " in str(error) else ("scenario",)
            problems += [(key, text) for text in _texts(error)]
            return None

    def points(
        self, base: Scenario, replications: int, problems: list[Problem]
    ) -> Iterator[StudyPoint]:
        """All points; what is wrong with some is added to the problems."""
        # a recording is cut into replications; other worlds do not depend on how many there are
        worlds = 1 if base.recording is None else replications
        for number, values in enumerate(points_of(self._table)):
            changes, options = self._changes(values)
            scenario = tables = None
            found: list[Problem] = []
            try:
                scenario = self._scenario(changes | {"run.replications": worlds})
            except QnetsimError as error:
                found += [self._blamed(values, text) for text in _texts(error)]
            try:
                tables = self._policies((scenario or base).policy, options)
            except QnetsimError as error:
                found += [self._blamed(values, text, ("policies",)) for text in _texts(error)]
            if scenario is not None and tables is not None:
                changes["run.replications"] = worlds
                yield StudyPoint(values, changes, _without_policies(scenario), tables)
            problems += found
            if len(problems) > 10 * LISTED:
                problems.append((("factor",), f"was given up at point {number + 1}"))
                return

    def listed(self, base: Scenario) -> tuple[PolicyTable, ...]:
        """Policies without any factor; none where they have problems."""
        with suppress(QnetsimError):
            return self._policies(base.policy, {})
        return ()

    def _changes(self, values: Point) -> tuple[dict[str, Any], dict[tuple[str, str], Any]]:
        """What a point changes: keys of the scenario, and options of policies by their titles."""
        changes = dict(self._fixed)
        options: dict[tuple[str, str], Any] = {}
        for factor, value in zip(self._table.factor, values, strict=True):
            option = policy_option(factor.key)
            if option is None:
                changes[factor.key] = value
            else:
                options[option] = value
        return changes, options

    def _scenario(self, changes: Mapping[str, Any]) -> Scenario:
        assert self._file is not None
        return load(self._file, changes=split_keys(changes))

    def _policies(
        self, listed: tuple[PolicyTable, ...], options: Mapping[tuple[str, str], Any]
    ) -> tuple[PolicyTable, ...]:
        known = (listed, repr(sorted(options.items(), key=lambda item: item[0])))
        if known not in self._chosen:
            texts = self._table.policies
            tables = [policy_table(text, listed, self._folder) for text in texts] or list(listed)
            if not tables:
                raise UsageError('the scenario has no [[policy]]; give policies = ["sip"]')
            self._chosen[known] = with_options(tables, options)
        return self._chosen[known]

    def _blamed(self, values: Point, text: str, otherwise: Key = ()) -> Problem:
        """A problem of a point, at the value of the factor that it names."""
        for i, (factor, value) in enumerate(zip(self._table.factor, values, strict=True)):
            names = {re.escape(factor.key), re.escape(bracketed(factor.key))}
            if not re.search(rf"(?<![\w.])({'|'.join(names)})(?![\w.])", text):
                continue
            key: Key = ("factor", self._numbers[i])
            if factor.values is not None:
                key = (*key, "values", factor.values.index(value))
            return key, text
        if not values or otherwise:
            return otherwise or ("scenario",), text
        pairs = zip(self._table.factor, values, strict=True)
        shown = ", ".join(f"{factor.key} = {value!r}" for factor, value in pairs)
        return ("factor",), f"with {shown}: {text}"


def _without_policies(scenario: Scenario) -> Scenario:
    return scenario.model_copy(update={"policy": ()})


def _texts(error: QnetsimError) -> tuple[str, ...]:
    problems = getattr(error, "problems", None)
    return problems if isinstance(error, ScenarioError) and problems else (str(error),)
