"""What comes with qnetsim beside its code: scenarios, trained models, recorded demand.

They are folders of the package where it is installed, and top-level folders in a checkout;
`setup.cfg` maps the one to the other.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from qnetsim.errors import UsageError

PACKAGE = Path(__file__).parent


def shipped_folder(name: str) -> Path:
    """Folder of what is shipped under this name: ``models``, ``scenarios`` or ``traces``."""
    installed = PACKAGE / name
    return installed if installed.is_dir() else PACKAGE.parent / name


def shipped_input(name: str) -> Path | None:
    """A file of this name that shipped scenarios read: a topology, or recorded demand.

    Whether it is the one that is meant, its content says.
    """
    if Path(name).name != name:
        return None
    places = (shipped_folder(folder) / name for folder in ("scenarios", "traces"))
    return next((path for path in places if path.is_file()), None)


def shipped_scenarios() -> dict[str, Path]:
    """Scenario files that come with qnetsim, by name."""
    return dict(sorted((path.stem, path) for path in shipped_folder("scenarios").glob("*.toml")))


def benchmark_scenarios() -> dict[str, Path]:
    """Scenario files of the benchmark's worlds, by name."""
    folder = shipped_folder("scenarios") / "benchmark"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def summary_of(scenario: str) -> str:
    """First sentence of the comment that a scenario begins with.

    Parameters
    ----------
    scenario : str
        Text of the file.
    """
    words: list[str] = []
    for line in scenario.splitlines():
        if not line.startswith("#"):
            break
        for word in line[1:].split():
            words.append(word)
            if word.endswith("."):
                return " ".join(words)
    return " ".join(words)


def scenario_file(reference: str | os.PathLike[str]) -> Path:
    """Find a scenario by its path or, where nothing of that name is there, by its shipped name.

    Raises
    ------
    UsageError
        It is neither.
    """
    path = Path(reference)
    # a link that leads nowhere is there too; what is no path at all is left to whoever opens it
    if os.path.lexists(path) or "\0" in str(path):
        return path
    shipped = shipped_scenarios()
    worlds = {f"benchmark/{name}": place for name, place in benchmark_scenarios().items()}
    for places in (shipped, worlds):
        if str(reference) in places:
            return places[str(reference)]
    close = difflib.get_close_matches(path.stem, shipped, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise UsageError(
        f"{path}: no such scenario file; {hint}shipped scenarios: {', '.join(shipped) or 'none'}"
    )
