"""Fuzzing of every reader and every command: ``python -m tests.fuzz.run``, or ``make fuzz``."""
