"""Exit statuses of all commands; 0 is success."""

from __future__ import annotations

EXIT_USAGE = 2
EXIT_FAILED = 3
#: Not everything could be checked.
EXIT_PARTIAL = 4
EXIT_INTERRUPTED = 130
