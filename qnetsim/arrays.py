"""Arrays that cannot be changed, and arrays that grow."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
LevelArray = npt.NDArray[np.int16]
PlaceArray = npt.NDArray[np.uint64]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


def frozen(values: npt.ArrayLike, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return a copy that can never be made writeable again.

    The copy lives in a ``bytes`` object, so ``array.flags.writeable = True`` is refused by
    numpy: a policy that is handed such an array cannot change the simulation through it.

    Parameters
    ----------
    values : array_like
    dtype : dtype

    Returns
    -------
    ndarray
        C-contiguous and read-only.
    """
    array = np.ascontiguousarray(values, dtype=dtype)
    return np.frombuffer(array.tobytes(), dtype=array.dtype).reshape(np.shape(values))


def handed(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a C-contiguous view that cannot be written, or a copy where there is no such view.

    Compiled code is compiled anew for arrays of another layout, and for those that cannot be
    written. What it only reads comes from the world or from a policy, now frozen and now not.

    Parameters
    ----------
    values : ndarray

    Returns
    -------
    ndarray
        C-contiguous and read-only.
    """
    view = np.ascontiguousarray(values).view()
    view.flags.writeable = False
    return view


class Growing:
    """Rows of integers that are appended to; capacity doubles, so a row costs the same on average.

    Parameters
    ----------
    rows : ndarray of int64
    """

    def __init__(self, rows: IntArray) -> None:
        self._buffer: IntArray = np.array(rows, dtype=np.int64)
        self._size = len(rows)

    def __len__(self) -> int:
        return self._size

    @property
    def rows(self) -> IntArray:
        """View of all rows; C-contiguous."""
        return self._buffer[: self._size]

    def extend(self, rows: npt.ArrayLike) -> None:
        """Add rows at the end."""
        new = np.asarray(rows, dtype=np.int64)
        end = self._size + len(new)
        if end > len(self._buffer):
            bigger = np.empty((2 * end, *self._buffer.shape[1:]), dtype=np.int64)
            bigger[: self._size] = self.rows
            self._buffer = bigger
        self._buffer[self._size : end] = new
        self._size = end
