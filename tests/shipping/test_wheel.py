"""Everything that README shows works from the wheel alone, in an empty folder: `make wheel`."""

from __future__ import annotations

import json
import re
import shlex
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.installing import bare_environment, build_wheel, install, run, run_any

pytestmark = pytest.mark.slow

README = (ROOT / "README.md").read_text("utf-8")
#: Each command of README as it is run here, in this order, and its exit status.
#: Short runs: what is tested is that everything is there. None: by its line before or after.
COMMANDS = {
    "qnetsim scenario list": ("scenario list", 0),
    "qnetsim scenario new NAME [--out FILE]": ("scenario new diurnal --out own.toml", 0),
    "qnetsim scenario check FILE": ("scenario check own.toml", 0),
    "qnetsim scenario schema": ("scenario schema", 0),
    "qnetsim policies": ("policies --json", 0),
    "qnetsim topologies": ("topologies --json", 0),
    "qnetsim compare nsfnet": ("compare nsfnet --slots 40 --replications 2 --out runs/a", 0),
    "qnetsim compare SCENARIO": ("compare tiny --out runs/tiny --json", 0),
    "qnetsim compare TRACE… [--policy P]": ("compare runs/tiny --policy level:level=1 --json", 0),
    "qnetsim plan SCENARIO --policy sip [--out FILE]": ("plan tiny -p sip --out p.h5 --json", 0),
    "qnetsim run SCENARIO --policy evf": ("run nsfnet -p evf --slots 600 --out evf.h5", 0),
    "qnetsim explain TRACE --request 17 --slot 40": ("explain evf.h5 --request 17 --slot 40", 2),
    "qnetsim inspect FILE": ("inspect p.h5 --json", 0),
    "qnetsim plan SCENARIO --sensitivity KEY=FROM:TO:N [--figure FILE]": (
        "plan tiny --sensitivity network.span_km=80:160:2 --figure s.png",
        0,
    ),
    "qnetsim plan nsfnet --set demand.requests=40 --set cost.on_demand_multiplier=3": (
        "plan nsfnet --set demand.requests=40 --set cost.on_demand_multiplier=3",
        0,
    ),
    "qnetsim plan SCENARIO --model FILE.mps": ("plan tiny --model m.mps", 0),
    "qnetsim demand SCENARIO --out FILE": ("demand outages --slots 20 --out world.h5", 0),
    "qnetsim replay FILE --policy P [--from-slot T]": ("replay world.h5 -p evf --out r.h5", 0),
    "qnetsim verify TRACE": ("verify evf.h5 --json", 0),
    "qnetsim diff TRACE TRACE": ("diff runs/tiny/sip-r000.h5 runs/tiny/evf-r000.h5 --json", 0),
    "qnetsim report TRACE…": ("report runs/tiny --out page", 0),
    "qnetsim report TRACE… --figure costs --style ieee-column --out f.pdf": (
        "report runs/tiny --figure costs --style ieee-column --out f.pdf",
        0,
    ),
    "qnetsim fel SCENARIO --task 2 [--policy sip]": ("fel fel --task 2 --budget --json", 0),
    "qnetsim compare fel": ("fel fel --task 2 --rounds 2 --json", 0),
    "qnetsim train SCENARIO --policy fedsac --out FILE.safetensors": (
        "train nsfnet -p fedsac --epochs 1 --out w.safetensors",
        0,
    ),
    "qnetsim train": ("inspect w.safetensors", 3),
    "qnetsim reproduce fig4": ("reproduce fig4 --orders 1 --out fig4", 0),
    # one figure of them: what is tested is that the claims are there
    "qnetsim reproduce all --quick": ("reproduce fig5 --quick --topology nsfnet --out fig5", 0),
    "qnetsim sweep plan SWEEP": ("sweep plan study.toml --json", 0),
    "qnetsim sweep run SWEEP [--workers N]": ("sweep run study.toml --workers 1 --json", 0),
    "qnetsim sweep collect SWEEP --out table.csv": (
        "sweep collect study.toml --out table.csv --json",
        0,
    ),
    "qnetsim sweep report SWEEP": ("sweep report study.toml --json", 0),
    "qnetsim bench list": ("bench list --json", 0),
    "qnetsim bench run --policy P": ("bench run -p evf -w madqci --out row.json", 0),
    "qnetsim bench check ROW": ("bench check row.json --json", 0),
    "qnetsim network convert FILE --out NET": (
        "network convert cables.csv --out cables.json --json",
        0,
    ),
    "qnetsim demand import FILE --out demand.csv": (
        "demand import traffic.csv --rate-unit bps --slot-s 1 --out imported.csv --json",
        0,
    ),
    "qnetsim rates NETWORK --out card.png": ("rates outages --out card.png --json", 0),
    "qnetsim spacing SCENARIO": ("spacing tiny --json", 0),
    "qnetsim compare nsfnet -p sip -p my_policy.py:Cautious": (
        "compare tiny -p sip -p my_policy.py:Cautious --out runs/own --json",
        0,
    ),
    # after README's own policy, which is registered nowhere: its trace is not run again
    "qnetsim verify cautious.h5": ("verify cautious.h5", 4),
    "qnetsim replay cautious.h5 --policy perfect": ("replay cautious.h5 -p perfect", 0),
    "qnetsim replay evf.h5 --from-slot 500 --policy sip": (
        "replay evf.h5 --from-slot 500 -p sip",
        0,
    ),
}


