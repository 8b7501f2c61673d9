"""Runs agree with theory (slow), and the chains with closed forms and with the page."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.support import ROOT
from tests.support.oracles import chains
from tests.support.oracles.families import families
from tests.support.oracles.family import Family
from tests.support.oracles.trial import verdicts

PAGE = ROOT / "docs" / "background" / "theory.md"


@pytest.mark.slow
@pytest.mark.parametrize("family", families(), ids=lambda family: family.oracles[0].id)
def test_runs_agree_with_theory(family: Family, tmp_path: Path) -> None:
    for verdict in verdicts(family, tmp_path):
        assert verdict.agrees, verdict
        # an interval that holds anything would agree with anything
        assert verdict.half_95 < 0.1 * max(verdict.oracle.theory, 0.02), verdict


def test_chains_tend_to_erlangs_formula() -> None:
    """Shorter slots come closer to continuous time, at the rate of their length."""
    exact = chains.erlang_b(4.0, 5)
    off = [
        abs(chains.session_loss({0: 1 - 4 / h, 1: 4 / h}, 1 - 1 / h, 5) - exact)
        for h in (20, 200, 2000)
    ]
    assert off[0] > 8 * off[1] > 64 * off[2]


def test_chains_tend_to_the_loss_networks() -> None:
    h = 2000
    exact = chains.kelly_line(1.2, 2)
    assert np.allclose(chains.line_loss(1.2 / h, 1 - 1 / h, 2), exact, atol=1e-3)
    roberts = chains.kaufman_roberts({1: 2.0, 2: 1.0}, 6)
    found = chains.two_rate_loss((2.0 / h, 1.0 / h), 1 - 1 / h, 6)
    assert np.allclose(found, [roberts[1], roberts[2]], atol=1e-3)


def test_waits_add_up_to_the_queue() -> None:
    """Little's law ties the law of the wait to the mean number left."""
    mean = sum(w * chains.slots_waited(20, 0.04, w) for w in range(1, 200))
    assert mean * 20 * 0.04 == pytest.approx(chains.left_waiting(20, 0.04), rel=1e-9)


def test_the_page_shows_the_theory_of_today() -> None:
    """Runs take minutes; what theory says is solved anew here."""
    cells = [re.split(r"\s*\|\s*", row)[1:-1] for row in PAGE.read_text().splitlines()]
    rows = [row for row in cells if len(row) == 9][2:]
    shown = [(row[0], row[1], row[3]) for row in rows]
    assert shown == [
        (family.scenario, oracle.quantity, f"{oracle.theory:.6f}")
        for family in families()
        for oracle in family.oracles
    ]
    assert all(row[7] == "agrees" for row in rows)
