"""What every kernel wants of its arrays: checks with messages that help, and aligned memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from gromos_dist._core import ffi, lib

Floats = NDArray[np.float32] | NDArray[np.float64]

_TYPES: dict[np.dtype[Any], int] = {
    np.dtype(np.float32): lib.GD_FLOAT32,
    np.dtype(np.float64): lib.GD_FLOAT64,
}
_CACHE_LINE = 64


def as_frames(positions: Any, name: str = "positions") -> Floats:
    """Return `positions` as the kernels read them, without a copy where it already is so.

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        In any memory layout and byte order.
    name : str
        What the caller calls the array, for messages.

    Returns
    -------
    array
        C-contiguous, aligned, native byte order; the same dtype.

    Raises
    ------
    ValueError
        Another shape or dtype.
    """
    array = np.asarray(positions)
    if array.ndim != 3 or array.shape[2] != 3:
        hint = f"; for a single frame pass {name}[None]" if array.ndim == 2 else ""
        raise ValueError(f"{name}: expected shape (frames, atoms, 3), got {array.shape}{hint}")
    if array.shape[1] == 0:
        raise ValueError(f"{name}: there are no atoms, shape {array.shape}; select at least one")
    if array.dtype not in _TYPES:
        dtype = array.dtype.newbyteorder("=")
        if dtype not in _TYPES:
            raise ValueError(
                f"{name}: expected dtype float32 or float64, got {array.dtype}; "
                f"convert it, for example with .astype(np.float64)"
            )
        array = array.astype(dtype)
    return np.require(array, requirements=("C", "A"))


def type_of(array: Floats) -> int:
    """Return the ``enum gd_type`` of an array from `as_frames`."""
    return _TYPES[array.dtype]


def as_structure(coordinates: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return coordinates of one structure, shape (atoms, 3), as C-contiguous float64."""
    array = np.asarray(coordinates)
    if array.ndim != 2 or array.shape[1] != 3:
        hint = f"; pass one frame, for example {name}[0]" if array.ndim == 3 else ""
        raise ValueError(f"{name}: expected shape (atoms, 3), got {array.shape}{hint}")
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name}: expected real numbers, got dtype {array.dtype}")
    return np.require(array, dtype=np.float64, requirements=("C", "A"))


def as_weights(weights: ArrayLike, n_atoms: int, name: str = "weights") -> NDArray[np.float64]:
    """Return one weight for every atom of a frame, shape (atoms,), as float64."""
    array = np.asarray(weights)
    if array.shape != (n_atoms,):
        raise ValueError(
            f"{name}: expected one for each atom of a frame, shape ({n_atoms},), "
            f"got {array.shape}; also where only some atoms are selected"
        )
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name}: expected real numbers, got dtype {array.dtype}")
    return np.require(array, dtype=np.float64, requirements=("C", "A"))


class Atoms(NamedTuple):
    """Which atoms of a frame take part, in order."""

    n: int
    first: int
    listed: NDArray[np.int64] | None
    """Their indices; None: the `n` atoms from `first` on."""

    def take(self, array: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the rows of these atoms, C-contiguous."""
        if self.listed is None:
            return array[self.first : self.first + self.n]
        return np.ascontiguousarray(array[self.listed])


def as_atoms(
    atoms: Sequence[int] | NDArray[Any] | None, n_atoms: int, name: str = "atoms"
) -> Atoms:
    """Return which atoms of a frame are meant.

    Parameters
    ----------
    atoms : array of int or bool, or None
        Indices from 0 in any order, or a mask of length `n_atoms`; None for all. An atom that is
        listed twice counts twice.
    n_atoms : int
        How many atoms a frame has.
    name : str
        What the caller calls the argument, for messages.

    Raises
    ------
    ValueError
        No atom is selected, an index is out of range, or these are not indices.
    """
    if atoms is None:
        return Atoms(n_atoms, 0, None)
    array = np.asarray(atoms)
    if array.ndim == 1 and array.dtype.kind == "b":
        if len(array) != n_atoms:
            raise ValueError(
                f"{name}: a mask needs one value for each of the {n_atoms} atoms, got {len(array)}"
            )
        array = np.flatnonzero(array)
    if array.size == 0:
        raise ValueError(f"{name}: no atom is selected; pass None for all {n_atoms}")
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: expected a one-dimensional array of atom indices (int) or a mask (bool), "
            f"got dtype {array.dtype} and shape {array.shape}"
        )
    lowest, highest = int(array.min()), int(array.max())
    if lowest < 0 or highest >= n_atoms:
        wrong = lowest if lowest < 0 else highest
        raise ValueError(
            f"{name}: index {wrong} is out of range; "
            f"a frame has {n_atoms} atoms, 0 to {n_atoms - 1}"
        )
    index = np.array(array, dtype=np.int64)
    if highest - lowest == len(index) - 1 and bool((np.diff(index) == 1).all()):
        return Atoms(len(index), lowest, None)
    index.flags.writeable = False
    return Atoms(len(index), 0, index)


def aligned(size: int) -> NDArray[np.float64]:
    """Return an uninitialised array of `size` doubles that begins on a cache line."""
    raw = np.empty(size + _CACHE_LINE // 8, dtype=np.float64)
    return raw[-(raw.ctypes.data // 8) % (_CACHE_LINE // 8) :][:size]


def zeros_in_c(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return zeros in memory of the C core that begin on a cache line.

    The array is a view: the memory lives as long as the array, or a view of it.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = ffi.buffer(ffi.new("char[]", size + _CACHE_LINE))
    raw = np.frombuffer(memory, dtype=np.uint8)
    start = -raw.ctypes.data % _CACHE_LINE
    return raw[start : start + size].view(dtype).reshape(shape)


def pointer(array: NDArray[Any] | None, ctype: str = "double *") -> Any:
    """Return a C pointer to the array's data; it keeps the array alive."""
    return ffi.NULL if array is None else ffi.from_buffer(ctype, array)
