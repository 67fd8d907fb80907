"""The series along the frames of which a result consists, and what is told of each of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from gromos_dist.distributed import compute
from gromos_dist.errors import FrameError
from gromos_dist.provenance.record import HISTORY, PROVENANCE

Data = TypeVar("Data", xr.Dataset, xr.DataArray)
Floats = NDArray[np.float64]


def each_of(data: xr.DataArray | xr.Dataset) -> dict[str, xr.DataArray]:
    """Return an array, or those of a Dataset that have frames, by their names.

    Raises
    ------
    ValueError
        A Dataset has none with the dim ``frame``.
    """
    if isinstance(data, xr.DataArray):
        return {str(data.name or ""): data}
    arrays = {name: array for name, array in data.items() if "frame" in array.dims}
    if not arrays:
        raise ValueError(f"no variable has the dim 'frame': {list(data)}")
    # Together: variables that come of one computation are computed once.
    loaded: xr.Dataset = compute(data[list(arrays)], progress=False)
    return {str(name): array for name, array in loaded.items()}


def series_of(array: xr.DataArray) -> SeriesOfFrames:
    """Return the series of an array, whose values are computed.

    Raises
    ------
    ValueError
        These are no real numbers, or there is no dim ``frame``, or no frame.
    FrameError
        A value is NaN or infinite, other than in a series of nothing but NaN.
    """
    if "frame" not in array.dims or array.dtype.kind not in "fiu":
        raise ValueError(
            f"{array.name or 'the array'}: expected real numbers with the dim 'frame', got "
            f"{array.dtype} with the dims {array.dims}"
        )
    first = array.transpose("frame", ...)
    n_frames = first.sizes["frame"]
    if n_frames == 0:
        raise ValueError(f"{array.name or 'the array'}: there is no frame")
    # Frames last and together, so that the sum over them is the same for an array of any shape.
    n_series = math.prod(first.shape[1:])
    values = np.asarray(first.to_numpy(), np.float64).reshape(n_frames, n_series)
    series = SeriesOfFrames(np.ascontiguousarray(values.T), first)
    wrong = np.argwhere(~np.isfinite(values[:, ~series.empty]))
    if wrong.size:
        raise FrameError(
            f"a value of {array.name or 'the array'} is NaN or infinite", int(wrong[0, 0])
        )
    return series


@dataclass(frozen=True)
class SeriesOfFrames:
    """All series along the frames of an array."""

    values: Floats
    """Shape (series, frame)."""
    array: xr.DataArray
    """What they are of, frames first."""

    @property
    def n_frames(self) -> int:
        """How many values each has."""
        return int(self.values.shape[1])

    @cached_property
    def empty(self) -> NDArray[np.bool_]:
        """Which are nothing but NaN."""
        empty: NDArray[np.bool_] = np.all(np.isnan(self.values), axis=1)
        return empty

    @cached_property
    def constant(self) -> NDArray[np.bool_]:
        """Which have the same value in all frames."""
        same: NDArray[np.bool_] = np.ptp(self.values, axis=1) == 0
        return same

    @cached_property
    def varied(self) -> NDArray[np.bool_]:
        """Which are neither."""
        return ~(self.empty | self.constant)

    @cached_property
    def means(self) -> Floats:
        """The mean of each."""
        means = self.values[:, 0].copy()
        means[self.varied] = self.values[self.varied].mean(axis=1)
        return means

    @cached_property
    def deviations(self) -> Floats:
        """The deviations of those that vary from their means."""
        return self.values[self.varied] - self.means[self.varied, np.newaxis]

    def spread(self, of_varied: ArrayLike, constant: float) -> Floats:
        """Return values (..., series) of all series, given those of the ones that vary.

        Of a series that is empty it is NaN.
        """
        given = np.asarray(of_varied, np.float64)
        whole = np.full((*given.shape[:-1], len(self.values)), np.nan)
        whole[..., self.constant] = constant
        whole[..., self.varied] = given
        return whole

    def result(
        self, values: NDArray[Any], attrs: Mapping[Any, Any], dim: xr.Variable | None = None
    ) -> xr.DataArray:
        """Return values of all series, by a further dim in front if there is one, as an array.

        It has the dims and coordinates that the array has besides those of the frames.
        """
        front: dict[Any, Any] = {} if dim is None else {dim.dims[0]: dim}
        of_array = {
            name: coord for name, coord in self.array.coords.items() if "frame" not in coord.dims
        }
        return xr.DataArray(
            values.reshape((*values.shape[:-1], *self.array.shape[1:])),
            {**of_array, **front},
            (*front, *self.array.dims[1:]),
            self.array.name,
            {name: value for name, value in attrs.items() if name not in (HISTORY, PROVENANCE)},
        )
