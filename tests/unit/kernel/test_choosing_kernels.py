"""Which kernel serves a run, and into how many bins its waiting times go."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from qnetsim.errors import UsageError
from qnetsim.kernel import key_managers
from qnetsim.kernel.key_managers import KeyManagers
from qnetsim.kernel.serving import jit, loop
from qnetsim.kernel.serving.jit import WORTH_COMPILING, chosen
from qnetsim.kernel.serving.wait_bins import wait_bins
from qnetsim.scenario import KeyManagementTable
from tests.support.lines import context_of, line_case

S = 10**9


@pytest.mark.parametrize("installed", [True, False])
@pytest.mark.parametrize("kernel", ["numpy", "loop"])
def test_what_is_asked_for_is_taken(
    monkeypatch: pytest.MonkeyPatch, installed: bool, kernel: str
) -> None:
    monkeypatch.setattr(jit, "have_numba", lambda: installed)
    for walks in (False, True):
        assert chosen(kernel, 10**9, walks=walks) == kernel  # type: ignore[arg-type]


def test_numba_must_be_there_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jit, "have_numba", lambda: True)
    assert chosen("numba", 1, walks=False) == "numba"
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "numba" else found(name)
    )
    with pytest.raises(UsageError, match=r'pip install "qnetsim\[fast\]"'):
        chosen("numba", 1, walks=False)


@pytest.mark.parametrize(("walks", "name"), [(False, "arrays"), (True, "walk")])
def test_compiling_pays_from_some_requests_on(
    monkeypatch: pytest.MonkeyPatch, walks: bool, name: str
) -> None:
    worth = WORTH_COMPILING[name]
    monkeypatch.setattr(jit, "have_numba", lambda: True)
    assert chosen("auto", worth - 1, walks=walks) == "numpy"
    assert chosen("auto", worth, walks=walks) == "numba"
    monkeypatch.setattr(jit, "have_numba", lambda: False)
    assert chosen("auto", worth, walks=walks) == "numpy"


def test_requests_that_are_walked_pay_sooner() -> None:
    assert WORTH_COMPILING == {"arrays": 10**7, "walk": 5 * 10**4}


@pytest.mark.parametrize(
    ("patience_s", "setup_s", "slot_s", "run_s", "width", "count"),
    [
        # nobody waits
        (0.0, 0.0, 1.0, 100, 1, 1),
        # parts of a slot, so that there are a hundred bins or more
        (1.0, 0.0, 1.0, 100, S // 100, 100),
        (1.0, 0.5, 1.0, 100, S // 50, 100),
        (2.0, 0.0, 1.0, 100, S // 50, 100),
        (0.5, 0.25, 1.0, 100, S // 100, 100),
        (3.0, 0.0, 1.0, 100, S // 40, 120),
        (4.0, 0.0, 1.0, 100, S // 25, 100),
        (5.0, 0.0, 1.0, 100, S // 20, 100),
        (10.0, 0.0, 1.0, 100, S // 10, 100),
        (13.0, 0.0, 1.0, 100, S // 8, 104),
        (20.0, 0.0, 1.0, 100, S // 5, 100),
        (25.0, 0.0, 1.0, 100, S // 4, 100),
        (50.0, 0.0, 1.0, 100, S // 2, 100),
        (100.0, 0.0, 1.0, 1000, S, 100),
        (99.0, 0.0, 1.0, 1000, S // 2, 198),
        (150.0, 0.0, 1.0, 1000, S, 150),
        (200.0, 0.0, 1.0, 1000, S, 200),
        # too many slots for a bin each
        (201.0, 0.0, 1.0, 1000, -(-201 * S // 100), 100),
        (250.0, 0.0, 1.0, 1000, -(-250 * S // 100), 100),
        # nobody waits longer than the run lasts
        (1000.0, 0.0, 1.0, 150, S, 150),
        # a slot that cannot be cut into such parts
        (1.5e-8, 0.0, 7e-9, 1, 1, 15),
        (3.01e-7, 0.0, 1.03e-7, 1, 4, 76),
        (1.24e-7, 0.0, 1e-8, 1, 1, 130),
    ],
)
def test_bins_reach_to_the_longest_wait(
    patience_s: float, setup_s: float, slot_s: float, run_s: int, width: int, count: int
) -> None:
    table = KeyManagementTable(patience_s=patience_s, on_demand_setup_s=setup_s)
    found = wait_bins(table, round(slot_s * S), run_s * S)
    assert (found.width_ticks, found.count) == (width, count)


@pytest.mark.parametrize("kernel", ["numba", "numpy", "loop"])
def test_the_loop_is_compiled_where_numba_serves(
    tmp_path: Path, kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_managers, "compiled", lambda module: ("compiled", module))
    managers = KeyManagers(context_of(line_case(tmp_path), kernel=kernel))
    assert managers._serving == (("compiled", loop) if kernel == "numba" else loop)
