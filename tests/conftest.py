"""Fixtures shared by all floors of the tests."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests.support import ROOT

settings.register_profile(
    "default",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("default")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden results")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(autouse=True)
def _no_global_randomness(monkeypatch: pytest.MonkeyPatch) -> None:
    """The global generators are off limits: drawing from one fails the test."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a global random generator was used")

    for name in ("random", "rand", "randn", "randint", "normal", "uniform", "poisson", "choice"):
        monkeypatch.setattr(np.random, name, refuse)


@pytest.fixture(scope="session")
def nsfnet_file() -> Path:
    return ROOT / "scenarios" / "nsfnet.toml"


# byte code is kept: else each of the many processes that the tests start compiles the package anew
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# jobs in the background of a script ignore these, and so would all that the tests start
for _number, _usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGTERM, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)
