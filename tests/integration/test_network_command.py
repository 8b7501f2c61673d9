"""``qnetsim network convert``, and the options of reading."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from qnetsim.case import load
from qnetsim.cli.network import convert as convert_command
from qnetsim.network import TopologyWarning, read_topology
from qnetsim.scenario.tables.topology_file import reading_keys
from tests.support import ROOT
from tests.support.commands import call, data

pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)  # topohub leaves its data files open

ZOO = """graph [ directed 1
 node [ id 0 label "A" Latitude 50.0 Longitude 8.0 ]
 node [ id 1 label "B" Latitude 51.0 Longitude 9.0 ]
 node [ id 2 label "C" Latitude 51.0 Longitude 9.0 ]
 node [ id 3 label "D" ]
 edge [ source 0 target 1 LinkSpeed "10" ] edge [ source 1 target 0 ]
 edge [ source 1 target 2 capacity 4 ] edge [ source 2 target 3 ]
]
"""


Convert = Callable[..., tuple[str, str]]


@pytest.fixture
def convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Convert:
    """The command on a file of the Topology Zoo's form."""
    (tmp_path / "zoo.gml").write_text(ZOO)

    def run(*options: str, status: int = 0) -> tuple[str, str]:
        code, out, err = call(capsys, "network", "convert", str(tmp_path / "zoo.gml"), *options)
        assert code == status, err
        return out, err

    return run


def test_convert_names_the_options_that_mend_a_file_and_then_converts_it(
    convert: Convert, tmp_path: Path
) -> None:
    out = str(tmp_path / "net.json")
    options = ["--out", out]
    for told, more in (
        ("--coordinates great-circle measures", ["--coordinates", "great-circle"]),
        ("--missing-length drop", ["--missing-length", "drop"]),
        ("--ignore capacity", ["--ignore", "capacity"]),
        ("--min-km 0.1", ["--min-km", "0.1", "--factor", "1.2", "--largest-component"]),
    ):
        _, err = convert(*options, status=2)
        assert told in err
        assert "network." not in err
        options += more
    text, err = convert(*options)
    assert text == f"{out}: 3 nodes, 2 fibres\n"
    for note in (
        "3 lengths by great circle, times 1.2",
        "1 link without a length dropped: C–D",
        "1 length raised to 0.1 km: B–C",
        "both directions of 1 fibre are one fibre each",
        "not used: of links LinkSpeed",
    ):
        assert note in err
    topology = read_topology(out)
    assert topology.nodes == ("A", "B", "C")
    assert topology.locations[0].longitude == 8.0
    before = Path(out).read_bytes()
    assert "exists" in convert(*options, status=2)[1]
    shown, _ = convert(*options, "--force", "--json")
    assert json.loads(shown)["fibres"] == 2
    assert Path(out).read_bytes() == before


def test_convert_never_writes_over_its_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = tmp_path / "net.csv"
    net.write_text("source,target,length_km\nb,a,10\n")
    net_name = str(net)
    code, _, err = call(capsys, "network", "convert", net_name, "--out", net_name, "--force")
    assert code == 2
    assert "is read by this command" in err
    assert net.read_text() == "source,target,length_km\nb,a,10\n"
    (tmp_path / "link.csv").symlink_to(net)
    link = str(tmp_path / "link.csv")
    _, _, err = call(capsys, "network", "convert", net_name, "--out", link, "--force")
    assert "is read by this command" in err


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--out", "net.txt"], "net.txt: ends in none of .csv, .json, .graphml"),
        (["--out", "n.csv", "--min-km", "-1"], "--min-km -1.0: is not allowed; allowed: a number"),
        (["--out", "n.csv", "--missing-length", "x"], "give 'drop' or a length in km"),
        (["--out", "n.csv", "--merge", "--directions", "mean"], "--merge decides --directions"),
    ],
)
def test_options_that_are_wrong_are_refused(
    options: list[str], text: str, convert: Convert
) -> None:
    assert text in convert(*options, status=2)[1]


def test_topologies_takes_the_options_of_reading(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "zoo.gml").write_text(ZOO)
    given = ["--coordinates", "great-circle", "--missing-length", "5", "--ignore", "capacity"]
    given += ["--min-km", "1", "--merge"]
    with pytest.warns(TopologyWarning, match="not used: of links LinkSpeed"):
        found = data(capsys, "topologies", str(tmp_path / "zoo.gml"), *given)
    assert [fibre["length_km"] for fibre in found["fibres"]] == [131.781, 1.0, 5.0]
    assert "go with a TOPOLOGY" in call(capsys, "topologies", "--merge")[2]


def test_the_examples_of_the_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "reference" / "topologies.md").read_text("utf-8")
    blocks = dict(re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL))
    monkeypatch.chdir(tmp_path)
    Path("zoo.gml").write_text(blocks["gml"], "utf-8")
    Path("zoo.toml").write_text(blocks["toml"], "utf-8")
    for line in blocks["sh"].splitlines():
        code, _, err = call(capsys, *shlex.split(line)[1:])
        assert code == 0, (line, err)
    with pytest.warns(TopologyWarning, match="both directions of 1 fibre"):
        assert load(Path("zoo.toml")).network.route_factor == 1.3
    assert read_topology("zoo.json").nodes == ("Berlin", "Hamburg", "Altona")


def test_the_page_names_every_key_and_its_option() -> None:
    page = (ROOT / "docs" / "reference" / "topologies.md").read_text("utf-8")
    named = re.findall(r"^\| `(\w+)` \| `(--[\w-]+)` \|", page, re.MULTILINE)
    assert [key for key, _ in named] == list(reading_keys())
    context = click.Context(convert_command)
    options = {name for option in convert_command.get_params(context) for name in option.opts}
    assert {option for _, option in named} <= options
