"""Exit statuses of all commands; 0 is success."""

from __future__ import annotations

EXIT_USAGE = 2
EXIT_FAILED = 3
#: Not everything could be checked.
EXIT_PARTIAL = 4
#: A signal ends a command with this plus its number: SIGINT 130, SIGTERM 143, SIGHUP 129.
EXIT_SIGNAL = 128
