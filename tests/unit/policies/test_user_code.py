"""Policies that a user gives by file or module: found, hashed, and imported only where given."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

import qnetsim
from qnetsim.errors import PolicyError, ScenarioError, UsageError
from qnetsim.policies.chosen import choose
from qnetsim.policies.user_code import is_reference, split_reference
from tests.support import ROOT
from tests.support.commands import call

TINY = ROOT / "scenarios" / "tiny.toml"
EXIT_PARTIAL = 4
#: Leaves a mark when it is imported.
MINE = """\
from pathlib import Path

from pydantic import Field

from qnetsim import Decision, Policy, PolicyOptions

Path("imported").touch()


class MineOptions(PolicyOptions):
    factor: int = Field(default=1, ge=0)


class Mine(Policy):
    Options = MineOptions

    def prepare(self, setting, plan):
        self.routes = setting.shortest_routes()
        self.requests = setting.requests_per_fibre(self.routes)

    def decide(self, observation):
        rows = self.options.factor * self.requests
        return Decision(rows, self.requests, hold_slots=5, routes=self.routes)


class Other(Mine):
    pass


class Lost(Policy):
    def decide(self, observation):
        return {}["lost"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    for name in ("tiny.toml", "tiny.csv"):
        (tmp_path / name).write_bytes((ROOT / "scenarios" / name).read_bytes())
    return tmp_path


@pytest.fixture
def trace(folder: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    out = folder / "mine.h5"
    arguments = ("--policy", "mine.py:Mine:factor=2", "--slots", "10", "--out", str(out))
    assert call(capsys, "run", "tiny.toml", *arguments)[0] == 0
    (folder / "imported").unlink()
    return out


@pytest.mark.parametrize(
    ("text", "reference", "rest"),
    [
        ("mine.py:Mine", "mine.py:Mine", ""),
        ("a/b c.py:Mine:x=1,y=a:b", "a/b c.py:Mine", "x=1,y=a:b"),
        (r"C:\my\mine.py:Mine", r"C:\my\mine.py:Mine", ""),
        ("pack.mod:Mine:x=1", "pack.mod:Mine", "x=1"),
        ("sip", "", "sip"),
        ("sip:formulation=routes", "", "sip:formulation=routes"),
        ("mine.py", "", "mine.py"),
    ],
)
def test_references_are_told_from_names(text: str, reference: str, rest: str) -> None:
    assert split_reference(text) == (reference, rest)
    assert is_reference(text) == (text == reference)


def test_a_trace_holds_name_and_hash_and_no_folder(trace: Path) -> None:
    with qnetsim.open_trace(trace) as opened:
        policy = opened.provenance["policy"]
        assert opened.policy == "Mine-factor2"
    assert policy["name"] == "mine.py:Mine"
    assert policy["options"] == {"factor": 2}
    assert policy["source_sha256"] == hashlib.sha256(MINE.encode()).hexdigest()
    assert str(trace.parent) not in json.dumps(policy)


def test_verify_runs_it_again_where_the_same_code_is_given(
    trace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def rerun(*more: str) -> tuple[bool | None, str]:
        code, out, err = call(
            capsys, "verify", str(trace), "--topology", "tiny.csv", "--json", *more
        )
        found = {f["name"]: (f["passed"], f["text"]) for f in json.loads(out)["findings"]}
        assert code == (0 if found["re-run"][0] else EXIT_PARTIAL), err
        return found["re-run"]

    assert rerun("-p", "mine.py:Mine")[0] is True
    assert rerun("-p", "mine:Mine")[0] is True
    Path("renamed.py").write_text(MINE)
    assert rerun("-p", "renamed.py:Mine")[0] is True
    passed, text = rerun()
    assert passed is None
    assert "is code of a user's own; give it: --policy mine.py:Mine" in text
    passed, text = rerun("-p", "mine.py:Other")
    assert passed is None
    assert "another class than that of the trace" in text
    Path("mine.py").write_text(MINE.replace("self.options.factor *", "3 *"))
    passed, text = rerun("-p", "mine.py:Mine")
    assert passed is None
    assert "SHA-256" in text
    passed, text = rerun("-p", "sip")
    assert passed is None
    assert "a registered policy" in text


def test_a_trace_of_a_class_given_in_python_is_verified_with_its_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from mine import Mine  # type: ignore[import-not-found]

    with qnetsim.open_trace(qnetsim.run("tiny.toml", Mine, "class.h5")) as opened:
        assert "source_sha256" not in opened.provenance["policy"]
    given = ("-p", "mine.py:Mine", "--topology", "tiny.csv")
    assert call(capsys, "verify", "class.h5", *given)[0] == 0
    code, out, _ = call(capsys, "verify", "class.h5")
    assert (code, "'Mine' is not installed; give it: --policy" in out) == (EXIT_PARTIAL, True)


def test_a_trace_with_a_hash_wants_the_file(trace: Path) -> None:
    from mine import Mine

    found = qnetsim.verify_trace(trace, policy=Mine)
    assert not found.failed
    assert "known by its hash; give it: policy=mine.py:Mine" in found.findings[-1].text


def test_a_changed_policy_is_noticed_where_the_hash_was_changed_too(
    trace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = MINE.replace("self.options.factor *", "3 *")
    Path("mine.py").write_text(other)
    sha256 = hashlib.sha256(other.encode()).hexdigest()
    change_policy(trace, source_sha256=sha256)
    code, out, _ = call(capsys, "verify", str(trace), "-p", "mine.py:Mine", "--json")
    found = {f["name"]: f["passed"] for f in json.loads(out)["findings"]}
    assert (code, found["re-run"]) == (3, False)


def change_policy(trace: Path, **parts: object) -> None:
    """Forge what a trace says of its policy."""
    with h5py.File(trace, "r+") as file:
        provenance = json.loads(file.attrs["provenance"])
        provenance["policy"] |= parts
        tables = [{"name": str(parts.get("name", "mine.py:Mine")), "label": None}]
        provenance["scenario"]["policy"] = tables
        file.attrs["provenance"] = json.dumps(provenance)


@pytest.mark.parametrize("name", ["mine.py:Mine", "mine:Mine", "{folder}/mine.py:Mine"])
def test_no_command_imports_what_a_trace_names(
    trace: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    named = name.format(folder=trace.parent)
    change_policy(trace, name=named)
    statuses = [
        call(capsys, *command)[0]
        for command in (
            ("inspect", "mine.h5"),
            ("verify", "mine.h5"),
            ("report", "mine.h5", "--out", "page"),
            ("compare", "mine.h5", "--out", "table"),
            ("compare", "mine.h5", "-p", "Mine", "--out", "other"),
            ("replay", "mine.h5", "--out", "again.h5"),
            ("replay", "mine.h5", "-p", "Mine", "--out", "again.h5"),
            ("replay", "mine.h5", "-p", "evf", "--from-slot", "5", "--out", "again.h5"),
        )
    ]
    assert statuses[0] == 0
    assert not Path("imported").exists()
    assert not Path("again.h5").exists()
    with pytest.raises(UsageError, match="imported only where it is given: policy="):
        qnetsim.run(TINY, qnetsim.PolicyTable(name=named))


@pytest.mark.parametrize(
    ("file", "reference", "text"),
    [
        ("x = 1 +\n", "bad.py:B", r"^bad\.py:1: SyntaxError: invalid syntax"),
        ("\nimport nope_nope\n", "bad.py:B", r"^bad\.py:2: ModuleNotFoundError: No module"),
        ("def f():\n    1 / 0\nf()\n", "bad.py:B", r"^bad\.py:2: ZeroDivisionError"),
        ("raise SystemExit(3)\n", "bad.py:B", r"^bad\.py:1: SystemExit: 3"),
        ("class B: pass\n", "bad.py:B", r"^bad\.py: B is not a subclass of qnetsim\.policies"),
        ("", "mine.py:Mime", r"^mine\.py: has no class 'Mime'; did you mean 'Mine'\? policies"),
        ("", "none.py:B", r"none\.py: no such file of a policy"),
        ("", "no_such_module:B", r"no module 'no_such_module' to import"),
        ("\nimport nope_nope\n", "bad:B", r"module 'bad' cannot be imported: No module named"),
        ("", "mine.py:Mine:fctor=1", r"fctor: .*; allowed options: factor; give mine\.py:Mine:fac"),
        ("", "mine.py:Mine:factor", r"write NAME or NAME:key=value"),
    ],
)
def test_errors_in_a_users_file_have_their_line(
    folder: Path, file: str, reference: str, text: str
) -> None:
    (folder / "bad.py").write_text(file)
    with pytest.raises(UsageError, match=text) as caught:
        choose(reference)
    assert "\n" not in str(caught.value)


def test_an_error_in_a_decision_has_its_line(folder: Path) -> None:
    line = 1 + MINE[: MINE.index('{}["lost"]')].count("\n")
    text = rf"mine\.py:{line}: policy Lost failed in decide at slot 0: KeyError: 'lost'"
    with pytest.raises(PolicyError, match=text):
        qnetsim.run("tiny.toml", "mine.py:Lost")


def test_an_error_of_several_lines_is_told_in_one(folder: Path) -> None:
    failing = '(_ for _ in ()).throw(ValueError("I give\\n up"))'
    (folder / "mine.py").write_text(MINE.replace('{}["lost"]', failing))
    with pytest.raises(PolicyError, match=r"failed in decide at slot 0: ValueError: I give up$"):
        qnetsim.run("tiny.toml", "mine.py:Lost")


def test_an_edited_file_is_read_again(folder: Path) -> None:
    first = qnetsim.run("tiny.toml", "mine.py:Mine")
    (folder / "mine.py").write_text(MINE.replace("default=1", "default=2"))
    second = qnetsim.run("tiny.toml", "mine.py:Mine")
    assert first.cost_per_slot != second.cost_per_slot


def test_a_file_that_changes_during_a_comparison_is_refused(folder: Path) -> None:
    chosen = choose("mine.py:Mine")
    (folder / "mine.py").write_text(MINE + "\n")
    with pytest.raises(UsageError, match="has changed since it was first read"):
        chosen.fresh()


def test_a_scenario_names_a_file_beside_it(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (folder / "tiny.toml").read_text()
    table = '\n[[policy]]\nname = "mine.py:Mine"\nlabel = "own"\nfactor = 2\n'
    (folder / "own.toml").write_text(text + table)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    scenario = qnetsim.load(folder / "own.toml", slots=10, replications=2)
    own = scenario.policy[-1]
    assert (own.name, own.title) == ("mine.py:Mine", "own")
    assert str(folder) not in scenario.portable().model_dump_json()
    found = qnetsim.compare(scenario, ["sip", "own"], workers=2)
    assert [policy.name for policy in found.policies] == ["sip", "own"]
    changed = scenario.with_changes({f"policy.{len(scenario.policy) - 1}.factor": 3})
    assert qnetsim.run(changed, "own").metrics.policy == "own"
    (folder / "own.toml").write_text(text + table.replace("factor = 2", "fctor = 2"))
    line = (text + table).count("\n")
    with pytest.raises(ScenarioError, match=rf"own\.toml:{line}: .*did you mean 'factor'"):
        qnetsim.load(folder / "own.toml")


def test_the_file_of_a_policy_is_not_written_over(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.link(folder / "mine.py", folder / "linked.h5")
    arguments = ("-p", "mine.py:Mine", "--out", "linked.h5", "--force")
    code, _, err = call(capsys, "run", "tiny.toml", *arguments)
    assert (code, "is read by this command" in err) == (2, True)
    with pytest.raises(UsageError, match="is read by this command; give another out"):
        qnetsim.run("tiny.toml", "mine.py:Mine", "linked.h5", force=True)
    assert (folder / "mine.py").read_text() == MINE


def test_a_run_of_other_code_is_not_resumed(
    trace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.py").write_text(MINE + "\n")
    arguments = ("--policy", "mine.py:Mine:factor=2", "--slots", "10", "--out", str(trace))
    code, _, err = call(capsys, "run", "tiny.toml", *arguments, "--resume")
    assert (code, "source_sha256" in err) == (2, True)


def test_what_a_policy_prints_is_kept_out_of_json(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(
        "import qnetsim\n\nprint('imported')\n\n\nclass Loud(qnetsim.Policy):\n"
        "    def prepare(self, setting, plan):\n        self.setting = setting\n"
        "        self.routes = setting.shortest_routes()\n\n"
        "    def decide(self, observation):\n        print('deciding')\n"
        "        n = self.setting.requests_per_fibre(self.routes)\n"
        "        return qnetsim.Decision(n, n, observation.slots_left, self.routes)\n"
    )
    command = [sys.executable, "-m", "qnetsim", "run", "tiny", "-p", "loud.py:Loud", "--json"]
    done = subprocess.run(
        [*command, "-o", "t.h5"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["schema"] == "qnetsim.run/1"
    assert "imported" in done.stderr
    assert "deciding" in done.stderr
