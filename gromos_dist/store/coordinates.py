"""Coordinates of a stored result, as they were when it was stored."""

from __future__ import annotations

import numpy as np
import xarray as xr


def in_memory(coordinate: xr.DataArray) -> xr.Variable:
    """Return a coordinate in memory, strings as NumPy has them."""
    values = coordinate.values
    if values.dtype.kind in "OT":
        values = np.array(values.tolist(), dtype=str)
    variable: xr.Variable = coordinate.variable.copy(data=values)
    return variable
