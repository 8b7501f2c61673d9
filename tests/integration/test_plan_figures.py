"""``qnetsim plan --sensitivity`` and ``--frontier`` with their figures, and prices on the map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnetsim.analysis.compare import compare_traces
from qnetsim.analysis.figures.network_map import HALO, map_figure, wavelength_prices
from qnetsim.analysis.figures.plan_costs import sensitivity_figure
from qnetsim.errors import TraceFormatError
from qnetsim.trace import open_trace
from tests.support.commands import call, data

NETWORK = "source,target,length_km\na,b,100\nb,c,200\na,c,250\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "net.csv").write_text(NETWORK)
    text = '[run]\nslots = 20\n[network]\ntopology = "net.csv"\nqkd_wavelengths = 27\n'
    text += "[demand]\nlevels = 4\nrequests = 6\n"
    (tmp_path / "s.toml").write_text(text)
    return tmp_path / "s.toml"


def test_a_sweep_is_shown_and_drawn(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = "network.qkd_wavelengths=3:63:3"
    picture = path.with_name("s.png")
    found = data(capsys, "plan", str(path), "--sensitivity", sweep, "--figure", str(picture))
    points = found["sensitivity"]["points"]
    assert [point["value"] for point in points] == [3, 33, 63]
    assert points[0]["status"] == "infeasible" and points[2]["bound"] <= points[2]["objective"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    code, _, err = call(capsys, "plan", str(path), "--sensitivity", sweep, "--figure", str(picture))
    assert code == 2 and "--force" in err
    code, out, err = call(
        capsys, "plan", str(path), "--sensitivity", "network.qkd_wavelengths=61:63:9"
    )
    assert code == 0, err
    assert "9 values were asked for, 3 are different" in out
    code, out, err = call(capsys, "plan", str(path), "--sensitivity", sweep)
    assert code == 0 and "network.qkd_wavelengths = 3: infeasible" in out


def test_options_that_do_not_go_together(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options, message in (
        (("--figure", "f.png"), "give one of them"),
        (("--sensitivity", "demand.mean=1:2:2", "--out", "p.h5"), "leave out --out"),
        (("--sensitivity", "demand.mean=1:2:2", "--frontier"), "leave out"),
        (("--sensitivity", "demand.mean=1:2:2", "--figure", "f.gif"), "must end in one of"),
        (("--sensitivity", "demand.mean=1:2:2", "--gap", "-1"), "--gap -1.0: must be"),
        (("--sensitivity", "demand.mean=-1:2:2"), "demand.mean"),
    ):
        code, _, err = call(capsys, "plan", str(path), *options)
        assert code != 0 and message in err, (options, err)


def test_a_frontier_is_drawn(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text(
        path.read_text().replace("qkd_wavelengths = 27\n", "")
        + "[planning]\nrisk = {cvar = 0.9, weight = 0.5}\n"
    )
    picture = path.with_name("f.svg")
    found = data(capsys, "plan", str(path), "--frontier", "--figure", str(picture))
    assert found["figure_file"] == str(picture)
    assert "<svg" in picture.read_text()


def test_values_without_a_plan_are_marked() -> None:
    costs = np.array([np.nan, 5.0, 4.0])
    bounds = np.array([np.nan, 4.5, np.nan])
    figure = sensitivity_figure(
        "a.key",
        values=np.arange(3.0),
        costs=costs,
        bounds=bounds,
        valid=[False, True, False],
        missing="infeasible",
    )
    (axes,) = figure.axes
    drawn = {line.get_label(): line.get_xdata().tolist() for line in axes.lines}
    assert drawn["no plan: infeasible"] == [0.0]
    assert drawn["cost of the plan"] == [1.0]
    assert drawn["does not keep the limits"] == [2.0]


def test_prices_are_shown_and_on_the_map(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = path.read_text().replace("qkd_wavelengths = 27", "qkd_wavelengths = 18")
    path.write_text(text + "[cost]\nblocking_cost = 200000\n")
    found = data(capsys, "plan", str(path))
    values = found["wavelength_values"]
    assert values and values[0]["limit"] == "qkd" and values[0]["price"] > 0
    assert 0 <= values[0]["saves_low"] <= values[0]["saves_high"]
    code, out, err = call(capsys, "plan", str(path))
    assert code == 0, err
    assert "what wavelengths are worth" in out
    assert "wavelength_values" not in data(capsys, "plan", str(path), "--no-information")
    trace = path.with_name("t.h5")
    data(capsys, "run", str(path), "--policy", "sip", "--out", str(trace))
    net = str(path.with_name("net.csv"))
    assert call(capsys, "verify", str(trace), "--topology", net)[0] == 0
    comparison = compare_traces([trace])
    run = comparison.policies[0].runs[0]
    prices = wavelength_prices(run)
    assert prices is not None and prices.max() == pytest.approx(values[0]["price"])
    from matplotlib.colors import to_rgb

    with open_trace(trace) as opened:
        axes = map_figure(comparison, opened).axes[0]
    halos = [c for c in axes.collections if c.get_zorder() == 1]
    assert any(np.allclose(c.get_colors()[0][:3], to_rgb(HALO)) for c in halos)
    assert run.plan is not None
    run.plan["wavelength_prices"]["qkd"] = [1.0]
    with pytest.raises(TraceFormatError, match="a price for each fibre"):
        wavelength_prices(run)
