"""Plans of a user's own policies: kept, run by, and verified with the code that made them."""

from __future__ import annotations

from pathlib import Path

import pytest

import qnetsim
from qnetsim.cli import _run as call
from qnetsim.trace import open_trace

CODE = """
from qnetsim.policies.sip import StochasticProgram


class Planner(StochasticProgram):
    pass


class Other(StochasticProgram):
    pass
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(CODE)
    assert call(["plan", "tiny", "-p", "mine.py:Planner", "-o", "own.plan"]) == 0
    return tmp_path


def _run(*more: str) -> int:
    return call(["run", "tiny", "--slots", "20", "--plan", "own.plan", "-o", "t.h5", *more])


def test_a_plan_is_run_by_the_code_that_made_it(folder: Path) -> None:
    assert _run("-p", "mine.py:Planner") == 0
    assert call(["run", "tiny", "--slots", "20", "-p", "mine.py:Planner", "-o", "u.h5"]) == 0
    with open_trace("t.h5") as planned, open_trace("u.h5") as solved:
        assert planned.attribute("content_digest") == solved.attribute("content_digest")
        assert "source_sha256" in planned.provenance["policy"]


def test_no_file_makes_its_code_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run() == 2
    assert "--policy mine.py:Planner" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("mine.py:Other", "'mine.py:Other' is another one; give --policy mine.py:Planner"),
        ("mine.py:Planner:formulation=full", "made with formulation = auto, and not full"),
        ("sip", "give either --policy NAME or --plan FILE"),
    ],
)
def test_another_policy_is_refused(
    given: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("-p", given) == 2
    assert said in capsys.readouterr().err


def test_for_another_scenario_it_is_valued_anew(folder: Path) -> None:
    other = qnetsim.load("tiny").with_changes({"cost.on_demand_multiplier": 2.0})
    found = qnetsim.load_plan("own.plan", other, "mine.py:Planner")
    assert found.differences == ["cost.on_demand_multiplier is 1.0 there and 2.0 here"]
    assert found.policy.source is not None


def test_a_run_by_it_is_verified(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("-p", "mine.py:Planner") == 0
    check = ["verify", "t.h5", "--plan", "own.plan"]
    assert call([*check, "-p", "mine.py:Planner"]) == 0
    assert call(check) == 4
    Path("mine.py").write_text(CODE + "\n# changed\n")
    capsys.readouterr()
    assert call([*check, "-p", "mine.py:Planner"]) == 4
    assert "is not the code that the trace names" in " ".join(capsys.readouterr().out.split())
