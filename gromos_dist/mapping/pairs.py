"""Pairs: a value of every pair of frames, a map over the pairs of blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import DTypeLike

from gromos_dist.errors import FrameError
from gromos_dist.io.lazy import block_bounds, constant
from gromos_dist.mapping.atoms import naming_atoms
from gromos_dist.mapping.blocks import Array, common_chunks, in_memory, read_only
from gromos_dist.mapping.checks import check_inputs, fitting
from gromos_dist.mapping.results import Coordinates, coordinates, labelled
from gromos_dist.variables import Variable


@dataclass(frozen=True)
class Pairs:
    """A value of every pair of frames.

    Parameters
    ----------
    kernel : callable
        ``kernel(block, other_block, **constants)``: takes two arrays of some frames, gives an array
        (frames, other frames).
    variable : Variable
        What the result is, with dims such as ``frame`` and ``other_frame``.
    dtype : dtype
        Of the result.
    """

    kernel: Callable[..., Array]
    variable: Variable
    dtype: DTypeLike = np.float64

    def __call__(
        self,
        first: xr.DataArray,
        second: xr.DataArray | None = None,
        *,
        coords: Coordinates | None = None,
        **constants: Any,
    ) -> xr.DataArray:
        """Apply the kernel to all pairs of a frame of `first` with one of `second`, or of `first`.

        The coordinates of the second frames get names with ``other_`` before them. Otherwise as a
        `Map`.
        """
        second = first if second is None else second
        for array in (first, second):
            check_inputs(self.variable.name, [array], ("frame",))
        kernel = _PairKernel(
            naming_atoms(self.kernel, [first]), np.dtype(self.dtype), self.variable.name
        )
        a, b = common_chunks([first.data])[0], common_chunks([second.data])[0]
        if in_memory([a, b]):
            values = _pair_block([[a]], [0], [[b]], [0], kernel=kernel, constants=constants)
        else:
            a, b = da.asarray(a), da.asarray(b)
            values = da.blockwise(
                _pair_block,
                "ij",
                *(a, "iax", _first_frames(a), "i"),
                *(b, "jby", _first_frames(b), "j"),
                kernel=kernel,
                constants=constant(constants),
                dtype=np.dtype(self.dtype),
                meta=np.empty((0, 0), self.dtype),
                align_arrays=False,
            )
        matrix = labelled(values, self.variable, first, coordinates(coords))
        return matrix.assign_coords(
            {
                f"other_{name}": (self.variable.dims[1:], coord.data, coord.attrs)
                for name, coord in second.coords.items()
                if coord.dims == ("frame",)
            }
        )


def _first_frames(data: da.Array) -> da.Array:
    """Return the first frame of each block, one in a block of its own."""
    return da.from_array(np.array([start for start, _ in block_bounds(data.chunks[0])]), chunks=1)


@dataclass(frozen=True)
class _PairKernel:
    kernel: Callable[..., Array]
    dtype: np.dtype[Any]
    what: str

    def __call__(self, a: Array, b: Array, **constants: Any) -> Array:
        values = self.kernel(*read_only((a, b)), **constants)
        return fitting(values, (len(a), len(b)), self.dtype, self.what)


def _pair_block(
    a: Any,
    first_a: Any,
    b: Any,
    first_b: Any,
    *,
    kernel: _PairKernel,
    constants: dict[str, Any],
) -> Array:
    try:
        # Dask passes the blocks of the contracted dims, one of each here, as nested lists.
        return kernel(a[0][0], b[0][0], **constants)
    except FrameError as error:
        (first_frame,) = (first_a, first_b)[error.argument]
        raise error.located(int(first_frame) + error.frame) from None
