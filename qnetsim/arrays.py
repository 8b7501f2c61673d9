"""Arrays that stay as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


def frozen(values: npt.ArrayLike, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return a copy that nobody can make writeable again.

    The copy lives in a ``bytes`` object, so ``array.flags.writeable = True`` is refused by
    numpy: a policy that is handed such an array cannot change the simulation through it.

    Parameters
    ----------
    values : array_like
    dtype : dtype

    Returns
    -------
    ndarray
        C-contiguous and read-only for good.
    """
    array = np.ascontiguousarray(values, dtype=dtype)
    return np.frombuffer(array.tobytes(), dtype=array.dtype).reshape(np.shape(values))
