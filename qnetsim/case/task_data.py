"""The data of FEL tasks: bundled data sets and users' own files, checked and prepared."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.errors import CsvError, SettingError, UsageError
from qnetsim.fel.datasets import BLOCK_FEATURES, Dataset, load_dataset
from qnetsim.fel.own_data import DataColumns, OwnData, data_sha256, read_own_data
from qnetsim.fel.preparation import Preparation
from qnetsim.fel.record_shares import draw_shares
from qnetsim.plain_text import counted
from qnetsim.scenario import FelTable, Scenario
from qnetsim.scenario.lines import Problem


def dataset_of(table: FelTable, seed: int) -> Dataset:
    """The data set of a task, prepared as its table says.

    Raises
    ------
    CsvError, UsageError
        Its file cannot be read, or has changed.
    """
    how = Preparation(table.standardise, table.intercept, table.test_share)
    if table.kind == "horizontal":
        # the workers standardise by sums over the secure channel
        how = Preparation(test_share=table.test_share)
    if table.data is None:
        return _bundled(str(table.dataset), how, seed)
    return own_data_of(table).dataset(table.data_name, how, seed)


@lru_cache(maxsize=8)
def _bundled(name: str, preparation: Preparation, seed: int) -> Dataset:
    return load_dataset(name, preparation, seed)


def own_data_of(table: FelTable) -> OwnData:
    """The file of a task that names one.

    Raises
    ------
    CsvError, UsageError
        As :func:`qnetsim.fel.own_data.read_own_data`.
    """
    columns = DataColumns(
        label=str(table.label),
        record_id=table.record_id,
        holder=table.holder,
        features=table.features,
        ignore=table.ignore,
    )
    return read_own_data(Path(str(table.data)), columns, table.sha256)


def shares_of(table: FelTable, dataset: Dataset, seed: int) -> dict[str, IntArray]:
    """Rows of a horizontal task's data set that each worker holds."""
    workers = [name for group in table.workers for name in group]
    if table.holder is None:
        return draw_shares(dataset, workers, seed)
    holders = np.array(own_data_of(table).holders)
    return {name: np.flatnonzero(holders == name) for name in workers}


def with_data(scenario: Scenario, *, again: bool = False) -> Scenario:
    """Scenario whose files of data are read and checked, with their checksums filled in.

    Parameters
    ----------
    scenario : Scenario
    again : bool
        Read files whose checksums are known too; else they are taken as checked.

    Raises
    ------
    SettingError
        Naming every bad cell, and what does not go with the task.
    """
    problems: list[Problem] = []
    tables = list(scenario.fel)
    for i, table in enumerate(tables):
        if table.data is None or (table.sha256 is not None and not again):
            continue
        try:
            tables[i] = _checked(table)
        except CsvError as error:
            problems += [(("fel", i, "data"), text) for text in error.problems]
        except UsageError as error:
            problems.append((("fel", i, "data"), str(error)))
        except SettingError as error:
            problems += [(("fel", i, *key), text) for key, text in error.problems]
    if problems:
        raise SettingError(problems)
    if tables == list(scenario.fel):
        return scenario
    return scenario.model_copy(update={"fel": tuple(tables)})


def _checked(table: FelTable) -> FelTable:
    """Task with the checksum of its file.

    Raises
    ------
    SettingError
        With keys of the table: file and workers do not go together.
    """
    found = own_data_of(table)
    workers = sum(map(len, table.workers))
    blocks = -(-len(found.features) // BLOCK_FEATURES)
    if table.kind == "vertical" and not table.features and workers > blocks:
        text = (
            f"{counted(workers, 'worker')}; allowed: at most {blocks}, one for each block of six "
            f"of the {counted(len(found.features), 'feature')} of {Path(str(table.data)).name} "
            "(or give features, a list of columns for each worker)"
        )
        raise SettingError([(("workers",), text)])
    known = {name for group in table.workers for name in group}
    strange = [name for name in dict.fromkeys(found.holders) if name not in known]
    if strange:
        shown = ", ".join(map(repr, strange[:5])) + (" …" if len(strange) > 5 else "")
        raise SettingError(
            [(("holder",), f"column {table.holder!r} names {shown}; allowed: the workers' nodes")]
        )
    return table.model_copy(update={"sha256": data_sha256(Path(str(table.data)))})
