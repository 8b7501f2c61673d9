"""Old name of ``qnetsim.learning.pettingzoo``; it works for one more version, with a warning."""

from __future__ import annotations

import warnings
from typing import Any

from qnetsim.learning import pettingzoo

__all__ = ["QkdParallelEnv"]  # noqa: F822 - given by __getattr__


def __getattr__(name: str) -> Any:
    """Take a name from the module's new place.

    Raises
    ------
    AttributeError
        There is no such name.
    """
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(pettingzoo, name)
    warnings.warn(
        f"qnetsim.learning.parallel is now qnetsim.learning.pettingzoo; import {name} from there",
        DeprecationWarning,
        stacklevel=2,
    )
    return found
