"""Packages that an installation may lack, and the extras that bring them."""

from __future__ import annotations

import importlib.util

from qnetsim.errors import MissingExtraError

#: Extra that brings each package; `setup.cfg` says the same.
EXTRAS = {
    "dask": "dask",
    "distributed": "dask",
    "gurobipy": "gurobi",
    "gymnasium": "learn",
    "h5netcdf": "xarray",
    "isal": "fast",
    "minari": "minari",
    "numba": "fast",
    "pettingzoo": "learn",
    "pyarrow": "parquet",
    "scikit-learn": "boost",
    "topohub": "topohub",
    "tensorboard": "tensorboard",
    "torch": "learn",
    "xarray": "xarray",
}

#: Modules of packages that are imported under another name.
MODULES = {"scikit-learn": "sklearn"}


def require(purpose: str, *packages: str) -> None:
    """Refuse what cannot be done without packages that are not installed; nothing is imported.

    Parameters
    ----------
    purpose : str
        What needs them, in the message.
    *packages : str
        Of ``EXTRAS``.

    Raises
    ------
    MissingExtraError
        Names the command that installs them.
    """
    for package in packages:
        if not _is_there(package):
            raise MissingExtraError(
                f"{purpose} needs {package}, which is not installed; "
                f'`pip install "qnetsim[{EXTRAS[package]}]"` brings it'
            )


def _is_there(package: str) -> bool:
    try:
        return importlib.util.find_spec(MODULES.get(package, package)) is not None
    except (ImportError, ValueError):  # an importer that refuses it, or a module without a spec
        return False
