"""Sizes of the jobs that do what a federated task does, in a terminal and as JSON."""

from __future__ import annotations

from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, table
from qnetsim.studies.job_sizes import JobSizes

#: Slots over which the keys of a round are spread, for the rows of the table.
SPREAD = (1, 2, 5, 10, 20)


def show_job_sizes(sizes: JobSizes, as_json: bool) -> None:
    """Print what a task's members and owner ask for in a round, by how long a round may take."""
    rows = [
        {
            "slots": slots,
            "sizes": list(sizes.sizes(slots)),
            "owner_size": sizes.owner_size(slots),
            "variance_over_mean": sizes.dispersion(2 * slots, slots),
        }
        for slots in SPREAD
    ]
    if as_json:
        facts = {"task": sizes.name, "level_bits": sizes.level_bits, "rows": rows}
        emit("job-sizes", {**facts, "member_bits": sizes.member_bits})
        return
    columns = ["slots of a round", "sizes of members", "owner_sizes", "variance / mean"]
    shown = table(f"task {sizes.name}: levels of {sizes.level_bits:,} bits", columns, left=2)
    for slots in SPREAD:
        kinds = sorted(set(sizes.sizes(slots)))
        shown.add_row(
            str(slots),
            ", ".join(map(str, kinds)),
            str(sizes.owner_size(slots)),
            f"{sizes.dispersion(2 * slots, slots):.3g}",
        )
    print_table(shown)
    echo(
        f"[jobs] members = {len(sizes.member_bits)}, with sizes and owner_sizes of a row and "
        "demand.levels above them; a Poisson level has variance / mean 1, a round every second "
        "turn of its slots is assumed"
    )
