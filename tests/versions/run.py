"""Install both ends of all dependencies, and take a tour through each: `make versions`.

The lower end has the lower bound of each package in `setup.cfg`, the upper one the newest that the
package index has. Only torch is that of `constraints.txt` at both ends: other versions bring
gigabytes of GPU libraries. Packages that ours depend on are the newest that fit.
"""

from __future__ import annotations

import argparse
import configparser
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support import ROOT
from tests.support.installing import bare_environment, build_wheel, install, run, run_any

ENDS = ("lower", "newest")
#: Taken from `constraints.txt` at both ends.
PINNED = {"torch"}


def bounds() -> dict[str, str]:
    """Lower bound of each dependency, extras included."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    listed = parser["options"]["install_requires"] + parser["options.extras_require"]["all"]
    return dict(re.findall(r"^([\w-]+)>=(\S+)$", listed, re.M))


def requirements(end: str) -> list[str]:
    """What is installed at one end."""
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.M))
    found = []
    for package, lower in bounds().items():
        version = pinned[package] if package in PINNED else lower if end == "lower" else None
        found.append(f"{package}=={version}" if version else package)
    return found


def tour(end: str, wheel: Path, folder: Path) -> bool:
    """Install one end and run the tour there; returns whether all of it worked."""
    python = bare_environment(folder / "environment")
    install(python, *requirements(end))
    install(python, "--no-deps", wheel)
    versions = run(sys.executable, "-m", "pip", "--python", python, "list", "--format=freeze")
    ours = {line for line in versions.split() if line.partition("==")[0] in bounds()}
    print(f"{end}: {', '.join(sorted(ours))}", flush=True)
    place = folder / "tour"
    place.mkdir()
    done = run_any(python, ROOT / "tests" / "versions" / "smoke.py", folder=place)
    print(done.stdout, done.stderr, sep="", flush=True)
    return done.returncode == 0


def main() -> int:
    """Run the program; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--end", choices=ENDS, action="append", help="one end only")
    ends = parser.parse_args().end or ENDS
    with TemporaryDirectory() as folder:
        wheel = build_wheel(Path(folder))
        worked = [tour(end, wheel, Path(folder, end)) for end in ends]
    return 0 if all(worked) else 1


if __name__ == "__main__":
    sys.exit(main())
