"""Mean and spread of angles, for which 180 and -180 degrees are the same."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.analysis.declare import analysis
from gromos_dist.mapping import Reduction
from gromos_dist.variables import Variable

Floats = NDArray[np.float64]

MEAN = Variable("circular_mean", ("kind", "residue"), "f", "degree", "circular mean")
VARIANCE = Variable("circular_variance", ("kind", "residue"), "f", "", "circular variance")
DEVIATION = Variable(
    "circular_deviation", ("kind", "residue"), "f", "degree", "circular standard deviation"
)


class Directions(NamedTuple):
    """Sums of unit vectors."""

    n_angles: Floats
    cosine: Floats
    sine: Floats


@analysis(MEAN, VARIANCE, DEVIATION, view="profile", topic="Geometry", command=None)
def circular_statistics(data: xr.DataArray | xr.Dataset) -> xr.Dataset:
    r"""Mean and spread along the frames of angles, such as those of `torsions` or `dihedrals`.

    Of the mean unit vector :math:`R e^{i\mu} = \langle e^{i\phi} \rangle` the mean is
    :math:`\mu`, the variance :math:`1 - R`, between 0 (all the same) and 1 (none is preferred), and
    the standard deviation :math:`\sqrt{-2 \ln R}`, which for narrow distributions is the usual one.

    Parameters
    ----------
    data : DataArray or Dataset
        Angles (frame, ...) in degrees; whole turns do not matter. NaN are left out.

    Returns
    -------
    Dataset
        ``circular_mean`` in (-180, 180] and ``circular_deviation``, degrees, and
        ``circular_variance``, float64, with the dims of `data` but ``frame``. The variables of a
        Dataset, which have the same dims, are along ``kind``. NaN where there are no angles; lazy
        if `data` is.

    Raises
    ------
    ValueError
        There is no frame, or these are no angles in degrees.

    References
    ----------
    K. V. Mardia and P. E. Jupp, Directional Statistics, Wiley 2000,
    doi:10.1002/9780470316979.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> omega = gd.torsions(gd.open_trajectory(DCD, PSF), ["omega"], atoms="resid 10:12").omega
    >>> gd.circular_statistics(omega).circular_mean.values.round(0)
    array([ 179., -176., -178.])
    """
    if isinstance(data, xr.Dataset):
        if not len(data):
            raise ValueError("circular_statistics: there is no variable in this Dataset")
        each = [circular_statistics(array) for array in data.data_vars.values()]
        bare = [one.drop_attrs(deep=False) for one in each]
        return xr.concat(bare, "kind").assign_coords(kind=list(map(str, data)))
    if "frame" not in data.dims or data.attrs.get("units") != "degree":
        raise ValueError(
            "circular_statistics: expected angles in degrees (units 'degree') with the dim "
            f"'frame', got {data.attrs.get('units', 'no units')!r} with the dims {data.dims}"
        )
    angles = data.transpose("frame", ...)
    dims = tuple(map(str, angles.dims[1:]))
    variables = [
        Variable(of.name, dims, of.kind, of.units, of.long_name)
        for of in (MEAN, VARIANCE, DEVIATION)
    ]
    record = Reduction(_directions, _together, _statistics, variables, state=Directions)
    found: xr.Dataset = record(angles)
    return found


def circular(angles: Floats) -> tuple[float, float, float]:
    """Return the mean, the variance and the standard deviation of angles in degrees."""
    found = _statistics(_directions(angles.reshape(-1)))
    mean, variance, deviation = (float(found[of.name]) for of in (MEAN, VARIANCE, DEVIATION))
    return mean, variance, deviation


def _directions(block: Floats) -> Directions:
    # In one order in memory: another one may round otherwise.
    angles = np.radians(np.ascontiguousarray(block))
    known = np.isfinite(angles)
    cosine, sine = (np.where(known, of(angles), 0.0).sum(axis=0) for of in (np.cos, np.sin))
    return Directions(known.sum(axis=0, dtype=np.float64), cosine, sine)


def _together(one: Directions, other: Directions) -> Directions:
    return Directions(
        one.n_angles + other.n_angles, one.cosine + other.cosine, one.sine + other.sine
    )


def _statistics(sums: Directions) -> dict[str, Any]:
    count = np.where(sums.n_angles > 0, sums.n_angles, np.nan)
    length = np.minimum(np.hypot(sums.cosine, sums.sine) / count, 1.0)
    mean = np.where(sums.n_angles > 0, np.degrees(np.arctan2(sums.sine, sums.cosine)), np.nan)
    with np.errstate(divide="ignore"):
        deviation = np.degrees(np.sqrt(-2.0 * np.log(length)))
    return {
        "circular_mean": np.where(mean == -180.0, 180.0, mean),
        "circular_variance": 1.0 - length,
        # Of one angle the logarithm may be zero from below.
        "circular_deviation": np.abs(deviation),
    }
