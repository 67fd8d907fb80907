"""The axis along a dim: time of frames, numbers and names of atoms, distances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axis import Axis as MatplotlibAxis
from numpy.typing import NDArray

from gromos_dist.plot.wording import labels_in_picture, sentence


@dataclass(frozen=True)
class Axis:
    """Where the values of a result lie on an axis."""

    values: NDArray[np.float64]
    label: str
    unit: str
    """Such as ``"ps"``, ``"ns"``, ``"µs"``, ``"nm"``; empty for numbers and names."""
    names: tuple[str, ...] = ()
    """What stands at the values, where these are no numbers."""

    @property
    def spacing(self) -> float | None:
        """The distance of two frames, None where it varies."""
        if self.values.size < 2:
            return None
        steps = np.diff(self.values)
        return float(steps.mean()) if np.allclose(steps, steps.mean(), rtol=1e-3) else None


def axis_of(array: xr.DataArray, dim: str) -> Axis:
    """Return the axis of `dim`.

    Along frames it is time in a fitting unit where that rises, else frame numbers; along other dims
    what its coordinate holds, numbers or names, or numbers from 0. Atoms have their numbers in the
    file.
    """
    for name, coordinate in array.coords.items():
        if coordinate.dims != (dim,) or "time" not in str(name):
            continue
        time = np.asarray(coordinate.values, dtype=np.float64)
        if not (np.isfinite(time).all() and (np.diff(time) > 0.0).all()):
            continue
        unit = str(coordinate.attrs.get("units", "ps"))
        if unit == "ps":
            scale, unit = _time_unit(float(np.abs(time).max()))
            time = time * scale
        return Axis(time, "Time", unit)
    label = "Frame" if dim in ("frame", "other_frame") else sentence(dim.replace("_", " "))
    known = next((name for name in (dim, f"{dim}_number") if name in array.coords), None)
    if known is None:
        return Axis(np.arange(array.sizes[dim], dtype=np.float64), label, "")
    coordinate = array.coords[known]
    if coordinate.dtype.kind not in "iuf":
        numbers = np.arange(array.sizes[dim], dtype=np.float64)
        return Axis(numbers, label, "", tuple(labels_in_picture(array, known)))
    label = label if known != dim else sentence(str(coordinate.attrs.get("long_name", label)))
    unit = str(coordinate.attrs.get("units", ""))
    return Axis(np.asarray(coordinate.values, dtype=np.float64), label, unit)


def name_ticks(axis: MatplotlibAxis, of: Axis, most: int = 40) -> None:
    """Write the names along an axis that has some, as many as there is room for."""
    if of.names:
        places = np.arange(0, len(of.names), -(-len(of.names) // most))
        axis.set_ticks(of.values[places], [of.names[place] for place in places])


def _time_unit(longest: float) -> tuple[float, str]:
    """Return what to multiply ps with, and the unit this gives."""
    if longest >= 2e6:
        return 1e-6, "µs"
    return (1e-3, "ns") if longest >= 2e3 else (1.0, "ps")


def edges(centres: NDArray[np.float64]) -> tuple[float, float]:
    """Return where the first cell begins and the last one ends."""
    half = 0.5 * (centres[-1] - centres[0]) / (centres.size - 1) if centres.size > 1 else 0.5
    return float(centres[0] - half), float(centres[-1] + half)
