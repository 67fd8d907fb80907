"""The periodic box in time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.analysis.connections import is_octahedron, numbers_of
from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.needs import BOX
from gromos_dist.kernels.boxes import without_box
from gromos_dist.mapping import Fields
from gromos_dist.variables import VARIABLES, Variable, validate

Floats = NDArray[np.float64]

LENGTHS = Variable("box_lengths", ("frame", "box_vector"), "f", "nm", "box length")
ANGLES = Variable("box_angles", ("frame", "angle"), "f", "degree", "box angle")
VOLUME = VARIABLES["volume"]
DENSITY = Variable("density", ("frame",), "f", "kg m-3", "density")

_VECTORS, _ANGLES = ("a", "b", "c"), ("alpha", "beta", "gamma")
# One u in a cubic nanometre, in kg m-3 (CODATA 2018).
_DENSITY = 1.66053906660


@analysis(*(LENGTHS, ANGLES, VOLUME, DENSITY), view="time series", topic="Box", needs=[BOX])
def box_series(ds: xr.Dataset) -> xr.Dataset:
    """Lengths, angles and volume of the box in every frame, and the density.

    Parameters
    ----------
    ds : Dataset
        With ``box`` (frame, box_vector, xyz) in nm. The density needs the masses of all atoms of
        the file.

    Returns
    -------
    Dataset
        Float64; lazy if `ds` is; NaN in frames without a box: ``box_lengths`` (frame, box_vector)
        of a, b and c, nm; ``box_angles`` (frame, angle), degrees: alpha between b and c, beta
        between a and c, gamma between a and b; ``volume`` (frame,), nm3; and ``density`` (frame,),
        kg m-3, which is left out where `ds` has not all atoms of the file with their masses. The
        box of a truncated octahedron holds the edges of the cube that it is cut from, and its
        volume is half that cube's.

    Raises
    ------
    ValueError
        There is no box.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import GRO, XTC
    >>> box = gd.box_series(gd.open_trajectory(XTC, GRO))
    >>> box.box_angles[0].values.round(3), round(float(box.volume[0]), 2)
    (array([60., 60., 90.]), 362.27)

    A picture of how a simulation at constant pressure goes::

        gromos-dist box-series md.xtc -t md.gro -o box.csv --plot box.png
    """
    box = ds["box"]
    validate(box, "box")
    mass = _total_mass(ds)
    coords = {
        "box_vector": ("box_vector", list(_VECTORS), {"long_name": "box vector"}),
        "angle": ("angle", list(_ANGLES), {"long_name": "angle"}),
    }
    variables = (
        (LENGTHS, ANGLES, VOLUME, DENSITY) if mass is not None else (LENGTHS, ANGLES, VOLUME)
    )
    part = 0.5 if is_octahedron(ds) else 1.0
    return Fields(_series, variables)(box, coords=coords, part=part, mass=mass)


def _total_mass(ds: xr.Dataset) -> float | None:
    """Return the mass of all atoms of the file (u); None where it is not known."""
    if "mass" not in ds.coords or "atom" not in ds.sizes or not numbers_of(ds).are_all:
        return None
    total = float(np.asarray(ds["mass"].values, np.float64).sum())
    return total if np.isfinite(total) else None


def _series(boxes: NDArray[np.floating], part: float, mass: float | None) -> dict[str, Floats]:
    vectors = np.array(boxes, np.float64)
    vectors[without_box(vectors)] = np.nan
    a, b, c = (vectors[:, i] for i in range(3))
    lengths = np.stack([np.sqrt(_dot(one, one)) for one in (a, b, c)], axis=1)
    pairs = ((b, c, 1, 2), (a, c, 0, 2), (a, b, 0, 1))
    cosines = np.stack(
        [_dot(one, other) / (lengths[:, i] * lengths[:, j]) for one, other, i, j in pairs], axis=1
    )
    volume = part * np.abs(_dot(a, _cross(b, c)))
    found = {
        LENGTHS.name: lengths,
        ANGLES.name: np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0))),
        VOLUME.name: volume,
    }
    if mass is not None:
        found[DENSITY.name] = _DENSITY * mass / volume
    return found


# Written out, so that the order of the sums is that of the terms.
def _dot(one: Floats | Sequence[Floats], other: Floats | Sequence[Floats]) -> Floats:
    x, y, z = np.moveaxis(np.asarray(one) * np.asarray(other), -1, 0)
    total: Floats = x + y + z
    return total


def _cross(one: Floats, other: Floats) -> Floats:
    (a, b, c), (x, y, z) = one.T, other.T
    return np.stack([b * z - c * y, c * x - a * z, a * y - b * x], axis=1)
