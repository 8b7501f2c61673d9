"""``python -m qnetsim``, and the command ``qnetsim``: signals first, then everything else."""

from qnetsim.interrupt import end_of_command, take_over
from qnetsim.streams import keep_stdout, open_closed_streams


def main() -> None:
    """Run the command line and exit."""
    open_closed_streams()
    keep_stdout()
    take_over()
    # imports take time, in which a signal may come
    from qnetsim.cli import main as run_command

    try:
        run_command()
    finally:
        end_of_command()


if __name__ == "__main__":
    main()
