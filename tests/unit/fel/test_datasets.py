"""The bundled data sets are those of scikit-learn, which the paper uses."""

from __future__ import annotations

import pytest
from sklearn import datasets

from qnetsim.fel.datasets import DATASET_NAMES, load_dataset, make_dataset


@pytest.mark.parametrize("name", DATASET_NAMES)
def test_bundled_data_are_those_of_scikit_learn(name: str) -> None:
    raw, target = getattr(datasets, f"load_{name}")(return_X_y=True)
    found, theirs = load_dataset(name), make_dataset(name, raw, target.tolist())
    assert (found.features == theirs.features).all()
    assert (found.labels == theirs.labels).all()
