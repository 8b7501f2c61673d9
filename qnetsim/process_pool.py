"""Pool of processes that tells of all its work when one of them dies.

Some versions of Python note the death of a process without the lock under which work is submitted.
What is submitted at that moment then waits for ever.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor, process
from typing import TYPE_CHECKING

#: Mended in 3.12.1, by a method of this name.
_NOTES_UNDER_LOCK = sys.version_info >= (3, 12, 1) or hasattr(
    process._ExecutorManagerThread, "_terminate_broken"
)

if TYPE_CHECKING or _NOTES_UNDER_LOCK:
    ProcessPool = ProcessPoolExecutor
else:

    class ProcessPool(ProcessPoolExecutor):
        """Pool that notes the death of a process between two submissions."""

        @property
        def _broken(self) -> str | bool:
            return self._why

        @_broken.setter
        def _broken(self, why: str | bool) -> None:
            with self._shutdown_lock:
                self._why = why
