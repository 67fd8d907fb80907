"""Averages along time: mean, fluctuation, and the error of a mean of correlated values."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Literal, TypeVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.analysis.declare import analysis
from gromos_dist.distributed import compute
from gromos_dist.errors import FrameError

Method = Literal["flyvbjerg_petersen", "gromos"]
Data = TypeVar("Data", xr.Dataset, xr.DataArray)
Series = NDArray[np.float64]

# gromos++ begins with blocks of 50 values and makes them longer by the tenth root of 2.
_FIRST_BLOCK = 50.0
_GROWTH = 1.07177


@analysis(view="statistics", topic="Forces and energies", command=None)
def energy_statistics(data: Data, *, method: Method = "flyvbjerg_petersen") -> Data:
    r"""Mean, fluctuation and error of the mean along the frames, of energies or anything else.

    The fluctuation is the root of the mean squared deviation from the mean,
    :math:`\sqrt{\langle (x - \langle x \rangle)^2 \rangle}`. Frames of a simulation are
    correlated, so the error of the mean is larger than the fluctuation over the root of their
    number; it is found from the averages of blocks of frames.

    Parameters
    ----------
    data : Dataset or DataArray
        Numbers with the dim ``frame``, evenly spaced in time. Of a Dataset, all variables that
        have it. What is lazy is computed.
    method : {"flyvbjerg_petersen", "gromos"}
        ``flyvbjerg_petersen``: neighbours are averaged again and again (Flyvbjerg and Petersen,
        J. Chem. Phys. 91 (1989) 461, doi:10.1063/1.457480). Of the block lengths the shortest one
        is taken that has :math:`b^3 > 2 n s^2`, where :math:`s` is the statistical inefficiency
        that it shows (Lee et al., Phys. Rev. E 83 (2011) 066706, doi:10.1103/PhysRevE.83.066706).
        ``gromos``: as gromos++ does it (ene_ana, tser). The statistical inefficiency that blocks
        of 50 frames to a quarter of all show is extrapolated to infinite length, by a straight
        line in the inverse length (after Allen and Tildesley, Computer Simulation of Liquids,
        Oxford 1987, section 6.4.1). It needs 215 frames.

    Returns
    -------
    Dataset or DataArray
        As `data`, with the dim ``statistic`` (mean, fluctuation, error) in place of ``frame``, in
        the same units. The error is NaN where the frames are too few for their correlation.

    Raises
    ------
    ValueError
        There is no dim ``frame``, or no frame, or `method` is not known.
    FrameError
        A value is NaN or infinite, other than in a series of nothing but NaN.

    Warns
    -----
    UserWarning
        Some errors are NaN.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> ds = gd.open_energies("tests/data/energies/series.tre.gz")
    >>> gd.energy_statistics(ds.energy.sel(term="potential")).values.round(2)
    array([-6898.66,    48.94,    11.47])
    """
    if method not in _METHODS:
        raise ValueError(f"method: expected {' or '.join(_METHODS)}, got {method!r}")
    if isinstance(data, xr.DataArray):
        result, n_unknown = _statistics(data, method)
        _warn(n_unknown, data.sizes["frame"])
        return result
    arrays = {name: array for name, array in data.items() if "frame" in array.dims}
    if not arrays:
        raise ValueError(f"no variable has the dim 'frame': {list(data)}")
    # Together: variables that come of one computation are computed once.
    loaded = compute(data[list(arrays)], progress=False)
    results = {name: _statistics(array, method) for name, array in loaded.items()}
    statistics = xr.Dataset({name: result for name, (result, _) in results.items()})
    _warn(sum(count for _, count in results.values()), data.sizes["frame"])
    return statistics


def strongest_pairs(array: xr.DataArray, most: int) -> list[tuple[int, int]]:
    """Return the pairs of different groups with the largest energies, the largest first.

    Parameters
    ----------
    array : DataArray
        With the dims ``group``, ``other_group`` and others; symmetric in the two. A pair counts
        with the magnitude of its sum over the terms, averaged over the frames.
    most : int
        How many pairs there may be; those that are zero are left out.

    Returns
    -------
    list of (int, int)
        Indices along ``group`` and ``other_group``, the first the smaller one.
    """
    of_pairs = array.astype(np.float64)
    if "nonbonded_term" in of_pairs.dims:
        of_pairs = of_pairs.sum("nonbonded_term")
    if "frame" in of_pairs.dims:
        of_pairs = of_pairs.mean("frame")
    strength = np.triu(np.abs(of_pairs.transpose("group", "other_group").to_numpy()), k=1)
    order = np.argsort(-strength, axis=None, kind="stable")[:most]
    places = zip(*np.unravel_index(order, strength.shape), strict=True)
    return [(int(i), int(j)) for i, j in places if strength[i, j] > 0.0]


def _warn(n_unknown: int, n_frames: int) -> None:
    if n_unknown:
        warnings.warn(
            f"the error of {n_unknown} mean{'s' * (n_unknown > 1)} is NaN: {n_frames} frames are "
            "too few for their correlation",
            stacklevel=4,
        )


def _statistics(array: xr.DataArray, method: Method) -> tuple[xr.DataArray, int]:
    """Return the statistics of an array, and how many errors could not be told."""
    if "frame" not in array.dims or array.dtype.kind not in "fiu":
        raise ValueError(
            f"{array.name or 'the array'}: expected real numbers with the dim 'frame', got "
            f"{array.dtype} with the dims {array.dims}"
        )
    first = array.transpose("frame", ...)
    if first.sizes["frame"] == 0:
        raise ValueError(f"{array.name or 'the array'}: there is no frame")
    shape = first.shape[1:]
    # Frames last and together, so that the sum over them is the same for an array of any shape.
    values = np.asarray(first.to_numpy(), np.float64).reshape(first.shape[0], -1)
    series = np.ascontiguousarray(values.T)
    empty = np.isnan(series).all(axis=1)
    wrong = np.argwhere(~np.isfinite(values[:, ~empty]))
    if wrong.size:
        raise FrameError(
            f"a value of {array.name or 'the array'} is NaN or infinite", int(wrong[0, 0])
        )
    found = np.full((3, len(series)), np.nan)
    constant = np.ptp(series, axis=1) == 0
    found[:, constant] = [series[constant, 0], *np.zeros((2, np.count_nonzero(constant)))]
    varied = ~(empty | constant)
    mean = series[varied].mean(axis=1)
    deviations = series[varied] - mean[:, np.newaxis]
    found[0, varied] = mean
    found[1, varied] = np.sqrt((deviations**2).mean(axis=1))
    if varied.any():
        found[2, varied] = _METHODS[method](deviations)
    if series.shape[1] == 1:
        found[2] = np.nan
    coords = {name: coord for name, coord in array.coords.items() if "frame" not in coord.dims}
    result = xr.DataArray(
        found.reshape(3, *shape),
        {**coords, "statistic": ["mean", "fluctuation", "error"]},
        ("statistic", *first.dims[1:]),
        array.name,
        {
            name: value
            for name, value in array.attrs.items()
            if name not in ("history", "provenance")
        },
    )
    return result, int(np.count_nonzero(np.isnan(found[2]) & ~empty))


def _block_means(series: Series, length: int) -> Series:
    """Return the averages of whole blocks, shape (series, block)."""
    n_blocks = series.shape[1] // length
    blocks: Series = series[:, : n_blocks * length].reshape(len(series), n_blocks, length)
    means: Series = blocks.mean(axis=2)
    return means


def _flyvbjerg_petersen(deviations: Series) -> Series:
    n_frames = deviations.shape[1]
    errors = np.full(len(deviations), np.nan)
    blocks, length = deviations, 1
    while (n_blocks := blocks.shape[1]) > 1:
        squares = (blocks - blocks.mean(axis=1, keepdims=True)) ** 2
        variances = squares.sum(axis=1) / (n_blocks * (n_blocks - 1))
        if length == 1:
            uncorrelated = variances
        enough = length**3 > 2 * n_frames * (variances / uncorrelated) ** 2
        errors = np.where(np.isnan(errors) & enough, np.sqrt(variances), errors)
        blocks, length = _block_means(blocks, 2), 2 * length
    return errors


def _gromos(deviations: Series) -> Series:
    n_frames = deviations.shape[1]
    lengths = []
    length = _FIRST_BLOCK
    while 4 * length < n_frames:
        lengths.append(int(length))
        length *= _GROWTH
    if len(lengths) < 2:
        return np.full(len(deviations), np.nan)
    inverse = 1 / np.array(lengths)
    inefficiencies = np.stack(
        [length * (_block_means(deviations, length) ** 2).mean(axis=1) for length in lengths]
    )
    x = inverse - inverse.mean()
    slopes = x @ (inefficiencies - inefficiencies.mean(axis=0)) / (x @ x)
    limits = inefficiencies.mean(axis=0) - slopes * inverse.mean()
    errors: Series = np.sqrt(np.where(limits >= 0, limits, np.nan) / n_frames)
    return errors


_METHODS: dict[str, Callable[[Series], Series]] = {
    "flyvbjerg_petersen": _flyvbjerg_petersen,
    "gromos": _gromos,
}
