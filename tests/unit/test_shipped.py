"""What is shipped is found by name, in a checkout and where the package is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

import qnetsim
import qnetsim.shipped as shipped
from qnetsim.errors import UsageError
from tests.support import ROOT, SCENARIOS


def test_folders_of_a_checkout_stand_beside_the_package() -> None:
    for name in ("models", "scenarios", "traces"):
        assert shipped.shipped_folder(name) == ROOT / name


def test_folders_of_an_installed_package_are_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "qnetsim" / "scenarios").mkdir(parents=True)
    (tmp_path / "scenarios").mkdir()  # of somebody else
    (tmp_path / "qnetsim" / "scenarios" / "mine.toml").write_text("")
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path / "qnetsim")
    assert shipped.shipped_scenarios() == {"mine": tmp_path / "qnetsim" / "scenarios" / "mine.toml"}


def test_a_name_is_a_shipped_scenario() -> None:
    assert shipped.scenario_file("nsfnet") == SCENARIOS / "nsfnet.toml"
    assert qnetsim.load("tiny") == qnetsim.load(SCENARIOS / "tiny.toml")


def test_an_existing_path_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "nsfnet"
    place.write_bytes((SCENARIOS / "usnet.toml").read_bytes())
    assert shipped.scenario_file("nsfnet") == Path("nsfnet")
    assert qnetsim.load("nsfnet").network.topology == "usnet"
    place.unlink()
    place.symlink_to("nowhere")
    assert shipped.scenario_file("nsfnet") == Path("nsfnet")


@pytest.mark.parametrize("given", ["nsfnt", "scenarios/nsfnet.toml", "nsfnet.toml"])
def test_what_is_neither_says_what_is_shipped(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        shipped.scenario_file(given)
    text = str(caught.value)
    assert text.startswith(f"{given}: no such scenario file; did you mean 'nsfnet'? shipped")
    assert all(path.stem in text for path in SCENARIOS.glob("*.toml"))


def test_every_shipped_scenario_says_what_it_is() -> None:
    for name, path in shipped.shipped_scenarios().items():
        summary = shipped.summary_of(path.read_text("utf-8"))
        assert summary.endswith("."), name
        assert 20 < len(summary) <= 100, (name, len(summary))


def test_a_scenario_without_a_comment_has_no_summary() -> None:
    assert shipped.summary_of("[run]\nslots = 1 # slots.\n") == ""
    assert shipped.summary_of("# One\n# line.\n# Two.\n") == "One line."