def commands_of_readme() -> set[str]:
    """Everything that README says as ``qnetsim …``, without its remarks."""
    blocks = re.findall(r"^qnetsim [^#\n]*", README, re.M)
    return {text.strip() for text in (*re.findall(r"`(qnetsim [^`]+)`", README), *blocks)}


def blocks_of_readme(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has the wheel, and the dependencies of this environment."""
    place = tmp_path_factory.mktemp("installed") / "environment"
    found = bare_environment(place)
    install(found, "--no-deps", wheel)
    # a line of a .pth file adds a folder, but not what that folder's own .pth files add
    (site,) = place.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return found


def test_the_wheel_holds_what_is_shipped(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        held = set(opened.namelist())
    for folder in ("models", "scenarios", "traces"):
        files = [path for path in (ROOT / folder).iterdir() if path.is_file()]
        assert {f"qnetsim/{folder}/{path.name}" for path in files} <= held
        assert len(files) > 3
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "qnetsim").rglob("*.py")}
    assert {name for name in held if name.endswith(".py")} == sources
    assert {"qnetsim/py.typed", "qnetsim/analysis/map_explorer.js"} <= held
    scripts = {f"qnetsim/studies/sweep/{name}" for name in ("sweep.sbatch", "Snakefile")}
    assert scripts <= held


def test_every_command_of_readme_is_run_here() -> None:
    assert commands_of_readme() == COMMANDS.keys()


def test_every_command_of_readme_works_in_an_empty_folder(python: Path, tmp_path: Path) -> None:
    where = run(python, "-c", "import qnetsim; print(qnetsim.__file__)", folder=tmp_path)
    assert Path(where.strip()).is_relative_to(python.parents[1])
    policy, reading, *others = blocks_of_readme("python")
    assert not others
    (tmp_path / "study.toml").write_text('scenario = "tiny"\nset.run.slots = 5\n')
    (tmp_path / "cables.csv").write_text("source,target,length_km\na,b,80\n")
    (tmp_path / "traffic.csv").write_text("slot,source,target,rate\n0,a,b,1000\n1,a,b,500\n")
    (tmp_path / "my_policy.py").write_text(policy.partition("\ncheck_policy(")[0])
    for arguments, status in COMMANDS.values():
        if "cautious.h5" in arguments and not (tmp_path / "cautious.h5").exists():
            run(python, "-c", policy, folder=tmp_path)
            assert "complete" in run(python, "-c", f"import qnetsim\n{reading}", folder=tmp_path)
        words = shlex.split(arguments)
        done = run_any(python.parent / "qnetsim", *words, folder=tmp_path)
        assert done.returncode == status, f"{arguments}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        if "--json" in words:
            assert json.loads(done.stdout)["schema"].startswith("qnetsim."), arguments


def test_scenarios_of_readme_are_read(python: Path, tmp_path: Path) -> None:
    """The ten lines of "your own network", with a network and a recording to read."""
    scenario, recording = blocks_of_readme("toml")
    (tmp_path / "my-network.csv").write_text(
        "source,target,length_km\nParis,Lyon,390\nLyon,Nice,300\n"
    )
    (tmp_path / "demand.csv").write_text(
        "slot,source,target,rate\n"
        + "".join(f"{slot},Paris,Lyon,{1000 * (slot % 3)}\n" for slot in range(200))
    )
    (tmp_path / "my.toml").write_text(scenario)
    recorded = re.sub(r"(?m)^(pairs|levels|slots) = .*\n", "", scenario)
    recorded = recorded.replace("[run]", "[run]\nslot_s = 900.0").replace("[demand]\n", "")
    (tmp_path / "recorded.toml").write_text(f"{recorded}\n{recording}")
    for name in ("my.toml", "recorded.toml"):
        assert f"{name}: ok" in run(
            python.parent / "qnetsim", "scenario", "check", name, folder=tmp_path
        )
