"""Run, compare, plan and replay, as a user of Python calls them."""

from __future__ import annotations

import copy
import gc
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import networkx
import numpy as np
import pytest
from matplotlib.figure import Figure

import qnetsim
from qnetsim.errors import UsageError
from qnetsim.policies import Setting
from tests.support import ROOT
from tests.support.helpers import nsfnet

TINY = ROOT / "scenarios" / "tiny.toml"
MINE = """
from pydantic import Field

from qnetsim import Decision, Policy, PolicyOptions


class MineOptions(PolicyOptions):
    factor: int = Field(default=1, ge=0)


class Mine(Policy):
    Options = MineOptions
    options: MineOptions

    def prepare(self, setting, plan):
        self.routes = setting.shortest_routes()
        self.requests = setting.requests_per_fibre(self.routes)
        self.slots = setting.slots

    def decide(self, observation):
        rows = self.options.factor * self.requests
        return Decision(rows, self.requests, hold_slots=self.slots, routes=self.routes)
"""


class Level(qnetsim.Policy):
    """Reserve for one level; an object of it has a state of its own."""

    def __init__(self, level: int = 1) -> None:
        super().__init__()
        self.level = level
        self.asked = 0

    def prepare(self, setting: Setting, plan: qnetsim.Plan | None) -> None:
        self.routes = setting.shortest_routes()
        self.requests = setting.requests_per_fibre(self.routes)

    def decide(self, observation: qnetsim.Observation) -> qnetsim.Decision:
        self.asked += 1
        return qnetsim.Decision(
            self.level * self.requests, self.requests, hold_slots=5, routes=self.routes
        )


class Unpicklable(Level):
    def __init__(self) -> None:
        super().__init__()
        self.never = lambda: None


@pytest.fixture
def scenario() -> qnetsim.Scenario:
    return qnetsim.load(TINY, slots=20, replications=2)


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    return "mine.py:Mine"


def test_a_run_without_out_is_removed_with_its_result(scenario: qnetsim.Scenario) -> None:
    result = qnetsim.run(scenario, "sip")
    path = result.path
    assert path.exists()
    del result
    gc.collect()
    assert not path.parent.exists()


def test_a_temporary_trace_stays_while_it_is_open(scenario: qnetsim.Scenario) -> None:
    trace = qnetsim.run(scenario, "sip").trace()
    gc.collect()
    assert trace.path.exists()
    assert len(trace.frame("slots")) == 20
    trace.close()
    gc.collect()
    assert not trace.path.exists()


def test_a_run_with_out_stands_for_its_path(scenario: qnetsim.Scenario, tmp_path: Path) -> None:
    out = tmp_path / "sip.h5"
    result = qnetsim.run(scenario, scenario.policy[0], out)
    assert Path(result) == result.path == out
    assert str(result) == str(out)
    with qnetsim.open_trace(result) as trace:
        assert trace.status == "complete"
    assert qnetsim.compare_traces([result]).slots == 20
    del result
    gc.collect()
    assert out.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["sip.h5"]


def test_tables_of_a_run_and_a_comparison_are_tidy(scenario: qnetsim.Scenario) -> None:
    run = qnetsim.run(scenario, "sip")
    slots = run.table()
    assert list(slots.columns[:3]) == ["policy", "replication", "slot"]
    bills = [name for name in slots.columns if name.endswith("_cost")]
    assert slots[bills].sum(axis=1).mean() == pytest.approx(run.cost_per_slot)
    found = qnetsim.compare(scenario, ["sip", "evf"])
    table = found.table()
    assert table[["policy", "replication"]].values.tolist() == [
        [name, r] for name in ("sip", "evf") for r in range(2)
    ]
    means = table.groupby("policy")["cost_per_slot"].mean()
    summary = found.summary().set_index("policy")
    assert np.allclose(means[summary.index], summary["cost_per_slot"])
    assert summary.loc["sip", "ratio"] == 1
    for name in ("cost", "served", "on_demand_share"):
        assert (summary[f"{name}_low"] <= summary[f"{name}_high"]).all()
    assert set(summary["warmup_slots"]) == set(table["warmup_slots"]) == {0}


