"""Key rates: decoy-state MDI-QKD, spacings and rates of single fibres, tables of rates."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnetsim.case import load, open_case
from qnetsim.errors import ScenarioError
from qnetsim.network.keyrate import MdiLink, plob
from tests.support.helpers import nsfnet

LINK = MdiLink(0.145, 6.02e-6, 0.015, 1.16)


@pytest.mark.parametrize(
    ("km", "mu", "printed"),
    [
        (0, 0.3, "3.41569e-04"),
        (50, 0.3, "3.27690e-05"),
        (100, 0.3, "2.99546e-06"),
        (150, 0.3, "2.21632e-07"),
        (50, None, "5.1815e-05"),
        (100, None, "4.5785e-06"),
        (150, None, "3.156e-07"),
    ],
)
def test_mdi_qkd_rates_to_the_printed_digits(km: float, mu: float | None, printed: str) -> None:
    digits = len(printed.split("e")[0]) - 2
    assert f"{LINK.symmetric(km, 0.2, mu):.{digits}e}" == printed


@given(st.floats(0.1, 400), st.floats(0.1, 400), st.one_of(st.none(), st.floats(0.01, 1.0)))
def test_mdi_qkd_falls_and_stays_below_the_bound(a: float, b: float, mu: float | None) -> None:
    near, far = sorted((a, b))
    rates = LINK.symmetric(near, 0.2, mu), LINK.symmetric(far, 0.2, mu)
    assert rates[0] >= rates[1] * (1 - 1e-9) >= 0
    assert rates[1] < plob(far, 0.2)


@given(st.floats(1e-4, 0.2), st.floats(1e-4, 0.2), st.floats(0.05, 0.8), st.floats(0.05, 0.8))
def test_mdi_qkd_is_symmetric(x: float, y: float, mu_a: float, mu_b: float) -> None:
    assert math.isclose(
        LINK.rate(x, y, mu_a, mu_b), LINK.rate(y, x, mu_b, mu_a), rel_tol=1e-9, abs_tol=1e-15
    )


def test_spacing_and_rate_differ_by_fibre() -> None:
    network = open_case(
        nsfnet(
            network__key_rate='"inverse"',
            network__fibre_spans='[["1", "2", 80.0], ["4", "5", 320]]',
        )
    ).network
    names = [network.topology.fibre_name(e) for e in range(network.fibres)]
    at = {name: e for e, name in enumerate(names)}
    assert network.channel_bits[[at["1–2"], at["4–5"], at["1–3"]]].tolist() == [2000, 500, 1000]
    assert network.segments[at["1–2"]] == math.ceil(1100 / 80)
    # ρ of level 3 counts in channels of each fibre
    assert network.level_channels(4)[3, [at["1–2"], at["4–5"]]].tolist() == [2, 6]


def table_scenario(folder: Path, rows: str, **network: object) -> Path:
    (folder / "rates.csv").write_text("distance_km,rate_bps\n" + rows)
    keys = {"span_km": 100, "rate_table_pulse_rate_hz": 1e6, **network}
    listed = "\n".join(f"{key} = {value}" for key, value in keys.items())
    path = folder / "case.toml"
    path.write_text(
        f'[network]\ntopology = "nsfnet"\nkey_rate = "table"\nrate_table = "rates.csv"\n{listed}\n'
        "[demand]\nrequests = 3\n"
    )
    return path


def test_a_rate_table_is_interpolated_in_the_logarithm(tmp_path: Path) -> None:
    scenario = load(table_scenario(tmp_path, "50,4000\n150,1000\n"))
    assert scenario.network.rate_table == ((50.0, 4000.0), (150.0, 1000.0))
    assert open_case(scenario).network.level_bits == 2000


def test_columns_of_a_rate_table_go_by_their_names(tmp_path: Path) -> None:
    path = table_scenario(tmp_path, "")
    (tmp_path / "rates.csv").write_text("# km\nrate_bps; Distance_km\n4000;50\n1000;150\n")
    assert load(path).network.rate_table == ((50.0, 4000.0), (150.0, 1000.0))
    (tmp_path / "rates.csv").write_text("distance_km,rate_bps,loss_db\n50,4000,10\n")
    with pytest.raises(ScenarioError, match=r"rates\.csv:1: 'loss_db' is not used"):
        load(path)


@pytest.mark.parametrize(
    ("rows", "network", "word"),
    [
        ("50,4000\n150,900000\n", {}, "above the PLOB bound"),
        ("50,4000\n90,1000\n", {}, "covers 50 .. 90 km"),
        ("50,4000\n50,1000\n", {}, "must ascend"),
        ("50,4000\n150,-1\n", {}, "rates > 0"),
        ("50,4000\n150,x\n", {}, "rates.csv:3"),
        ("50,4000\n", {}, "at least two points"),
    ],
)
def test_bad_rate_tables_are_refused(
    tmp_path: Path, rows: str, network: dict[str, object], word: str
) -> None:
    path = table_scenario(tmp_path, rows, **network)
    with pytest.raises(ScenarioError, match=word) as error:
        load(path)
    assert f"{path}:4: network.rate_table" in str(error.value)
