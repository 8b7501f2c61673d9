"""Every error that qnetsim raises on purpose.

All derive from :class:`QnetsimError`; the command line prints their text and never a traceback.
``exit_code`` is what the command line returns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

#: Whether messages speak of options, in all threads of this process.
_of_options = False


def speaks_of_options() -> bool:
    """Whether messages name what the caller gives as options of a command line."""
    return _of_options


def speak_of_options(yes: bool) -> None:
    """Choose how this process names what its caller gives; workers do as their parent."""
    global _of_options
    _of_options = yes


@contextmanager
def speaking_of_options() -> Iterator[None]:
    """Name options of a command line while the block runs."""
    before = _of_options
    speak_of_options(True)
    try:
        yield
    finally:
        speak_of_options(before)


def argument(name: str, value: str = "") -> str:
    """An argument as the caller knows it, for a message.

    Parameters
    ----------
    name : str
        As in Python.
    value : str
        What it may be given; ``True`` for one that is an option without a value.

    Returns
    -------
    str
        ``out`` or ``--out``, ``policy=NAME`` or ``--policy NAME``, ``force=True`` or ``--force``.
    """
    if not _of_options:
        return f"{name}={value}" if value else name
    option = "--" + name.replace("_", "-")
    return option if value in {"", "True"} else f"{option} {value}"


def refuse_resume_by_force(resume: bool, force: bool) -> None:
    """Refuse two settings that contradict each other.

    Raises
    ------
    UsageError
    """
    if resume and force:
        raise UsageError(
            f"{argument('resume', 'True')} keeps what is there and {argument('force', 'True')} "
            "overwrites it; give one of them"
        )


class QnetsimError(Exception):
    """Base class: the message says what is wrong, where, and how to mend it."""

    exit_code = 3


class UsageError(QnetsimError):
    """A command or a call was given a wrong argument."""

    exit_code = 2


class MissingExtraError(UsageError):
    """What was asked for needs a package that an extra of qnetsim brings; names the command."""


class NoDrawingError(UsageError, TypeError, NotImplementedError):
    """A drawing was asked of an environment that draws nothing.

    It is also what other libraries expect: a ``TypeError`` for a ``render_mode``, on which
    Stable-Baselines3 goes on without one, and a ``NotImplementedError`` for ``render()``.
    """


class _ListedProblemsError(QnetsimError):
    """Several problems of one input, one a line.

    Attributes
    ----------
    problems : tuple of str
    """

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[_ListedProblemsError], tuple[tuple[str, ...]]]:
        return type(self), (self.problems,)


class ScenarioError(_ListedProblemsError):
    """A scenario file is wrong.

    Attributes
    ----------
    problems : tuple of str
        Every problem found, each as ``file:line: key: what is wrong; what is allowed``.
    """


class CsvError(_ListedProblemsError):
    """A CSV file is wrong.

    Attributes
    ----------
    problems : tuple of str
        Every problem found, each as ``file:line: what is wrong; what is allowed``.
    """


class TrafficError(_ListedProblemsError):
    """A file of demand that others made cannot be read.

    Attributes
    ----------
    problems : tuple of str
        Every problem found, each naming the file, the line and what mends it.
    """


class TopologyError(_ListedProblemsError):
    """A topology cannot be read, or is not a network of fibres.

    Attributes
    ----------
    problems : tuple of str
        Every problem found, each naming the file and the fibre or node.
    """


class InfeasibleError(QnetsimError):
    """No plan serves the demand within the wavelength limits; names fibres and realisation."""


class SolverError(QnetsimError):
    """A solver stopped without a usable answer."""


class BoundError(QnetsimError):
    """A run cost less than what was proved to be the least."""


class PolicyError(QnetsimError):
    """A policy broke the contract of :class:`qnetsim.policies.base.Policy`."""


class LedgerError(QnetsimError):
    """Keys were not conserved: produced != consumed + stored + expired + overflowed."""


class TraceError(QnetsimError):
    """A trace cannot be read or written."""


class BeingWrittenError(TraceError):
    """Another process is writing the file."""


class TraceFormatError(TraceError):
    """The file is not a trace, or of a version that this software does not read."""


class WorldMismatchError(TraceError):
    """Traces of different worlds were to be compared."""


class MixedTracesError(TraceError):
    """Traces under one label are not of one policy in one setting."""


class PartialComparisonError(TraceError):
    """Traces of a comparison that was cut short cannot be compared."""

    exit_code = 4


class SettingError(QnetsimError):
    """Scenario values that are each allowed do not fit together or do not fit the topology.

    Attributes
    ----------
    problems : tuple of (tuple of str or int, str)
        The key each problem belongs to, and the problem.
    """

    exit_code = 2

    def __init__(self, problems: Sequence[tuple[tuple[str | int, ...], str]]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "\n".join(f"{'.'.join(map(str, key))}: {text}" for key, text in self.problems)
        )

    def __reduce__(self) -> tuple[type[SettingError], tuple[object]]:
        return type(self), (self.problems,)


class KeysExhaustedError(QnetsimError):
    """A message needs more key than is left; nothing was spent."""

    def __init__(self, needed: int, left: int) -> None:
        self.needed = needed
        self.left = left
        super().__init__(f"a message needs {needed} key bytes and {left} are left")

    def __reduce__(self) -> tuple[type[KeysExhaustedError], tuple[int, int]]:
        return type(self), (self.needed, self.left)


class TamperedMessageError(QnetsimError):
    """A message was changed, replayed, reordered or sent over another link."""


class ProtocolError(QnetsimError):
    """A party broke the rules of a federated task: it registered or submitted twice."""


class IntersectionError(QnetsimError):
    """A party broke the rules of the private set intersection."""
