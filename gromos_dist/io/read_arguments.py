"""What every reader does with the arguments of `gromos_dist.io.reader.Reader.read`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.io.reader import Atoms, Reader, shape_in_frame

_DTYPES: dict[str, tuple[type[np.generic], ...]] = {"time": (np.float64,), "step": (np.int64,)}
_FLOATS = (np.float32, np.float64)


def check_read(
    reader: Reader, frames: range, out: Mapping[str, NDArray[Any]], atoms: Atoms
) -> None:
    """Raise a ValueError that says which argument is wrong, and how."""
    if len(frames) and (frames.step < 1 or frames[0] < 0 or frames[-1] >= reader.n_frames):
        raise ValueError(
            f"frames: expected a rising range within the {reader.n_frames} frames of "
            f"{reader.path}, got {frames}"
        )
    _check_atoms(reader, atoms)
    n_atoms = reader.n_atoms if atoms is None else len(atoms)
    for name, array in out.items():
        if name not in reader.fields and name != "box":
            raise ValueError(f"{reader.path} has no {name!r}: it has {', '.join(reader.fields)}")
        shape = (len(frames), *shape_in_frame(name, n_atoms))
        dtypes = _DTYPES.get(name, _FLOATS)
        if array.shape != shape or array.dtype not in dtypes:
            expected = " or ".join(np.dtype(dtype).name for dtype in dtypes)
            raise ValueError(
                f"out[{name!r}]: expected {expected} of shape {shape}, "
                f"got {array.dtype} of shape {array.shape}"
            )
        if not (array.flags.c_contiguous and array.flags.writeable):
            raise ValueError(f"out[{name!r}]: expected a C-contiguous array that can be written to")


def _check_atoms(reader: Reader, atoms: Atoms) -> None:
    if atoms is None:
        return
    if atoms.dtype != np.int64 or atoms.ndim != 1 or not atoms.flags.c_contiguous:
        raise ValueError(
            f"atoms: expected a contiguous int64 array of one dimension, "
            f"got {atoms.dtype} of shape {atoms.shape}"
        )
    if len(atoms) == 0:
        raise ValueError("atoms: expected at least one atom, got none")
    if atoms.min() < 0 or atoms.max() >= reader.n_atoms:
        raise ValueError(
            f"atoms: {atoms.min()} to {atoms.max()} is not within the {reader.n_atoms} atoms "
            f"(from 0) of {reader.path}"
        )


def deliver(out: NDArray[Any], values: NDArray[Any]) -> None:
    """Put numbers into the caller's buffer; what is too large for its dtype becomes infinite."""
    with np.errstate(over="ignore"):
        out[...] = values


def deliver_indexed(
    names: Iterable[str],
    index: Mapping[str, NDArray[Any]],
    frames: range,
    out: Mapping[str, NDArray[Any]],
) -> None:
    """Put what a frame index knows of some frames into the caller's buffers, where asked for."""
    for name in names:
        if name in out:
            deliver(out[name], index[name][frames.start : frames.stop : frames.step])


def type_of(array: NDArray[Any] | None) -> int:
    """Return the ``enum gd_type`` of an array of floats; of None, that of float32."""
    is_double = array is not None and array.dtype == np.float64
    return int(lib.GD_FLOAT64 if is_double else lib.GD_FLOAT32)


def pointer(kind: str, array: NDArray[Any] | None) -> Any:
    """Return the address of an array's numbers for the C core; a null pointer for None."""
    return ffi.NULL if array is None else ffi.cast(kind, array.ctypes.data)
