"""The command line. Each command lives in its own module and is imported on first use."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
import warnings
from collections.abc import Callable
from importlib import import_module

import click

from qnetsim.cli.exit_status import EXIT_FAILED, EXIT_SIGNAL, EXIT_USAGE
from qnetsim.cli.show.echo import echo
from qnetsim.errors import QnetsimError, speaking_of_options
from qnetsim.input_files import inputs_noted
from qnetsim.interrupt import Interrupted
from qnetsim.last_message import AGAIN, note_command, say_end
from qnetsim.version import __version__

#: Commands: where each is defined, and its line in the overview.
COMMANDS = {
    "bench": ("bench:bench", "run a policy in the fixed benchmark worlds, or check such a row"),
    "compare": ("compare:compare", "run all policies in the same worlds, or compare traces"),
    "demand": ("demand:demand", "record the world of a scenario, or import demand of others"),
    "diff": ("diff:diff", "say where two traces part, or where two plans differ"),
    "explain": ("explain:explain", "say why a request waited in a slot of a trace"),
    "fel": ("fel:fel", "train a federated task, and show what keys its rounds take"),
    "inspect": ("inspect:inspect", "say what is in a trace or a plan"),
    "network": ("network:network", "convert topologies of others"),
    "plan": ("plan:plan", "solve only: what to reserve, at what expected cost"),
    "policies": ("listing:policies", "list the installed policies"),
    "rates": ("rates:rates", "print the key rates of a network beside bound and experiments"),
    "replay": ("replay:replay", "run a policy in a recorded world, or ask what if"),
    "report": ("report:report", "draw the report of traces: one HTML file, figures beside it"),
    "reproduce": ("reproduce:reproduce", "compute a figure of the paper, beside its claims"),
    "run": ("run:run", "run one policy and write its trace"),
    "scenario": ("scenario:scenario", "list, copy and check scenarios, print their schema"),
    "spacing": ("spacing:spacing", "find the cheapest spacing of transmitters on each fibre"),
    "sweep": ("sweep:sweep", "vary keys of a scenario: plan, run, collect many jobs"),
    "train": ("train:train", "train a learning policy: weights, card, learning curve"),
    "topologies": ("listing:topologies", "list the bundled topologies, or show one"),
    "verify": ("verify:verify", "check a trace: ledger, digests, provenance, and run it again"),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(f"qnetsim.cli.{module}"), attribute)
        _collect_from_here()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="qnetsim")
def group() -> None:
    """Simulate quantum-secured federated edge learning over QKD networks."""


#: New objects after which garbage is collected; Python has 700, which one module makes.
COLLECTED_AFTER = 10_000


def _collect_from_here() -> None:
    """Collect garbage again after the imports, but not what they made: it stays to the end.

    A command imports more as it goes.
    """
    if not gc.isenabled():
        gc.freeze()
        gc.set_threshold(COLLECTED_AFTER)
        gc.enable()


#: Commands that go on with the traces that a signal has left.
RESUMED = ("compare", "demand", "fel", "replay", "run")
#: How to go on with others that a signal stopped; what is neither here nor there is given again.
GO_ON = {
    "report": "the same command with --force draws it anew",
    "reproduce": "the same command goes on with the traces and trainings that are there",
    "sweep": "the same command goes on",
    "train": "the same command goes on",
}


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit; signals are the caller's affair (``qnetsim.__main__``).

    0 ok, 2 usage or scenario, 3 failed, 4 partial, 128 + N ended by signal N.
    """
    warnings.showwarning = _warn_once(set())
    for output in (sys.stdout, sys.stderr):
        # names and signs that the terminal's encoding lacks are replaced, not fatal
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="replace")
    sys.exit(_run(arguments))


def _warn_once(said: set[str]) -> Callable[..., None]:
    """Print a warning, each text once: Python forgets what it showed when its filters change."""

    def show(message: Warning | str, *_: object) -> None:
        if str(message) not in said:
            said.add(str(message))
            echo(f"warning: {message}", err=True)

    return show


def _run(arguments: list[str] | None) -> int:
    try:
        try:
            return _status(arguments)
        except BrokenPipeError:
            pass  # the reader of the pipe has gone, and no message would reach it
        except OSError as error:
            if error.filename is not None:
                # a file, and no stream of ours: what was printed stands
                echo(f"error: {error.filename}: {error.strerror}", err=True)
                return EXIT_FAILED
            echo(f"error: the output cannot be written: {error.strerror}", err=True)
    except OSError:
        pass  # stderr is gone as well
    _drop_output()
    return EXIT_FAILED


def _status(arguments: list[str] | None) -> int:
    """Run a command, say what went wrong, and return the exit status.

    Raises
    ------
    OSError
        stdout or stderr cannot be written; or, with its name, a file that nobody said more of.
    """
    words = sys.argv[1:] if arguments is None else arguments
    command = next((word for word in words if word in COMMANDS), "")
    if command in RESUMED:
        note_command("the same command with --resume goes on", anew=AGAIN)
    else:
        # ahead of its first saved state, a training begins anew
        note_command(GO_ON.get(command, AGAIN), anew=AGAIN if command == "train" else "")
    try:
        # without standalone mode, click returns the status of an early exit
        with inputs_noted(), speaking_of_options():
            status = group.main(arguments, prog_name="qnetsim", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        text = io.StringIO()
        error.show(text)
        echo(text.getvalue().rstrip("\n"), err=True)
        return EXIT_USAGE
    except QnetsimError as error:
        echo(f"error: {error}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as error:
        return _interrupted(error)
    except SystemExit as error:
        if error.code != 1:
            raise
        # click ends the process itself where the reader of a pipe has gone
        raise BrokenPipeError from error
    return status if isinstance(status, int) else 0


def _interrupted(error: BaseException) -> int:
    """Say what stands, and return the exit status; click puts an exception of its own around it."""
    causes = (error, error.__cause__)
    number = next((e.number for e in causes if isinstance(e, Interrupted)), int(signal.SIGINT))
    say_end(number)
    return EXIT_SIGNAL + number


def _drop_output() -> None:
    """Send what is left to the null device, so that the interpreter's last flush cannot fail."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device, not a path of ours
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
        try:
            sys.stderr.flush()
        except OSError:
            os.dup2(nowhere.fileno(), sys.stderr.fileno())
