"""Random configurations walk every branch of what serves requests: ``make verify``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
#: What serves requests; numba compiles the loop from the very lines that are counted here.
SERVING = ("loop", "vector", "outages", "ways", "tables")
CONFIGURATIONS = 300


def test_every_branch_is_walked(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; sys.path[:0] = ['tests', 'tests/unit']\n"
        "from test_kernel_reference import compare\n"
        f"for seed in range({CONFIGURATIONS}): compare(seed, pathlib.Path({str(tmp_path)!r}))\n"
    )
    script, found = tmp_path / "walk.py", tmp_path / "coverage.json"
    script.write_text(program)
    sources = ",".join(f"qnetsim/kernel/{name}.py" for name in SERVING)
    coverage = [sys.executable, "-m", "coverage"]
    settings = tmp_path / "coveragerc"
    settings.write_text("[run]\nbranch = true\nsource = qnetsim.kernel\n")
    environment = os.environ | {"COVERAGE_FILE": str(tmp_path / "data")}
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