def test_tables_say_what_the_warm_up_leaves_out() -> None:
    scenario = nsfnet(
        run__slots="120",
        run__replications="2",
        demand__requests="20",
        key_management__store_bits="60000",
        key_management__key_lifetime_slots="20",
    )
    found = qnetsim.compare(scenario, ["sip", "evf"])
    cut = found.comparison.warm_up.slots
    assert cut > 0
    assert set(found.table()["warmup_slots"]) == set(found.summary()["warmup_slots"]) == {cut}
    run = qnetsim.run(scenario, "sip")
    for told in (found.comparison.warm_up.sentence, "over 2 replications"):
        assert told in found._repr_html_()
    assert f"± {run.intervals.half('cost_per_slot'):,.2f}" in run._repr_html_()
    assert run.metrics.warm_up.sentence in run._repr_html_()


def test_results_are_drawn_and_shown(scenario: qnetsim.Scenario, tmp_path: Path) -> None:
    run = qnetsim.run(scenario, "sip")
    found = qnetsim.compare(scenario, ["sip", "evf"], out=tmp_path / "traces")
    plan = qnetsim.plan(scenario)
    for result in (run, found, plan):
        assert isinstance(result.plot(), Figure)
        assert "<table>" in result._repr_html_()
    assert not (tmp_path / "traces" / "report.html").exists()
    page = found.report(tmp_path / "report")
    assert page.name == "report.html"
    with pytest.raises(UsageError, match="exists already; give another out, or force=True"):
        found.report(tmp_path / "report")


@pytest.mark.parametrize(("style", "width"), [("ieee-column", 3.5), ("ieee-page", 7.16)])
def test_results_are_drawn_in_a_style(
    scenario: qnetsim.Scenario, tmp_path: Path, style: Any, width: float
) -> None:
    results = (
        qnetsim.run(scenario, "sip"),
        qnetsim.compare(scenario, ["sip", "evf"]),
        qnetsim.plan(scenario),
    )
    for number, result in enumerate(results):
        out = tmp_path / f"{number}.svg"
        assert result.plot(style=style, out=out).get_figwidth() == pytest.approx(width)
        # text stays text in a figure for a document
        assert "<text" in out.read_text("utf-8")
        with pytest.raises(UsageError, match="exists already; give another out, or force=True"):
            result.plot(style, out)
        result.plot(style, out, force=True)
        with pytest.raises(UsageError, match=r"out .*\.doc: the name must end in one of \.png"):
            result.plot(out=tmp_path / "a.doc")
        with pytest.raises(UsageError, match="style='ieee': allowed: screen, ieee-column"):
            result.plot("ieee")  # type: ignore[arg-type]


def test_a_plan_is_kept_where_asked(scenario: qnetsim.Scenario, tmp_path: Path) -> None:
    plan = qnetsim.plan(scenario, "sip", tmp_path / "plan.h5")
    assert plan.path is not None
    assert plan.objective == pytest.approx(50410)
    assert (plan.status, plan.bound) == ("optimal", pytest.approx(50410))
    assert plan.table()["qkd_channels"].tolist() == [2, 1]
    again = qnetsim.load_plan(plan.path, scenario).plan
    assert again.objective(plan.case.network) == plan.objective
    assert qnetsim.run(scenario, "sip", plan=plan).metrics.plan is not None


@pytest.mark.parametrize(
    "form", ["path", "text", "scenario", "case", "tables"], ids=lambda form: form
)
def test_a_scenario_is_taken_in_every_form(form: str, tmp_path: Path) -> None:
    loaded = qnetsim.load(TINY)
    given = {
        "path": TINY,
        "text": str(TINY),
        "scenario": loaded,
        "case": qnetsim.open_case(loaded),
        "tables": loaded.model_dump(mode="json", exclude_defaults=True),
    }[form]
    digest = qnetsim.record_world(given, tmp_path / "world.h5")
    assert digest == qnetsim.record_world(loaded, tmp_path / "again.h5")
    assert qnetsim.plan(given).objective == pytest.approx(50410)


