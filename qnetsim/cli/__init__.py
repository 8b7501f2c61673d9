"""The command line. Each command lives in its own module and is imported on first use."""

from __future__ import annotations

import io
import os
import sys
import warnings
from importlib import import_module

import click

from qnetsim.cli.exit_status import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE
from qnetsim.errors import QnetsimError
from qnetsim.version import __version__

#: Commands: where each is defined, and its line in the overview.
COMMANDS = {
    "compare": ("compare:compare", "run all policies in the same worlds, or compare traces"),
    "demand": ("demand:demand", "record the world of a scenario, with no policy in it"),
    "diff": ("diff:diff", "say where two traces part, or where two plans differ"),
    "fel": ("fel:fel", "train a federated task, and show what keys its rounds take"),
    "inspect": ("inspect:inspect", "say what is in a trace or a plan"),
    "plan": ("plan:plan", "solve only: what to reserve, at what expected cost"),
    "policies": ("listing:policies", "list the installed policies"),
    "rates": ("rates:rates", "print the key rates of a network beside bound and experiments"),
    "replay": ("replay:replay", "run a policy in a recorded world, or ask what if"),
    "report": ("report:report", "draw the report of traces: one HTML file, figures beside it"),
    "reproduce": ("reproduce:reproduce", "compute a figure of the paper, beside its claims"),
    "run": ("run:run", "run one policy and write its trace"),
    "scenario": ("scenario:scenario", "check scenario files, print their schema"),
    "spacing": ("spacing:spacing", "find the cheapest spacing of transmitters on each fibre"),
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
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="qnetsim")
def group() -> None:
    """Simulate quantum-secured federated edge learning over QKD networks."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 ok, 2 usage or scenario, 3 failed, 130 interrupted."""
    warnings.showwarning = lambda message, *_: click.echo(f"warning: {message}", err=True)
    for output in (sys.stdout, sys.stderr):
        # names and signs that the terminal's encoding lacks are replaced, not fatal
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="replace")
    sys.exit(_run(arguments))


def _run(arguments: list[str] | None) -> int:
    try:
        # without standalone mode, click returns the status of an early exit
        status = group.main(arguments, prog_name="qnetsim", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except QnetsimError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; traces written so far are readable", err=True)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _drop_output()  # the reader of the pipe has gone, and no message would reach it
        return EXIT_FAILED
    except OSError as error:
        click.echo(f"error: the output cannot be written: {error.strerror}", err=True)
        _drop_output()
        return EXIT_FAILED
    return status if isinstance(status, int) else 0


def _drop_output() -> None:
    """Send what is left to the null device, so that the interpreter's last flush cannot fail."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device, not a path of ours
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
