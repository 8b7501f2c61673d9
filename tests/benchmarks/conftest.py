"""What the benchmarks share: the tree of version 0.1.0."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.release import RELEASE, unpack_release


@pytest.fixture(scope="session")
def release(pytestconfig: pytest.Config) -> Path:
    """Folder with the package of version 0.1.0; fails where the checkout has no history.

    The folder stays from one session to the next: its loop takes most of a minute to compile.
    """
    cache = pytestconfig.cache
    assert cache is not None
    folder = cache.mkdir(f"qnetsim-{RELEASE}")
    try:
        unpack_release(folder)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.fail(
            f"nothing is compared to version 0.1.0: commit {RELEASE} cannot be unpacked ({error}); "
            "where the checkout lacks it, fetch its history (git fetch --unshallow)",
            pytrace=False,
        )
    return folder
