"""Scenario files: every error at once, each with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnetsim.case import load
from qnetsim.errors import QnetsimError, ScenarioError, UsageError
from qnetsim.policies import policy_options
from qnetsim.scenario import Scenario, load_scenario, parse_scenario
from qnetsim.scenario.lines import key_lines

GOOD = """\
[network]
topology = "nsfnet"
[demand]
requests = 5
"""

BAD = """\
[run]
slots = 0
sloots = 5
slot_s = "long"
[network]
topology = "nsfnet"
span_km = -1.0
[cost.reserved]
transmiter = 2
[demand]
requests = 3
pairs = [
  ["1", 2],
  [1, true],
]
kind = "pois"
[[policy]]
name = "sip"
depth = 3
[[policy]]
name = "sipp"
[[policy]]
name = "level"
level = -1
"""


def problems(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as error:
        parse_scenario(text, "x.toml", policy_options)
    return list(error.value.problems)


def test_every_error_of_a_file_at_once_with_its_line() -> None:
    found = problems(BAD)
    starts = [
        "x.toml:2: run.slots: ",
        "x.toml:3: run.sloots: unknown key; did you mean 'slots'?",
        "x.toml:4: run.slot_s: ",
        "x.toml:7: network.span_km: ",
        "x.toml:9: cost.reserved.transmiter: unknown key; did you mean 'transmitter'?",
        "x.toml:12: demand.pairs: requests and pairs are both given",
        "x.toml:14: demand.pairs[1][1]: ",
        "x.toml:16: demand.kind: ",
        "x.toml:19: policy[0].depth: unknown key",
        "x.toml:21: policy[1].name: unknown policy 'sipp'; did you mean 'sip'?",
        "x.toml:24: policy[2].level: ",
    ]
    assert len(found) == len(starts)
    for problem, start in zip(found, starts, strict=True):
        assert problem.startswith(start)
        assert "allowed" in problem


ONE_ERROR = {
    GOOD + "x = 0x" + "F" * 4000: "unknown key",
    GOOD + "mean = " + "9" * 5000: ":5: syntax: a number has too many digits",
    GOOD + 'kind = "table"\nlevels = 2\nprobabilities = [' + "9" * 400 + ", 1]": "positive sum",
    GOOD + "[run]\nint = 3": "run.int: unknown key; allowed: ",
    "str = 1\n" + GOOD: "str: unknown key",
    '"[x" = 1\n' + GOOD: "unknown key",
    "policy = 3\n" + GOOD: "policy: should be a list",
    GOOD + "[policy]\nname = 'sip'": "one [[policy]] table for each",
    "run = 3\n" + GOOD: "run: should be a table",
    GOOD.replace("[demand]", "span_km = 1e-18\n[demand]"): "0.001 .. 1000000",
    GOOD.replace("nsfnet", "a\\u0000.csv"): "not of the form that is allowed",
    GOOD + "[[policy]]\nname = 'perfect'\nx = 1": "unknown key; allowed: none",
    "[demand]\nrequests = 5": "network: missing",
    '[network]\ntopology = "nsfnet"': "demand: neither requests nor pairs is given",
    GOOD + "[run]\nslot_s = 1e-10": "multiple of 1e-9",
    GOOD + "[run]\nslot_s = 0.0001": "at least one bit",
    GOOD + "[key_management]\npatience_s = 0.1234567891": "nanoseconds",
    GOOD + 'mean = 3\nkind = "table"\nprobabilities = [1,1]\nlevels = 2': "poisson",
    GOOD + 'kind = "table"\nprobabilities = [1,1]': "2 numbers for 10 levels",
    GOOD + 'kind = "table"\nlevels = 2\nprobabilities = [0,0]': "positive sum",
    GOOD + "probabilities = [1]": "goes with kind = 'table'",
    GOOD + "coupling = 'both'": "'comonotone', 'independent', 'grouped' or 'copula'",
    GOOD + "[[policy]]\nname='sip'\n[[policy]]\nname='sip'": "its own label",
    GOOD + "[[policy]]\nname='sip'\nlabel='a/b'": "policy[0].label",
    "[network]\ntopology = 'nsfnet'\n[demand]\npairs = []": "is empty",
    "[network]\ntopology = 'nsfnet'\n[demand]\nlevels = 3": "neither requests nor pairs",
    "a = \n": "syntax",
    "[a]\n[a]\n": "syntax",
}


@pytest.mark.parametrize(("text", "word"), ONE_ERROR.items())
def test_single_errors(text: str, word: str) -> None:
    found = problems(text)
    assert any(word in problem for problem in found), found


def test_topology_and_pairs_are_checked_with_lines(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(GOOD.replace("requests = 5", 'pairs = [["1", "99"],\n  ["2", "2"]]'))
    with pytest.raises(ScenarioError) as error:
        load(path)
    first, second = error.value.problems
    assert first.startswith(f"{path}:4: demand.pairs[0]: unknown node '99'")
    assert second.startswith(f"{path}:5: demand.pairs[1]: joins node '2' to itself")
    path.write_text(GOOD.replace('"nsfnet"', '"nsfnett"'))
    with pytest.raises(ScenarioError, match=r":2: network.topology: 'nsfnett' is not a topology"):
        load(path)


def test_a_disconnected_network_is_refused_only_where_it_matters(tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("source,target,length_km\na,b,10\nc,d,10\n")
    path = tmp_path / "s.toml"
    text = '[network]\ntopology = "n.csv"\n[demand]\npairs = [["a", "{}"]]\n'
    path.write_text(text.format("c"))
    with pytest.raises(ScenarioError, match=r"no path joins 'a' and 'c'"):
        load(path)
    path.write_text(text.format("b"))
    assert load(path).demand.pairs == (("a", "b"),)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such scenario"):
        load_scenario(tmp_path / "none.toml")
    with pytest.raises(UsageError, match="folder"):
        load_scenario(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(ScenarioError, match="UTF-8"):
        load_scenario(tmp_path / "latin.toml")


def test_shipped_scenarios_are_the_papers_default(nsfnet_file: Path) -> None:
    for name, requests in (("nsfnet", 100), ("usnet", 200)):
        scenario = load(nsfnet_file.parent / f"{name}.toml")
        assert scenario.network.topology == name
        assert scenario.demand.requests == requests
        assert (scenario.demand.levels, scenario.demand.mean) == (10, 3)
        learned = ["fedsac", "decsac", "decppo"]
        names = ["sip", "evf", "random", *learned, "perfect"]
        assert [p.name for p in scenario.policy] == names
    load(nsfnet_file.parent / "tiny.toml")


def test_topology_and_scenario_errors_come_together(tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("source,target,length_km\na,a,10\nb,c,-1\n")
    path = tmp_path / "s.toml"
    path.write_text('[run]\nslots = 0\n[network]\ntopology = "n.csv"\n[demand]\nrequests = 1\n')
    with pytest.raises(ScenarioError) as error:
        load(path)
    first, second, third = error.value.problems
    assert "run.slots" in first
    assert f"{path}:4: network.topology: " in second
    assert "self-loop" in second
    assert "negative" in third


def test_every_wrong_pair_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("source,target,length_km\na,b,10\nc,d,10\n")
    path = tmp_path / "s.toml"
    pairs = '[["a", "c"],\n["a", "z"],\n["b", "b"]]'
    path.write_text(f'[network]\ntopology = "n.csv"\n[demand]\npairs = {pairs}\n')
    with pytest.raises(ScenarioError) as error:
        load(path)
    words = ("no path joins", "unknown node", "to itself")
    for line, (problem, word) in enumerate(zip(error.value.problems, words, strict=True), 4):
        assert f":{line}: " in problem
        assert word in problem


def test_a_scenario_is_the_same_in_every_folder(tmp_path: Path) -> None:
    digests = set()
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "n.csv").write_text("source,target,length_km\na,b,10\n")
        (folder / "s.toml").write_text('[network]\ntopology="n.csv"\n[demand]\nrequests=1\n')
        digests.add(load(folder / "s.toml").digest())
    assert len(digests) == 1


def test_integers_are_node_names() -> None:
    text = GOOD.replace("requests = 5", 'pairs = [[1, "5"]]')
    assert parse_scenario(text).demand.pairs == (("1", "5"),)


def test_schema_describes_every_key() -> None:
    schema = Scenario.model_json_schema()
    text = json.dumps(schema)
    assert "default" in text
    tables = ("RunTable", "NetworkTable", "DemandTable", "KeyManagementTable", "CostTable")
    for table in tables:
        for key, field in schema["$defs"][table]["properties"].items():
            assert field.get("description"), f"{table}.{key}"
            assert field.get("allowed"), f"{table}.{key}"


def test_lines_of_unusual_toml() -> None:
    text = """\
