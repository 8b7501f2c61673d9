"""Labels become file names: those that other file systems refuse or mix up are refused."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from qnetsim.errors import ScenarioError, UsageError
from qnetsim.policies.chosen import policy_table
from qnetsim.runs.batch import run_policies
from qnetsim.scenario import PolicyTable, parse_scenario
from qnetsim.scenario.labels import colliding, unportable
from tests.support.commands import call
from tests.support.helpers import nsfnet

DEVICES = ["CON", "con", "NUL", "aux.x", "COM1", "com9.tar.gz", "LPT0", "PRN", "COM¹"]


@pytest.mark.parametrize("name", DEVICES)
def test_devices(name: str) -> None:
    assert "device" in str(unportable(name))


@pytest.mark.parametrize("sign", '<>:"/\\|?*\n\x1b')
def test_signs_that_no_file_name_may_hold(sign: str) -> None:
    assert repr(sign) in str(unportable(f"a{sign}b"))


@pytest.mark.parametrize("name", ["a.", "a ", "", "a. ."])
def test_ends_that_are_dropped(name: str) -> None:
    assert unportable(name)


def test_longest_name() -> None:
    assert unportable("é" * 115) is None
    assert "bytes" in str(unportable("é" * 120))


@pytest.mark.parametrize("name", ["sip", "COM10", "console", "nul-1", "a.b", "Ä", "CONx.h5"])
def test_names_that_are_fine(name: str) -> None:
    assert unportable(name) is None


def test_one_name_in_two_forms() -> None:
    assert colliding(["a", "B", "b"]) == ("B", "b")
    one, other = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    assert colliding([one, other]) == (one, other)
    assert colliding(["straße", "STRASSE"])
    assert colliding(["a", "b", "a"]) is None


@pytest.mark.parametrize("label", ["CON", "nul", "Lpt1", "aux.x", "end."])
def test_labels_of_the_command_line(label: str) -> None:
    with pytest.raises(UsageError, match="give another label="):
        policy_table(f"sip:label={label}", nsfnet().policy)


def tables(*labels: str) -> str:
    rows = [f'[[policy]]\nname = "evf"\nlabel = "{label}"' for label in labels]
    return '[network]\ntopology = "nsfnet"\n[demand]\npairs = "all"\n' + "\n".join(rows)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (("CON",), "is the name of a device"),
        (("end.",), "ends in a dot"),
        (("first", "First"), "'First' and 'first' name one file where case does not count"),
    ],
)
def test_labels_of_a_scenario(labels: tuple[str, ...], said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        parse_scenario(tables(*labels))


def test_labels_of_one_comparison(tmp_path: Path) -> None:
    both = [PolicyTable(name="evf", label=label) for label in ("a", "A")]
    with pytest.raises(UsageError, match="'a' and 'A' name one file"):
        run_policies(nsfnet(), both, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("a?b", ["run", "a?b.toml", "-p", "evf"]),
        ("aux", ["compare", "aux.toml", "-p", "evf"]),
        ("é" * 110, ["demand", "é" * 110 + ".toml"]),
    ],
)
def test_names_of_results_that_follow_from_a_scenario(
    name: str,
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{name}.toml").write_text(tables() + "\n[run]\nslots = 5\nreplications = 1\n")
    status, _, err = call(capsys, *command)
    assert status == 2
    assert "give --out" in err
    assert not (tmp_path / "runs").exists()
    assert call(capsys, *command, "-o", str(tmp_path / "mine.h5"))[0] == 0
