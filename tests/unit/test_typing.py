"""What checkers of types know of the package, and what `help` prints."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import pydoc
import re
import subprocess
import sys
from pathlib import Path

import pytest

import qnetsim
from tests.support import ROOT

#: A program as a user writes it, outside the tree.
PROGRAM = """
import qnetsim
from qnetsim.policies import Setting


class MineOptions(qnetsim.PolicyOptions):
    factor: int = 1


class Mine(qnetsim.Policy):
    Options = MineOptions
    options: MineOptions

    def prepare(self, setting: Setting, plan: qnetsim.Plan | None) -> None:
        self.routes = setting.shortest_routes()
        self.requests = setting.requests_per_fibre(self.routes)

    def decide(self, observation: qnetsim.Observation) -> qnetsim.Decision:
        rows = self.options.factor * self.requests
        return qnetsim.Decision(rows, self.requests, hold_slots=5, routes=self.routes)


def main() -> None:
    scenario = qnetsim.make_scenario(topology="nsfnet", demand={"requests": 4}, run={"slots": 10})
    reveal_type(scenario)
    result = qnetsim.run(scenario, Mine)
    reveal_type(result)
    found = qnetsim.compare(scenario, ["sip", Mine, qnetsim.PolicyTable(name="evf")])
    reveal_type(found.policies[0].cost_per_slot)
    reveal_type(qnetsim.plan(scenario, "sip").objective)
    reveal_type(found.plot())
    with qnetsim.open_trace(result) as trace:
        reveal_type(trace)
    qnetsim.run(scenario, 3)
    qnetsim.comapre(scenario)


main()
"""
REVEALED = [
    "qnetsim.scenario.scenario.Scenario",
    "qnetsim.api.result_objects.RunResult",
    "float",
    "float",
    "matplotlib.figure.Figure",
    "qnetsim.trace.reader.Trace",
]


def test_the_names_for_checkers_are_those_at_run_time() -> None:
    source = ast.parse((ROOT / "qnetsim" / "__init__.py").read_text("utf-8"))
    (block,) = (
        node
        for node in source.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    typed = {
        alias.asname or alias.name: f"{node.module}:{alias.name}"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed.keys() | {"__version__"} == set(qnetsim.__all__)
    assert qnetsim._HOME.keys() == typed.keys()
    for name, home in typed.items():
        module, _, attribute = home.partition(":")
        assert getattr(qnetsim, name) is getattr(importlib.import_module(module), attribute)


def test_there_are_few_names_and_each_says_what_it_is() -> None:
    assert len(qnetsim.__all__) <= 33
    for name in qnetsim.__all__:
        assert name == "__version__" or inspect.getdoc(getattr(qnetsim, name)), name
    with pytest.raises(AttributeError, match="no attribute 'comapre'"):
        _ = qnetsim.comapre  # type: ignore[attr-defined]


def test_help_is_short_whatever_was_used_before() -> None:
    _ = qnetsim.Scenario, qnetsim.run
    text = pydoc.plain(pydoc.render_doc(qnetsim))
    assert len(text.splitlines()) < 100
    for name in ("run", "compare", "plan", "make_scenario", "open_trace", "Policy"):
        assert f"``{name}``" in text


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import qnetsim, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    heavy = {"numpy", "networkx", "pandas", "matplotlib", "h5py", "pydantic", "scipy"}
    assert not heavy & set(done.stdout.split())


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the checker knows of the package: most of its time, and the same for all programs."""
    return tmp_path_factory.mktemp("cache")


def checked(program: str, folder: Path, cache: Path, *paths: Path) -> tuple[list[str], list[str]]:
    """Types that are revealed in a user's program, and errors in it."""
    (folder / "program.py").write_text(program)
    # as with an installed package: types are followed, and its own files not reported on
    command = ["--strict", "--config-file=", "--follow-imports=silent", "program.py"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *command, "--cache-dir", str(cache)],
        cwd=folder,
        env={**os.environ, "MYPYPATH": os.pathsep.join(map(str, (ROOT, *paths)))},
        capture_output=True,
        text=True,
        check=False,
    )
    revealed = re.findall(r'Revealed type is "([^"]*)"', done.stdout)
    return revealed, [line for line in done.stdout.splitlines() if ": error: " in line]


#: Results as tables.
TABLES = """
import qnetsim

found = qnetsim.compare("tiny", ["sip"])
reveal_type(found.table())
reveal_type(found.summary())
reveal_type(qnetsim.run("tiny", "sip").table())
reveal_type(qnetsim.plan("tiny").table())
with qnetsim.open_trace("a.h5") as trace:
    reveal_type(trace.frame("slots"))
"""


def test_tables_are_frames_where_pandas_has_types(tmp_path: Path, cache: Path) -> None:
    """It has them by pandas-stubs; two lines stand for those here."""
    assert checked(TABLES, tmp_path, cache) == (["Any"] * 5, [])
    stubs = tmp_path / "stubs" / "pandas"
    stubs.mkdir(parents=True)
    (stubs / "__init__.pyi").write_text("class DataFrame:\n    size: int\n")
    assert checked(TABLES, tmp_path, cache, stubs.parent) == (["pandas.DataFrame"] * 5, [])


def test_mypy_finds_the_types_in_a_users_program(tmp_path: Path, cache: Path) -> None:
    revealed, errors = checked(PROGRAM, tmp_path, cache)
    assert revealed == REVEALED
    assert len(errors) == 2, errors
    assert 'Argument 2 to "run" has incompatible type "int"' in errors[0]
    assert 'Module has no attribute "comapre"' in errors[1]
