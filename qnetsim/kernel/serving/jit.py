"""What serves the requests of a run: array steps, plain loops, or loops that numba compiles."""

from __future__ import annotations

from typing import Literal

from qnetsim.compiling import have_numba
from qnetsim.extras import require

Kernel = Literal["auto", "numba", "numpy", "loop"]
Served = Literal["numba", "numpy", "loop"]
#: Requests from which on the compiled loop pays, although its first use on a machine takes half a
#: minute: where array steps serve whole slots, and where requests are walked one by one.
WORTH_COMPILING = {"arrays": 10_000_000, "walk": 50_000}


def chosen(kernel: Kernel, requests: int, *, walks: bool) -> Served:
    """Kernel of a run that serves this many requests; the results do not depend on it.

    Parameters
    ----------
    kernel : {"auto", "numba", "numpy", "loop"}
    requests : int
    walks : bool
        Whether requests wait, go on or come one by one, so that slots are no plain array steps.

    Raises
    ------
    MissingExtraError
        numba is asked for and not installed.
    """
    if kernel == "numba":
        require("the kernel 'numba' (another one is 'numpy')", "numba")
    if kernel == "auto":
        worth = requests >= WORTH_COMPILING["walk" if walks else "arrays"]
        return "numba" if worth and have_numba() else "numpy"
    return kernel
