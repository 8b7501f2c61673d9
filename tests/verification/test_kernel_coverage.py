"""Random configurations agree, and walk every branch of what serves: ``make verify``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.random_cases import compare

pytestmark = pytest.mark.slow

#: What serves requests; numba compiles the loop from the very lines that are counted here.
SERVING = (
    "serving/loop",
    "serving/vector",
    "serving/outages",
    "serving/paths",
    "serving/state",
    "key_managers",
    "serving/intervals",
)
#: For the branches, and for agreement.
COVERING, CONFIGURATIONS = 300, 1200
#: In how many of them somebody waits, is served late and runs out of patience, keys expire, and
#: fibres fail, all with priorities.
ALL_TOGETHER = 500


def test_kernels_equal_the_reference(tmp_path: Path) -> None:
    together, wrong = 0, {}
    for seed in range(CONFIGURATIONS):
        try:
            together += compare(seed, tmp_path)["all together"]
        except AssertionError as error:
            wrong[seed] = str(error)
    assert not wrong
    assert together >= ALL_TOGETHER


def test_every_branch_is_walked(tmp_path: Path) -> None:
    program = (
        "import pathlib\n"
        "from tests.support.random_cases import compare\n"
        "from tests.support.rounds import check_kernels_agree, go, world\n"
        "check_kernels_agree('reroute')  # tasks leave slots open\n"
        "go(world(), kernel='loop')  # and slots that are served whole\n"
        f"for seed in range({COVERING}): compare(seed, pathlib.Path({str(tmp_path)!r}))\n"
    )
    script, found = tmp_path / "walk.py", tmp_path / "coverage.json"
    script.write_text(program)
    sources = ",".join(f"qnetsim/kernel/{name}.py" for name in SERVING)
    coverage = [sys.executable, "-m", "coverage"]
    settings = tmp_path / "coveragerc"
    # what only compiled code runs, Python never walks; the 1200 compare it with the others
    unseen = "[report]\nexclude_also =\n    @in_place_of\n"
    settings.write_text(f"[run]\nbranch = true\nsource = qnetsim.kernel\n{unseen}")
    environment = os.environ | {"COVERAGE_FILE": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}
    options = [f"--rcfile={settings}"]
    for command in (
        [*coverage, "run", *options, str(script)],
        [*coverage, "json", *options, f"--include={sources}", "-o", str(found)],
    ):
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    files = json.loads(found.read_text())["files"]
    assert len(files) == len(SERVING)
    missing = {
        name: (report["missing_lines"], report["missing_branches"])
        for name, report in files.items()
        if report["missing_lines"] or report["missing_branches"]
    }
    assert not missing