def test_what_is_no_scenario_gets_one_clear_message() -> None:
    with pytest.raises(UsageError, match=r"scenario: give a Scenario, a Case, the path .* not int"):
        qnetsim.run(3, "sip")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (3, "3 is of type int"),
        (dict, "class dict is not a subclass of qnetsim.policies.Policy"),
        (None, "is None"),
        (lambda: 1, "<lambda> is a function; a policy is a class with a method decide"),
        (Path("my.py"), "is a path; a file of your own is given as text, 'my.py:Class'"),
    ],
    ids=["number", "class", "none", "function", "path"],
)
def test_what_is_no_policy_gets_one_clear_message(
    scenario: qnetsim.Scenario, wrong: Any, text: str
) -> None:
    for call in (
        lambda: qnetsim.run(scenario, wrong),
        lambda: qnetsim.compare(scenario, [wrong]),
        lambda: qnetsim.compare(scenario, {"mine": wrong}),
        lambda: qnetsim.compare(scenario, 3 if wrong is None else wrong),
    ):
        with pytest.raises(UsageError) as caught:
            call()
        assert re.match(r"polic(y|ies): ", str(caught.value))
        assert text in str(caught.value) or wrong is None
        assert "; give a name, a PolicyTable, a class of policies or an object" in str(caught.value)


def test_a_file_without_its_class(scenario: qnetsim.Scenario, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("raise SystemExit\nclass A(qnetsim.Policy): ...\nclass B: ...\n")
    for text in (str(path), f"{path}:"):
        with pytest.raises(UsageError, match=f"is a file; give the class too: {path}:A$"):
            qnetsim.run(scenario, text)
    with pytest.raises(UsageError, match=r"nix\.py: no such file"):
        qnetsim.run(scenario, str(tmp_path / "nix.py"))


def test_policies_in_every_form_meet_the_same_worlds(scenario: qnetsim.Scenario, mine: str) -> None:
    bold = Level(2)
    forms = {
        "text": "level:level=1",
        "table": qnetsim.PolicyTable.model_validate({"name": "level", "level": 1}),
        "class": Level,
        "object": Level(1),
        "bold": bold,
        "file": mine,
    }
    found = qnetsim.compare(scenario, forms)
    costs = found.summary().set_index("policy")["cost_per_slot"]
    assert list(costs.index) == list(forms)
    for name in ("table", "class", "object", "file"):
        assert costs[name] == pytest.approx(costs["text"])
    assert costs["bold"] != pytest.approx(costs["text"])
    # every run had a copy
    assert bold.asked == 0


def test_the_object_of_one_run_is_the_callers(scenario: qnetsim.Scenario) -> None:
    policy = Level(1)
    result = qnetsim.run(scenario, policy, title="own")
    assert policy.asked == 4
    assert result.metrics.policy == "own"


def test_objects_and_files_go_to_other_processes(scenario: qnetsim.Scenario, mine: str) -> None:
    forms = {"class": Level, "object": Level(2), "file": f"{mine}:factor=2"}
    alone = qnetsim.compare(scenario, forms).table()
    shared = qnetsim.compare(scenario, forms, workers=2).table()
    assert alone["content_digest"].tolist() == shared["content_digest"].tolist()


def test_what_other_processes_cannot_have_is_said(scenario: qnetsim.Scenario) -> None:
    with pytest.raises(UsageError, match=r"'Unpicklable' cannot be sent .* or give workers=1"):
        qnetsim.compare(scenario, Unpicklable(), workers=2)


def test_a_class_of_a_session_is_not_for_other_processes(tmp_path: Path) -> None:
    program = (
        "import qnetsim\n"
        "class Own(qnetsim.Policy):\n    pass\n"
        f"scenario = qnetsim.load({str(TINY)!r}, slots=5)\n"
        "qnetsim.compare(scenario, [Own, 'sip'], workers=2)\n"
    )
    done = subprocess.run(
        [sys.executable, "-"], input=program, text=True, capture_output=True, check=False
    )
    assert "defined in this session" in done.stderr
    assert "workers=1" in done.stderr


def test_traces_are_compared_and_missing_policies_replayed(
    scenario: qnetsim.Scenario, tmp_path: Path
) -> None:
    first = qnetsim.compare(scenario, "sip")
    more = qnetsim.compare(first, ["sip", Level])
    both = qnetsim.compare(scenario, ["sip", Level])
    assert more.table()["content_digest"].tolist() == both.table()["content_digest"].tolist()
    with pytest.raises(UsageError, match="replications goes with a scenario"):
        qnetsim.compare(first, replications=3)
    with pytest.raises(UsageError, match="replications=0: "):
        qnetsim.compare(scenario, "sip", replications=0)


def test_replays_take_every_form(scenario: qnetsim.Scenario, mine: str) -> None:
    trace = qnetsim.run(scenario, "sip")
    same = qnetsim.replay_world(trace)
    assert same.metrics.content_digest == trace.metrics.content_digest
    for policy in (Level, Level(1), mine, "level:level=1"):
        assert qnetsim.replay_world(trace, policy).cost_per_slot == pytest.approx(
            qnetsim.run(scenario, policy).cost_per_slot
        )


def test_a_trace_of_an_object_is_verified_with_a_fresh_one(scenario: qnetsim.Scenario) -> None:
    trace = qnetsim.run(scenario, Level(2))
    assert not qnetsim.verify_trace(trace, policy=Level(2)).failed
    assert qnetsim.verify_trace(trace, policy=Level).failed


def test_a_graph_is_a_topology_in_runs_and_traces() -> None:
    graph = networkx.Graph(name="ring")
    for a, b in (("a", "b"), ("b", "c"), ("c", "a")):
        graph.add_edge(a, b, length_km=100.0)
    scenario = qnetsim.make_scenario(
        topology=graph, demand={"requests": 3}, run={"slots": 10, "replications": 1}
    )
    found = qnetsim.compare(scenario, ["sip", "evf"], workers=2)
    with qnetsim.open_trace(found.traces[0]) as trace:
        assert trace.provenance["scenario"]["network"]["topology"] == "graph:ring"
        assert trace.column("fibres/length_km").tolist() == [100.0] * 3
    verified = qnetsim.verify_trace(found.traces[0])
    assert not verified.failed
    assert [f.name for f in verified.findings if f.passed is None] == ["network"]


def test_errors_name_arguments(scenario: qnetsim.Scenario, tmp_path: Path) -> None:
    out = tmp_path / "sip.h5"
    qnetsim.run(scenario, "sip", out)
    with pytest.raises(UsageError, match="give another out, or force=True to overwrite it"):
        qnetsim.run(scenario, "sip", out)
    with pytest.raises(UsageError, match="policy='sip:x': write NAME"):
        qnetsim.run(scenario, "sip:x")
    with pytest.raises(UsageError, match="slots=0: "):
        qnetsim.load(TINY, slots=0)
    with pytest.raises(UsageError, match=r"slots=3: input should be a valid integer \(got '3'\)"):
        qnetsim.load(TINY, slots="3")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"slotz: unknown key; did you mean 'slots'\? allowed: "):
        qnetsim.load(TINY, slotz=3)
    with pytest.raises(UsageError, match="policies: is empty; name one, or leave it out"):
        qnetsim.compare(scenario, [])
    with pytest.raises(UsageError, match="no such trace"):
        qnetsim.open_trace(tmp_path / "none.h5")


