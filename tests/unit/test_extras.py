"""What an installation may lack is named once, with the command that installs it."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from qnetsim.errors import MissingExtraError
from qnetsim.extras import EXTRAS, require
from tests.support import ROOT, SCENARIOS

#: A Python that lacks some packages, and runs a command.
LACKING = """
import sys
class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in LACKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Lacking())
from qnetsim.__main__ import main
sys.argv = ["qnetsim", *ARGUMENTS]
main()
"""


def without(packages: set[str], arguments: list[str], folder: Path) -> tuple[int, str, str]:
    script = f"LACKED = {packages!r}\nARGUMENTS = {arguments!r}\n{LACKING}"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return done.returncode, done.stdout, done.stderr


def listed() -> dict[str, dict[str, str]]:
    """Packages of each extra of `setup.cfg`, with their bounds."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return {
        extra: dict(re.findall(r"^([\w-]+)>=(\S+)$", text, re.M))
        for extra, text in parser["options.extras_require"].items()
    }


def test_the_extras_are_those_of_the_package() -> None:
    extras = listed()
    assert set(extras) == {*EXTRAS.values(), "all", "test"}
    for extra in set(EXTRAS.values()):
        assert extras[extra].keys() == {package for package in EXTRAS if EXTRAS[package] == extra}
        assert extras[extra].items() <= extras["all"].items() <= extras["test"].items(), extra


def test_the_core_has_no_package_of_an_extra() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    core = set(re.findall(r"^([\w-]+)", parser["options"]["install_requires"], re.M))
    assert not core & EXTRAS.keys()
    assert {"pandas", "highspy", "cryptography"} <= core
    # what only the tests compare with; see docs/background/dependencies.md
    assert not core & {"scikit-learn", "pycryptodome"}


def test_a_package_that_is_there_is_not_imported() -> None:
    require("this", "xarray")
    script = (
        "import sys\nfrom qnetsim.extras import require\nrequire('this', 'torch')\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout == "False\n"


def test_a_package_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError) as caught:
        require("training", "torch")
    assert str(caught.value) == (
        'training needs torch, which is not installed; `pip install "qnetsim[learn]"` brings it'
    )


def gurobi_scenario(folder: Path, solver: str) -> str:
    text = (SCENARIOS / "nsfnet.toml").read_text("utf-8")
    text = text.replace("qkd_wavelengths = 0", "qkd_wavelengths = 700")
    (folder / "net.toml").write_text(f'{text}\n[planning]\nsolver = "{solver}"\n', "utf-8")
    return "net.toml"


@pytest.mark.parametrize(
    ("package", "arguments", "extra"),
    [
        ("torch", "train nsfnet -p fedsac --epochs 1 --out weights.safetensors", "learn"),
        ("torch", "train fel-rounds -p belief-net --epochs 1 --out weights.safetensors", "learn"),
        ("torch", "reproduce fig9 --epochs 1 --out fig9", "learn"),
        ("gurobipy", "plan net.toml --no-information", "gurobi"),
        ("topohub", "compare germany50 --out runs", "topohub"),
        ("topohub", "topologies topohub:sndlib/abilene", "topohub"),
    ],
)
def test_a_command_names_the_extra(
    package: str, arguments: str, extra: str, tmp_path: Path
) -> None:
    gurobi_scenario(tmp_path, "gurobi")
    before = sorted(tmp_path.iterdir())
    status, out, err = without({package}, arguments.split(), tmp_path)
    assert status == 2
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    assert f'{package}, which is not installed; `pip install "qnetsim[{extra}]"` brings it' in err
    assert sorted(tmp_path.iterdir()) == before


def test_the_choice_of_the_solver_falls_back(tmp_path: Path) -> None:
    arguments = ["plan", gurobi_scenario(tmp_path, "auto"), "--no-information", "--json"]
    status, out, err = without({"gurobipy"}, arguments, tmp_path)
    assert (status, err) == (0, "")
    assert "(instead of Gurobi: gurobipy is not installed)" in out


def test_learned_policies_run_without_any_extra(tmp_path: Path) -> None:
    everything = [
        without(lacked, ["run", "nsfnet", "-p", "fedsac", "--slots", "20", "--out", name], tmp_path)
        for lacked, name in ((set(EXTRAS), "a.h5"), (set(), "b.h5"))
    ]
    assert [status for status, _, _ in everything] == [0, 0]
    digests = [re.search(r"content digest +(\w+)", out)[1] for _, out, _ in everything]
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("package", "purpose"),
    [
        ("pettingzoo", "the PettingZoo environment"),
        ("torch", "learning (training and its environments)"),
    ],
)
def test_python_names_the_extra_too(package: str, purpose: str) -> None:
    script = (
        f"import sys\nsys.modules[{package!r}] = None\n"
        "from qnetsim.errors import MissingExtraError\n"
        "try:\n    import qnetsim.learning.pettingzoo\n"
        "except MissingExtraError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    said = f'{purpose} needs {package}, which is not installed; `pip install "qnetsim[learn]"`'
    assert said in done.stdout
