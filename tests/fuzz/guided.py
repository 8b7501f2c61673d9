"""One target guided by Atheris: coverage of the package's bytecode, with libFuzzer behind it.

Atheris is no dependency of the project: ``pip install atheris``. Then::

    python -m tests.fuzz.guided TARGET --minutes 5
"""

from __future__ import annotations

import argparse
import pkgutil
import sys
from importlib import import_module
from pathlib import Path
from random import Random

import atheris

#: Seconds after which libFuzzer takes an input for a hang in C, and most memory in MiB.
HANG_S = 120
MOST_MIB = 6000


class FaultError(Exception):
    """What an input must not do; libFuzzer keeps the input."""


def instrument() -> None:
    """Import the package with counters in its bytecode; only what is imported here has them."""
    with atheris.instrument_imports(include=["qnetsim"]):
        package = import_module("qnetsim")
        for module in pkgutil.walk_packages(package.__path__, "qnetsim."):
            if not module.name.endswith("__main__"):
                import_module(module.name)


def fuzz(name: str, folder: Path, minutes: float | None) -> None:
    """Fuzz a target until the time is up or it fails; ends the process with libFuzzer's status.

    Parameters
    ----------
    name : str
    folder : Path
        The corpus that grows is in ``guided/NAME``, failing inputs in ``failures/NAME``.
    minutes : float or None
        Without an end where None.
    """
    instrument()
    from tests.fuzz.attempt import FAULTS, attempt
    from tests.fuzz.seeds import CORPUS, make_home
    from tests.fuzz.targets import TARGETS, seeds_of

    target = TARGETS[name]
    home = make_home(folder / "home")
    grown = folder / "guided" / name
    failures = folder / "failures" / name
    for place in (grown, failures):
        place.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds_of(target, home, CORPUS)):
        (grown / f"seed-{number:02d}").write_bytes(data)
    path = (folder / f"input{target.suffix}").resolve()

    def one(data: bytes) -> None:
        path.write_bytes(data)
        end = attempt(target, path, home)
        if end.kind in FAULTS:
            raise FaultError(f"{end.kind} {end.key}\n{end.text}")

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        rng = Random(seed)
        if rng.random() < 0.2 and target.suffix != ".json":
            return bytes(atheris.Mutate(data, most))
        return target.mutate(rng, data, data)[:most]

    options = [f"-artifact_prefix={failures}/", f"-timeout={HANG_S}", f"-rss_limit_mb={MOST_MIB}"]
    options += ["-max_len=1048576", "-print_final_stats=1"]
    if minutes is not None:
        options.append(f"-max_total_time={round(60 * minutes)}")
    atheris.Setup([sys.argv[0], *options, str(grown)], one, custom_mutator=mutate)
    atheris.Fuzz()


def main() -> None:
    """Read the command line and fuzz."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=__doc__)
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument("--minutes", type=float, help="how long; until a fault unless given")
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"), help="for results")
    given = parser.parse_args()
    fuzz(given.target, given.folder, given.minutes)


if __name__ == "__main__":
    main()