def test_numbers_of_numpy_are_taken(scenario: qnetsim.Scenario) -> None:
    assert qnetsim.load(TINY, slots=np.int64(3)).run.slots == 3  # type: ignore[arg-type]
    found = qnetsim.compare(scenario, ["sip"], replications=np.int64(2))  # type: ignore[arg-type]
    assert len(found.traces) == 2


def test_a_result_of_planning_is_copied_and_pickled(scenario: qnetsim.Scenario) -> None:
    plan = qnetsim.plan(scenario, "sip")
    for again in (pickle.loads(pickle.dumps(plan)), copy.deepcopy(plan)):
        assert again.objective == plan.objective
        assert again.table().equals(plan.table())
        with pytest.raises(TypeError):
            again.case.network.bill.qkd["receiver"] = 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"replication": -1}, "replication=-1: allowed: 0 .. 1000000"),
        ({"replication": "1"}, "replication: give a whole number 0 .. 1000000, not '1' (str)"),
        ({"replication": 3.5}, "replication: give a whole number 0 .. 1000000, not '3.5' (float)"),
        ({"out": 3}, "out: give a path, not '3' (int)"),
        ({"out": ""}, "out: '' is no path; give one"),
        ({"out": "a\0"}, r"out: 'a\x00' is no path; give one"),
        ({"plan": "p.plan"}, "give what qnetsim.load_plan reads from it"),
        ({"plan": 3}, "plan: give what qnetsim.plan or qnetsim.load_plan returned, not int"),
        ({"title": 3}, "title: give text, not '3' (int)"),
        ({"world": 3}, "world: give a Realisation, not '3' (int)"),
        ({"progress": 3}, "progress: give something that can be called, not '3' (int)"),
        ({"kernel": "x"}, "kernel='x': allowed: auto, numba, numpy, loop"),
        ({"out": "t.h5", "resume": True, "force": True}, "give one"),
        ({"resume": True}, "resume=True goes on with a file; give out"),
    ],
)
def test_a_run_takes_what_the_command_takes(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        qnetsim.run("tiny", "sip", **settings)


def test_a_comparison_takes_what_the_command_takes() -> None:
    with pytest.raises(UsageError, match=r"workers=0: allowed: 1 \.\. 10000"):
        qnetsim.compare("tiny", workers=0)
    for workers in (None, "2", 2.5, float("nan"), True):
        with pytest.raises(UsageError, match="workers: give a whole number"):
            qnetsim.compare("tiny", workers=workers)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="source: give a path, not 'None'"):
        qnetsim.compare([None])  # type: ignore[list-item]
    with pytest.raises(UsageError, match=r"policy: np.int64\(0\) is of type int64"):
        qnetsim.compare("tiny", np.arange(3))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="changes: give a mapping"):
        qnetsim.load("tiny").with_changes([1])  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="changes: give a mapping"):
        qnetsim.load("tiny").with_changes({1: 2})  # type: ignore[dict-item]


