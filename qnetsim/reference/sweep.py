"""Prints the reference page of sweeps from the models: ``make docs``."""

from __future__ import annotations

from pydantic import BaseModel

from qnetsim.reference.scenario import keys_of
from qnetsim.studies.sweep.sweep_tables import FactorTable, StoppingTable, SweepTable, TrainingTable

HEAD = """\
# Sweeps

This page is made by `make docs` from `qnetsim/reference/sweep.py` and the tables in
`qnetsim/studies/sweep`; a test fails where they differ. [Your first
study](../tutorials/first-study.md) goes through a sweep step by step.

A sweep varies keys of a scenario. Its file is TOML, strict like scenarios: all errors come at once,
each with its line, and every point of the design is checked before anything runs.

## The file
"""

TAIL = """
A factor is a key of the scenario (`demand.requests`, `planning.risk.cvar`, `policy.0.seed`),
checked as `--set` is, or an option of one policy by its title (`policy.TITLE.OPTION`); the jobs of
the other policies are then shared by the points. `set` may be written as `set.run.slots = 200`.
Policies, `.py` files and scenarios are looked for in the folder of the sweep file.

All points have the scenario's seed, so replication r of one point and of another draw from the same
streams, and a factor that the world does not depend on leaves the world as it is: compare the
`world_digest` of rows.

A Latin hypercube has one value in each of `points` equal parts of every factor; a Sobol sequence is
that of `scipy.stats.qmc`, scrambled, which keeps it even in boxes of several factors. Both follow
from `seed`; the points of a scrambled sequence may differ between versions of SciPy, and the
manifest has those that count.

### Trainings

Each policy of `train` is trained once in each point's scenario, with one training seed, before it
runs there. Keys of `[learning]` may be factors (`learning.epochs`); `[training]` holds for all
points. With `device = "cuda"` every worker needs a GPU. Trainings from traces, and `belief-net`,
are no jobs of a sweep: `qnetsim train` makes such weights, and `NAME:model=FILE` runs them.

### Sequential stopping

With `[stopping]`, a point gets `block` replications at a time. After each block the cost of every
policy is paired with that of `reference`, replication by replication. The point is done when all
these intervals are narrow enough, or at `replications`. There are `looks = replications / block`
(rounded up) looks at most, and each has intervals of the level 1 − 0.05 / looks (Bonferroni). So
all looks at one policy in one point hold together with 95 %, however early the point stops. Nothing
is corrected for the number of policies or points. The report has all its intervals at the level of
one look, and says so: an interval of plain 95 % at the replications where a point stopped would
miss more often. Every look is kept under `looks/` with a digest over rule, point and jobs; looks of
another rule or other jobs count for nothing, and are made anew.

## Commands

| command | does |
|---|---|
| `qnetsim sweep plan SWEEP` | checks the file, writes the manifest, lists jobs, time and disk |
| `qnetsim sweep run SWEEP` | works it off; what is done is checked and kept |
| `qnetsim sweep status SWEEP` | what is done, failed, missing |
| `qnetsim sweep collect SWEEP --out FILE` | one table: `.csv`, `.parquet`, `.h5` or `.nc` |
| `qnetsim sweep report SWEEP` | one HTML page: cost over the factors, best policy by region |

SWEEP is the sweep file or the folder of its results, `runs/NAME` unless `--folder` says otherwise.
All take `--json`; that of `plan` has all jobs, its list on a terminal the first ones. Exit status 4
says that jobs failed, are missing, or have results that are not as they were written. No file that
a sweep is made of is written over, `--force` or not.

The estimate comes from the records of finished jobs of the same kind and policy. Where there are
none, it comes from short runs made now: the first and the last run of each policy, at most 1,000
slots long, extrapolated by a line in slots. It says which. Trainings are not estimated before one
of them is done.

## The folder

| place | holds |
|---|---|
| `manifest.jsonl` | a line on the sweep, then a line a job: all that its result depends on |
| `traces/JOB.h5` | the trace of a run; under a hidden temporary name until it is whole |
| `plans/JOB.h5` | a plan that several runs share; a plan that one run needs is made in that run |
| `weights/JOB.safetensors` | what a training made, with card and learning curve beside it |
| `records/JOB.json` | how the job ended: error, time, size, SHA-256 of its result |
| `looks/point-N.json` | the looks at a point |
| `sweep.sbatch`, `Snakefile` | scripts for SLURM and Snakemake; yours are not overwritten |

`JOB` is a digest over scenario, fibres, policy (options, code, weights) and replication, and not
over file names. So a sweep that gets more points or replications keeps what is done. A job whose
scenario, code or weights have changed since the manifest was written fails, and says so. Runs of
one world go to one worker, which draws the world once and keeps it in memory up to 64 MiB; where
there are fewer worlds than four times the workers, jobs go out one by one.

A manifest names code of policies as a sweep file does, with its SHA-256: run only those that you
trust.

A result that is there is compared with size and SHA-256 of its record. Without a record, its own
content digest must hold, and scenario, fibres, policy and replication must be those of the job. One
that was changed, or is that of another job, fails its job and stays; remove it to have it made
again. `run`, `status`, `collect` and `report` all look. The first line of the manifest has a digest
over the file, so that a manifest that was edited is refused, too. These digests find mistakes, and
not somebody who writes records as well.

## The table

A row for each point, policy and replication, in this order of columns: the factors by key,
`policy`, `replication`, `cost_per_slot`, `served`, `blocked`, `on_demand_share`, `warmup_slots`,
`at_start`, `world_digest`, `content_digest`, `status`, `job`, `error`. `warmup_slots` says how many
first slots the figures leave out: those of `run.warmup_slots` and no others, for runs are paired
one by one as they come; `at_start` says what such a run begins with, like empty key stores. The
report says both. `status` is `complete`, `failed`, `missing`, or
`stopped` where a point needs no more replications. Cells without a value are empty (NaN in Parquet
and HDF5).

## Who does the jobs

Results have the same content digests whoever does them.

**A pool of processes** on this machine is the default, with as many processes as there are
processors (`--workers`). If one dies, the pool is started again and its jobs are done again. Jobs
that were lost twice with others are tried alone; a job whose worker dies twice more fails. In
Python, `qnetsim.sweep(TABLES or FILE, executor=…)` takes any `concurrent.futures.Executor`.

**Dask** (`pip install "qnetsim[dask]"`):

```
dask scheduler --host 127.0.0.1 --port 8786 --dashboard-address 127.0.0.1:8787
dask worker tcp://127.0.0.1:8786 --host 127.0.0.1 --dashboard-address 127.0.0.1:0 \\
    --nthreads 1 --nworkers 2
qnetsim sweep run study.toml --scheduler tcp://127.0.0.1:8786
```

All workers must see the folder under one name and have the same version of qnetsim; this is checked
at the start. A worker does one job at a time whatever its threads. If a worker dies, Dask gives its
jobs to others. If the client dies, start it again.

Whoever reaches a Dask scheduler can run code on it. Keep it on loopback, or use TLS: give scheduler
and workers `--tls-ca-file`, `--tls-cert` and `--tls-key`, set the same for the client in Dask's
configuration (`distributed.comm.tls.ca-file`, `distributed.comm.tls.client.cert` and `.key`, or
`DASK_DISTRIBUTED__COMM__TLS__CA_FILE` and so on), and write `--scheduler tls://HOST:8786`. An
address beyond this machine without TLS gets a warning.

TLS does not cover the dashboard: scheduler and workers show it, and their metrics, by plain HTTP to
whoever asks, on all interfaces unless `--dashboard-address` says otherwise. `--no-dashboard` takes
its pages away and leaves the port open. Keep it on 127.0.0.1, as above; a tunnel leads there.

**SLURM**: `sbatch --array=1-8 sweep.sbatch` in the folder; every task does `--shard K/8`. Shards
need nothing of each other. A plan that several of them need is made by the first one, and the
others wait for it, where the file system has locks; without locks it may be made twice, with the
same contents. With `[stopping]` a shard has whole points.

**Snakemake**: `snakemake --cores 4 --config shards=8` in the folder does the shards, then writes
`table.csv`. All of it follows from `manifest.jsonl`: after `sweep plan` with more values the same
command does what is new.

After Ctrl-C or a kill the same command goes on. A run that was cut short leaves nothing, for it is
simulated from slot 0 again; a training goes on from its last saved state.
"""

TABLES: dict[str, type[BaseModel]] = {
    "": SweepTable,
    "[[factor]]": FactorTable,
    "[stopping]": StoppingTable,
    "[training]": TrainingTable,
}


def page() -> str:
    """Text of the page, in Markdown."""
    parts = [HEAD]
    for name, table in TABLES.items():
        heading = f"### `{name}`\n\n" if name else ""
        parts.append(f"\n{heading}{keys_of(table)}")
    return "".join([*parts, TAIL])


if __name__ == "__main__":
    print(page(), end="")
