"""Install the core into an empty environment, and say what it takes: `make weigh`.

Megabytes are 10^6 bytes of files, with the bytecode that pip compiles; CPU seconds are pip's.
"""

from __future__ import annotations

import os
import resource
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.installing import bare_environment, build_wheel, install

#: What the core may weigh.
MOST_MB = 500
#: Rows that are printed.
SHOWN = 12


def weights(site: Path) -> tuple[Counter[str], int]:
    """Bytes of each folder of an environment, and bytes of bytecode among them."""
    folders: Counter[str] = Counter()
    bytecode = 0
    for path in site.rglob("*"):
        if path.is_file() and not path.is_symlink():
            size = path.stat().st_size
            folders[path.relative_to(site).parts[0].removesuffix(".libs")] += size
            bytecode += size * (path.suffix == ".pyc")
    return folders, bytecode


def main() -> int:
    """Run the program; returns its exit status."""
    # where these are set, pip compiles nothing
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.pop("PIP_NO_COMPILE", None)
    with TemporaryDirectory() as folder:
        wheel = build_wheel(Path(folder))
        python = bare_environment(Path(folder) / "environment")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        install(python, wheel)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        (site,) = Path(folder).glob("environment/lib/python*/site-packages")
        folders, bytecode = weights(site)
    total = sum(folders.values()) / 1e6
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{total:.0f} MB in {seconds:.0f} CPU seconds; {bytecode / 1e6:.0f} MB are bytecode")
    for name, size in folders.most_common(SHOWN):
        print(f"{size / 1e6:6.1f}  {name}")
    return 0 if total < MOST_MB else 1


if __name__ == "__main__":
    sys.exit(main())
