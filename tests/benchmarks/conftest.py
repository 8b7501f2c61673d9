"""What the benchmarks share: the tree of version 0.1.0."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.release import RELEASE, unpack_release


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the package of version 0.1.0; a checkout without its commit has none."""
    folder = tmp_path_factory.mktemp("release")
    try:
        unpack_release(folder)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"this checkout has no commit {RELEASE}")
    return folder
