"""Which atoms of the file kernels speak of when they meet one that they cannot take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.errors import FrameError
from gromos_dist.io.graphs import chosen_atoms


def naming_atoms(kernel: Callable[..., Any], arrays: Sequence[xr.DataArray]) -> Callable[..., Any]:
    """Return a kernel whose errors name atoms by their numbers in the file.

    Parameters
    ----------
    kernel : callable
        Takes blocks of the arrays; a `FrameError` of it counts atoms among those of a block.
    arrays : sequence of DataArray
        The inputs; the first that has atoms tells which these are.

    Returns
    -------
    callable
        `kernel` itself where the atoms are all of the file, in order.
    """
    for array in arrays:
        named = array.coords.get("atom_number")
        if named is not None and named.dims == array.dims[1:2]:
            numbers: NDArray[np.int64] = np.asarray(named.values, np.int64)
        elif array.dims[1:2] == ("atom",):
            chosen = chosen_atoms(array.data)
            if chosen is None or chosen[1] is None:
                return kernel
            numbers = chosen[1]
        else:
            continue
        in_order = np.array_equal(numbers, np.arange(len(numbers)))
        return kernel if in_order else _NamingAtoms(kernel, numbers)
    return kernel


@dataclass(frozen=True, eq=False)
class _NamingAtoms:
    kernel: Callable[..., Any]
    numbers: NDArray[np.int64]

    def __call__(self, *arrays: Any, **constants: Any) -> Any:
        try:
            return self.kernel(*arrays, **constants)
        except FrameError as error:
            raise error.of_atoms(self.numbers) from None
