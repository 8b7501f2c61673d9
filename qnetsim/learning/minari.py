"""Minari data sets from traces, for the offline learners of others."""

from __future__ import annotations

import os
import re
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from qnetsim.case import open_case
from qnetsim.errors import UsageError
from qnetsim.extras import require
from qnetsim.learning.episodes import ScenarioGiven, given_scenario
from qnetsim.learning.gymnasium import ManagerEnv
from qnetsim.learning.offline_data import read_episodes, told_of_each


def make_dataset(scenario: ScenarioGiven, traces: Sequence[Path], name: str) -> Any:
    """Keep what one manager of all agents saw, did and earned in traces, as a Minari data set.

    An episode is a trace; observations, actions and rewards are those of ``qnetsim/Manager-v0``.

    Parameters
    ----------
    scenario : Scenario, path-like or str
        Of the traces; its ``[learning]`` table says what is observed.
    traces : sequence of Path
    name : str
        Of the data set, for example ``"qnetsim/nsfnet-sip-v0"``.

    Returns
    -------
    minari.MinariDataset

    Raises
    ------
    MissingExtraError
        Minari is not installed.
    UsageError
        There is no trace or one of another scenario, or the name is taken or none for Minari. Of
        traces of other demand, or cut short, a warning tells. After an error nothing of the data
        set is left.
    """
    require("a Minari data set", "minari")
    import minari
    from minari.data_collector import EpisodeBuffer

    if isinstance(traces, str | os.PathLike):
        raise UsageError(f"traces is {str(traces)!r}; give a list of files")
    _refuse_name(name)
    given = given_scenario(scenario)
    whole = given.learning.model_copy(update={"reward_scope": "network"})
    case = open_case(given.model_copy(update={"learning": whole}))
    episodes = read_episodes(case, traces)
    if not episodes:
        raise UsageError("traces: there is no trace to make a data set of")
    for line in told_of_each(episodes):
        warnings.warn(line, stacklevel=2)
    buffers = []
    for number, episode in enumerate(episodes):
        ends = np.arange(episode.slots) == episode.slots - 1
        buffers.append(
            EpisodeBuffer(
                id=number,
                observations=episode.observation.reshape(episode.slots + 1, -1),
                actions=episode.action.reshape(episode.slots, -1),
                rewards=episode.reward[:, 0].astype(np.float64).tolist(),
                terminations=np.zeros(episode.slots, bool).tolist(),
                truncations=ends.tolist(),
            )
        )
    environment = ManagerEnv(given)
    try:
        with _nothing_left_on_error(name):
            return minari.create_dataset_from_buffers(
                name,
                buffers,
                observation_space=environment.observation_space,
                action_space=environment.action_space,
                description="Runs of qnetsim: what one manager of all agents saw, did and earned.",
                algorithm_name=", ".join(dict.fromkeys(e.path.stem for e in episodes)),
            )
    except ValueError as error:
        raise UsageError(f"data set {name!r}: {' '.join(str(error).split())}") from None


def _refuse_name(name: str) -> None:
    """Refuse what is no name for Minari, which makes folders before it finds out.

    Raises
    ------
    UsageError
    """
    from minari.dataset.minari_dataset import parse_dataset_id

    if not (isinstance(name, str) and re.search(r".-v\d+$", name)):
        raise UsageError(
            f"data set {name!r}: a name ends with its version, as 'qnetsim/nsfnet-sip-v0' does"
        )
    try:
        parse_dataset_id(name)
    except ValueError:
        raise UsageError(
            f"data set {name!r}: a name has letters, digits, '-' and '_', and those in front of a "
            "'/' at least two, as 'qnetsim/nsfnet-sip-v0' does"
        ) from None


@contextmanager
def _nothing_left_on_error(name: str) -> Iterator[None]:
    """Remove the folders that Minari makes in this block, if it ends in an error."""
    from minari.namespace import NAMESPACE_METADATA_FILENAME
    from minari.storage import get_dataset_path

    place, root = get_dataset_path(name), get_dataset_path()
    above = [folder for folder in place.parents if root in folder.parents]
    # those of others are there before; a folder that is there was not made here
    dataset, *namespaces = [None if folder.exists() else folder for folder in (place, *above)]
    try:
        yield
    except BaseException:
        if dataset is not None:
            shutil.rmtree(dataset, ignore_errors=True)
        for folder in filter(None, namespaces):
            if [one.name for one in folder.glob("*")] == [NAMESPACE_METADATA_FILENAME]:
                with suppress(OSError):
                    (folder / NAMESPACE_METADATA_FILENAME).unlink()
            # another process may have put a data set there meanwhile
            with suppress(OSError):
                folder.rmdir()
        raise