a.b = 1
"c d" = '''x
[not.a.table]
'''
[e."f g"]  # comment
h = [ # one
  1,
  { i = 2, j = [3] },
]
[[k]]
l = "]"
[[k]]
[k.m]
n = 1
"""
    lines = key_lines(text)
    expected = {
        ("a", "b"): 1,
        ("c d",): 2,
        ("e", "f g"): 5,
        ("e", "f g", "h", 0): 7,
        ("e", "f g", "h", 1, "i"): 8,
        ("e", "f g", "h", 1, "j", 0): 8,
        ("k", 0, "l"): 11,
        ("k", 1): 12,
        ("k", 1, "m", "n"): 14,
    }
    assert {key: lines[key] for key in expected} == expected


@given(st.text(max_size=60))
def test_no_text_makes_a_traceback(text: str) -> None:
    try:
        parse_scenario(GOOD + text, "x.toml", policy_options)
    except QnetsimError as error:
        assert str(error).startswith("x.toml:")


VALUES = st.one_of(
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.booleans(),
    st.text(max_size=4),
    st.lists(st.integers(0, 3), max_size=3),
)


@given(st.dictionaries(st.sampled_from(["slots", "slot_s", "seed", "replications", "x"]), VALUES))
def test_no_value_makes_a_traceback(run: dict[str, object]) -> None:
    lines = [f"{key} = {_toml(value)}" for key, value in run.items()]
    try:
        parse_scenario(GOOD + "[run]\n" + "\n".join(lines), "x.toml", policy_options)
    except QnetsimError as error:
        assert all(": " in problem for problem in str(error).splitlines())


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value) if "e" not in repr(value) or "." in repr(value) else f"{value:.1e}"
    if isinstance(value, str):
        return json.dumps(value)
    return repr(value)
