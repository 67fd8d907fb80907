"""What records ask of their inputs, and of what kernels give: nothing is broadcast or cut off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike, NDArray

from gromos_dist.variables import Variable

Array = NDArray[Any]


def check_inputs(what: str, arrays: Sequence[xr.DataArray], dims: tuple[str, ...]) -> None:
    """Refuse inputs that do not begin with `dims`, or are not equally long along them.

    Raises
    ------
    ValueError
        Which input, and what it has.
    """
    sizes = [arrays[0].sizes.get(dim) for dim in dims]
    for i, array in enumerate(arrays):
        if array.dims[: len(dims)] != dims:
            raise ValueError(
                f"{what}: expected inputs whose first dims are {', '.join(dims)}, but input {i} "
                f"has {', '.join(map(str, array.dims)) or 'none'}; transpose it"
            )
        own = list(array.shape[: len(dims)])
        if own != sizes:
            raise ValueError(
                f"{what}: expected inputs with the same {' and '.join(dims)}, but input 0 has "
                f"{sizes} and input {i} has {own}"
            )


def check_first_dim(variable: Variable, dim: str) -> None:
    """Refuse a variable that does not begin with a dim.

    Raises
    ------
    ValueError
        What it has.
    """
    if variable.dims[:1] != (dim,):
        raise ValueError(
            f"{variable.name}: expected {dim} as the first dim of the result, got {variable.dims}"
        )


def fitting(values: Any, shape: tuple[int, ...], dtype: DTypeLike, what: str) -> Array:
    """Return what a kernel gave as an array of a dtype, if it has that shape and goes into that.

    Raises
    ------
    ValueError
        It has not: NumPy would repeat it, or drop what does not go into the dtype.
    """
    if np.ma.is_masked(values):
        raise ValueError(f"{what}: some values are masked, so there are none; give NaN instead")
    array = np.asarray(values)
    dtype = np.dtype(dtype)
    if array.shape != shape or not _goes_into(array, dtype):
        raise ValueError(
            f"{what}: expected to be given an array of {dtype} with shape {shape}, got one of "
            f"{array.dtype} with shape {array.shape}"
        )
    return array.astype(dtype, copy=False)


def _goes_into(array: Array, dtype: np.dtype[Any]) -> bool:
    if not array.size or np.can_cast(array.dtype, dtype, "same_kind"):
        return True
    # Whole numbers may have been computed as floats.
    whole = array.dtype.kind == "f" and dtype.kind == "i"
    return whole and bool((np.isfinite(array) & (array == np.trunc(array))).all())


def named(values: Any, names: Sequence[str], what: str) -> Mapping[str, Any]:
    """Return what a kernel gave by name, if all names are there.

    Raises
    ------
    ValueError
        It is no mapping, or one is missing.
    """
    found = list(values) if isinstance(values, Mapping) else type(values).__name__
    if not isinstance(values, Mapping) or any(name not in values for name in names):
        raise ValueError(f"{what}: expected to be given a mapping with {names}, got {found}")
    return values
