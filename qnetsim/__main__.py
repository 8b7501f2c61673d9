"""``python -m qnetsim``, and the command ``qnetsim``: signals first, then everything else."""

import gc
import os

from qnetsim.interrupt import end_of_command, take_over
from qnetsim.streams import keep_stdout, open_closed_streams

#: Variables by which a user says how many threads linear algebra has.
BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")


def main() -> None:
    """Run the command line and exit."""
    open_closed_streams()
    keep_stdout()
    take_over()
    # matrices are small here: threads that wait for each other take time from everybody
    if not any(name in os.environ for name in BLAS_THREADS):
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
    # pydantic would look through all that is installed for plugins; a command has no use for one
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # a collection while modules are made frees nothing and goes through all that are there
    gc.disable()
    # imports take time, in which a signal may come
    from qnetsim.cli import main as run_command

    try:
        run_command()
    finally:
        end_of_command()
        # the interpreter would go through all that is left, twice, to free what ends with it
        gc.freeze()


if __name__ == "__main__":
    main()