@pytest.mark.parametrize("wrong", [None, 3, b"x"])
def test_every_path_is_an_argument(wrong: Any, scenario: qnetsim.Scenario) -> None:
    plan = qnetsim.make_plan(scenario, "sip")
    for call in (
        lambda: qnetsim.record_world(scenario, wrong),
        lambda: qnetsim.load_plan(wrong, scenario),
        lambda: qnetsim.save_plan(plan, scenario, "sip", wrong),
        lambda: qnetsim.run_policies(scenario, ["sip"], wrong),
        lambda: qnetsim.compare_traces([wrong]),
    ):
        with pytest.raises(UsageError, match=r"(out|path|paths): give a path, not"):
            call()
    with pytest.raises(UsageError, match="plan: give a Plan, not"):
        qnetsim.save_plan(wrong, scenario, "sip", "x.plan")
    with pytest.raises(UsageError, match="comparison: give a Comparison, not"):
        qnetsim.write_report(wrong, "r")


def test_a_file_is_read_with_changes() -> None:
    found = qnetsim.load("tiny", changes={"run.slots": np.int64(7), "run.seed": 5})
    assert (found.run.slots, found.run.seed) == (7, 5)
    with pytest.raises(qnetsim.QnetsimError, match=r"run\.slts: unknown key; did you mean 'slots'"):
        qnetsim.load("tiny", changes={"run.slts": 7})


def test_where_a_scenario_was_read_is_no_part_of_its_value(tmp_path: Path) -> None:
    text = (ROOT / "scenarios" / "nsfnet.toml").read_text()
    (tmp_path / "copy.toml").write_text(text)
    one, other = qnetsim.load("nsfnet"), qnetsim.load(tmp_path / "copy.toml")
    assert one == other
    assert hash(one) == hash(other)
    assert one.digest() == other.digest()
    assert one != one.with_run(seed=5)
    assert pickle.loads(pickle.dumps(other)).named_files == other.named_files
    assert tmp_path / "copy.toml" in other.with_run(seed=5).named_files


@pytest.mark.parametrize("wrong", [None, 3, b"x", len, 2.5])
@pytest.mark.parametrize("reader", [qnetsim.load, qnetsim.open_trace, qnetsim.replay_world])
def test_what_is_no_path_is_one_error(reader: Any, wrong: object) -> None:
    with pytest.raises(UsageError, match=r"(path|source): give a path, not"):
        reader(wrong)
