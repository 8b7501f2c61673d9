"""Build the wheel, and install it into environments of its own, outside the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT

#: What a build reads; copied, so that no leftovers stay in the checkout for a later wheel.
SOURCES = (
    *("LICENSE", "MANIFEST.in", "README.md", "pyproject.toml", "setup.cfg", "setup.py"),
    *("models", "qnetsim", "scenarios", "traces"),
)


def build_wheel(folder: Path) -> Path:
    """Build the wheel with the setuptools of this environment."""
    source = folder / "source"
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, source / name)
    run(
        *(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"),
        *("--wheel-dir", folder / "wheels", source),
    )
    (wheel,) = (folder / "wheels").glob("*.whl")
    return wheel


def bare_environment(folder: Path) -> Path:
    """Make an environment without any package; returns its interpreter."""
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    return folder / "bin" / "python"


def install(python: Path, *what: Path | str) -> None:
    """Install with the pip of this environment."""
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", *what)


def run(*command: Path | str, folder: Path | None = None) -> str:
    """Run a command that must succeed; returns what it prints on stdout."""
    done = run_any(*command, folder=folder)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def run_any(*command: Path | str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command that sees nothing of the checkout."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, cwd=folder, env=environment
    )
