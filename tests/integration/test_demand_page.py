"""The examples of the page on demand give what it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from qnetsim.case import load, open_case
from qnetsim.traffic.traffic_settings import AMOUNTS, RATES, USUAL
from tests.support import ROOT
from tests.support.commands import call

PAGE = (ROOT / "docs" / "reference" / "demand.md").read_text("utf-8")
#: Examples by heading.
EXAMPLES = dict(re.findall(r"^### (.+?)\n(.*?)(?=^##|\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of topohub
@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_gives_what_the_page_says(
    title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    before, command, after = re.split(r"```console\n\$ qnetsim (.*?)\n```", EXAMPLES[title])
    for name, content in re.findall(r"`([\w.]+)`:\n\n```csv\n(.*?)```", before, re.DOTALL):
        (tmp_path / name).write_text(content)
    code, _, err = call(capsys, *shlex.split(command))
    assert code == 0, err
    found = re.search(r"`([\w.]+)`(?::| begins with)\n\n```csv\n(.*?)```", after, re.DOTALL)
    assert found
    written = (tmp_path / found[1]).read_text()
    assert written.startswith(found[2]) if "begins" in found[0] else written == found[2]
    if found[1] == "demand.csv":
        (tmp_path / "s.toml").write_text(
            '[network]\ntopology = "nsfnet"\n[recording]\nfile = "demand.csv"\n'
            'rate_unit = "bps"\nslot_s = 1.0\n'
        )
        assert open_case(load("s.toml")).forecast.requests


def test_the_page_has_examples_and_every_unit_and_name() -> None:
    assert len(EXAMPLES) >= 5
    for word in (*RATES, *AMOUNTS, *(name for names in USUAL.values() for name in names)):
        assert f"`{word}`" in PAGE, word


@pytest.mark.parametrize("table", re.findall(r"```toml\n(\[demand\].*?)```", PAGE, re.DOTALL))
def test_tables_of_the_page_are_read(table: str, tmp_path: Path) -> None:
    nodes = [str(i) for i in range(1, 15)]
    (tmp_path / "population.csv").write_text(
        "node,weight\n" + "".join(f"{node},{node}\n" for node in nodes)
    )
    (tmp_path / "means.csv").write_text("source,target,mean_rate_bps\n1,2,1950\n")
    (tmp_path / "s.toml").write_text(f'[network]\ntopology = "nsfnet"\n{table}')
    assert open_case(load(tmp_path / "s.toml")).forecast.requests
