"""Averages along time: mean, fluctuation, and the error of a mean of correlated values."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.analysis.along_frames import Data, SeriesOfFrames, each_of, series_of
from gromos_dist.analysis.block_averages import METHODS, BlockErrors, Method, block_errors
from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.inefficiency import (
    FEWEST_VALUES,
    equilibrium_of,
    statistical_inefficiency_of,
)


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
    _check_method(method)
    found = {name: _statistics(array, method) for name, array in each_of(data).items()}
    _warn_of_unknown(sum(n_unknown for _, n_unknown in found.values()), data.sizes["frame"])
    if isinstance(data, xr.DataArray):
        ((result, _),) = found.values()
        return result
    return xr.Dataset({name: result for name, (result, _) in found.items()})


@analysis(view="block error", topic="Series")
def block_error(
    series: xr.DataArray | xr.Dataset, *, method: Method = "flyvbjerg_petersen"
) -> xr.Dataset:
    r"""Error of the mean of any result that has a value a frame, by averages of blocks.

    The error is that of `energy_statistics`. Here it comes with its own error, with the length of
    the blocks that gave it, and with what blocks of every other length show: where that rises to a
    plateau, blocks are long enough to be independent; where it goes on rising, there are too few
    frames.

    :math:`n` blocks of :math:`b` of the :math:`N` frames, with the averages :math:`x_i`, show the
    error :math:`\sigma_b = \sqrt{\sum_i (x_i - \bar x)^2 / n (n - 1)}`, whose own error is
    :math:`\sigma_b / \sqrt{2 (n - 1)}`.

    Parameters
    ----------
    series : DataArray or Dataset
        Numbers with the dim ``frame``, evenly spaced in time. Of a Dataset, all variables that
        have it. What is lazy is computed.
    method : {"flyvbjerg_petersen", "gromos"}
        As of `energy_statistics`. The plateau of ``flyvbjerg_petersen`` begins at the shortest
        block with :math:`b^3 > 2 N s^2`, where :math:`s` is the statistical inefficiency that it
        shows (Lee et al., Phys. Rev. E 83 (2011) 066706). ``gromos`` extrapolates, and so knows no
        plateau and no error of the error.

    Returns
    -------
    Dataset
        In the units of the series, without its dim ``frame``: ``error``, ``error_of_error`` and
        ``plateau``, the length of the blocks in frames; by the length of the blocks
        ``error_by_length`` and ``error_of_error_by_length`` (block_length, ...). Of a Dataset, the
        names follow those of its variables: ``rmsd_error``. Errors are NaN where the frames are
        too few for their correlation.

    Raises
    ------
    ValueError
        There is no dim ``frame``, or no frame, or `method` is not known.
    FrameError
        A value is NaN or infinite, other than in a series of nothing but NaN.

    Warns
    -----
    UserWarning
        Some errors are NaN; or 0, since the value is the same in all frames.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> ds = gd.open_energies("tests/data/energies/series.tre.gz")
    >>> found = gd.block_error(ds.energy.sel(term="potential"))
    >>> float(found.error.round(2)), float(found.error_of_error.round(2)), int(found.plateau)
    (11.47, 4.68, 64)

    Of a result that was written, in the shell::

        gromos-dist block-error rmsd.csv --plot block-error.png
    """
    _check_method(method)
    made = xr.Dataset()
    n_unknown = n_constant = 0
    for name, array in each_of(series).items():
        of = series_of(array)
        found = block_errors(of.deviations, method)
        errors = of.spread(found.error, 0.0 if of.n_frames > 1 else np.nan)
        before = f"{name}_" if isinstance(series, xr.Dataset) else ""
        told = _of_blocks(of, found, errors)
        made = made.assign({f"{before}{key}": values for key, values in told.items()})
        n_unknown += int(np.count_nonzero(np.isnan(errors) & ~of.empty))
        n_constant += int(np.count_nonzero(of.constant)) if of.n_frames > 1 else 0
    _warn_of_unknown(n_unknown, series.sizes["frame"])
    if n_constant:
        _warn_of_constant("error is 0", n_constant)
    return made


@analysis(view="parts", topic="Series")
def statistical_inefficiency(series: Data) -> Data:
    r"""How many frames count as one, since those that follow each other are alike.

    :math:`g = 1 + 2 \sum_t (1 - t/N) C(t)`, over the lags up to the first beyond 3 at which the
    normalized autocorrelation function :math:`C(t)` of the :math:`N` frames is not positive; at
    least 1. The error of a mean is the standard deviation times :math:`\sqrt{g/N}`. It is that of
    ``pymbar.timeseries.statistical_inefficiency`` (Chodera et al., J. Chem. Theory Comput. 3
    (2007) 26, doi:10.1021/ct0502864), with the correlations of all lags by a fast Fourier
    transform.

    Parameters
    ----------
    series : DataArray or Dataset
        Numbers with the dim ``frame``, evenly spaced in time. Of a Dataset, all variables that
        have it. What is lazy is computed.

    Returns
    -------
    DataArray or Dataset
        As `series`, without the dim ``frame``: a number of frames. NaN where the value is the same
        in all frames, or where there are fewer than 6.

    Raises
    ------
    ValueError
        There is no dim ``frame``, or no frame.
    FrameError
        A value is NaN or infinite, other than in a series of nothing but NaN.

    Warns
    -----
    UserWarning
        Some are NaN, and why.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> ds = gd.open_energies("tests/data/energies/series.tre.gz")
    >>> round(float(gd.statistical_inefficiency(ds.energy.sel(term="potential"))), 1)
    6.4

    Of a result that was written, in the shell::

        gromos-dist statistical-inefficiency rmsd.csv
    """
    made = {}
    n_constant = 0
    for name, array in each_of(series).items():
        of = series_of(array)
        values = [statistical_inefficiency_of(one) for one in of.deviations]
        text = f"statistical inefficiency of {_what(array)}, in frames"
        made[name] = of.result(of.spread(values, np.nan), {"long_name": text})
        n_constant += int(np.count_nonzero(of.constant))
    _warn_of_few(series.sizes["frame"])
    if n_constant and series.sizes["frame"] >= FEWEST_VALUES:
        _warn_of_constant("statistical inefficiency is NaN", n_constant)
    if isinstance(series, xr.DataArray):
        (only,) = made.values()
        return only
    return xr.Dataset(made)


@analysis(view="parts", topic="Series")
def equilibration(series: xr.DataArray | xr.Dataset) -> xr.Dataset:
    r"""From which frame on a series is in equilibrium.

    That is the frame from which on the others are worth the most uncorrelated ones,
    :math:`(n + 1) / g` of :math:`n` frames with the statistical inefficiency :math:`g`, as
    ``pymbar.timeseries.detect_equilibration`` has it (Chodera, J. Chem. Theory Comput. 12 (2016)
    1799, doi:10.1021/acs.jctc.5b00784), which sums the correlations at the lags 1, 2, 4, 7, 11,
    ..., each for those up to the next. Every frame is tried, in :math:`N^{1.5}` steps.

    Parameters
    ----------
    series : DataArray or Dataset
        Numbers with the dim ``frame``, evenly spaced in time. Of a Dataset, all variables that
        have it. What is lazy is computed.

    Returns
    -------
    Dataset
        Without the dim ``frame``: ``start``, the first frame in equilibrium, from 0, and its
        ``start_time`` in ps if the series has times; ``statistical_inefficiency`` of the frames
        from there on; ``n_effective``, how many uncorrelated frames they are worth. Of a Dataset,
        the names follow those of its variables: ``rmsd_start``. A series that does not vary is
        in equilibrium from the beginning on, and worth one frame. All are NaN (the start is -1)
        where there are fewer than 6 frames.

    Raises
    ------
    ValueError
        There is no dim ``frame``, or no frame.
    FrameError
        A value is NaN or infinite, other than in a series of nothing but NaN.

    Warns
    -----
    UserWarning
        Some are NaN, and why.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> ds = gd.open_energies("tests/data/energies/series.tre.gz")
    >>> found = gd.equilibration(ds.energy.sel(term="potential"))
    >>> int(found.start), float(found.n_effective.round(1))
    (0, 33.5)

    Of a result that was written, in the shell::

        gromos-dist equilibration rmsd.csv
    """
    made = xr.Dataset()
    n_constant = 0
    for name, array in each_of(series).items():
        of = series_of(array)
        before = f"{name}_" if isinstance(series, xr.Dataset) else ""
        made = made.assign({f"{before}{key}": values for key, values in _equilibria(of).items()})
        n_constant += int(np.count_nonzero(of.constant))
    _warn_of_few(series.sizes["frame"])
    if n_constant and series.sizes["frame"] >= FEWEST_VALUES:
        _warn_of_constant("statistical inefficiency is NaN", n_constant)
    return made


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


def _check_method(method: Method) -> None:
    if method not in METHODS:
        raise ValueError(f"method: expected {' or '.join(METHODS)}, got {method!r}")


def _warn_of_unknown(n_unknown: int, n_frames: int) -> None:
    if n_unknown:
        warnings.warn(
            f"the error of {n_unknown} mean{'s' * (n_unknown > 1)} is NaN: {n_frames} frames are "
            "too few for their correlation",
            stacklevel=4,
        )


def _warn_of_few(n_frames: int) -> None:
    if n_frames < FEWEST_VALUES:
        warnings.warn(
            f"{n_frames} frames are too few to tell how correlated they are: at least "
            f"{FEWEST_VALUES} are needed",
            stacklevel=4,
        )


def _warn_of_constant(what: str, n_constant: int) -> None:
    warnings.warn(
        f"{n_constant} series {'does' if n_constant == 1 else 'do'} not vary, so that nothing can "
        f"be told of correlations: the {what}",
        stacklevel=4,
    )


def _what(array: xr.DataArray) -> str:
    return str(array.attrs.get("long_name") or array.name or "the series")


def _statistics(array: xr.DataArray, method: Method) -> tuple[xr.DataArray, int]:
    """Return the statistics of an array, and how many errors could not be told."""
    series = series_of(array)
    fluctuations = np.sqrt((series.deviations**2).mean(axis=1))
    errors = series.spread(block_errors(series.deviations, method).error, 0.0)
    if series.n_frames == 1:
        errors[...] = np.nan
    values = np.stack([series.means, series.spread(fluctuations, 0.0), errors])
    statistic = xr.Variable("statistic", ["mean", "fluctuation", "error"])
    result = series.result(values, array.attrs, statistic)
    return result, int(np.count_nonzero(np.isnan(errors) & ~series.empty))


def _of_blocks(
    of: SeriesOfFrames, found: BlockErrors, errors: NDArray[np.float64]
) -> dict[str, xr.DataArray]:
    """Return the variables of `block_error`."""
    length = {"long_name": "length of the blocks, in frames"}
    lengths = xr.Variable("block_length", found.lengths, length)
    units = {"units": of.array.attrs["units"]} if "units" in of.array.attrs else {}
    error = f"error of the mean of {_what(of.array)}"

    def told(
        values: NDArray[np.float64], text: str, dim: xr.Variable | None = None
    ) -> xr.DataArray:
        return of.result(values, {**units, "long_name": text}, dim)

    return {
        "error": told(errors, error),
        "error_of_error": told(
            of.spread(found.error_of_error, 0.0 if of.n_frames > 1 else np.nan),
            f"error of the {error}",
        ),
        "plateau": of.result(of.spread(found.plateau, np.nan), length),
        "error_by_length": told(of.spread(found.errors, 0.0), error, lengths),
        "error_of_error_by_length": told(
            of.spread(found.errors_of_errors, 0.0), f"error of the {error}", lengths
        ),
    }


def _equilibria(of: SeriesOfFrames) -> dict[str, xr.DataArray]:
    """Return the variables of `equilibration`."""
    enough = of.n_frames >= FEWEST_VALUES
    found = np.array([equilibrium_of(one) for one in of.values[of.varied]]).reshape(-1, 3).T
    starts = of.spread(found[0], 0.0 if enough else np.nan)
    what = _what(of.array)
    first = np.where(np.isnan(starts), -1, starts).astype(np.int64)
    made = {
        "start": of.result(first, {"long_name": f"first frame in equilibrium of {what}"}),
        "statistical_inefficiency": of.result(
            of.spread(found[1], np.nan),
            {"long_name": f"statistical inefficiency of {what} in equilibrium, in frames"},
        ),
        "n_effective": of.result(
            of.spread(found[2], 1.0 if enough else np.nan),
            {"long_name": f"uncorrelated frames of {what} in equilibrium"},
        ),
    }
    if "time" in of.array.coords:
        times = np.where(first < 0, np.nan, of.array["time"].values[first])
        attrs = {**of.array["time"].attrs, "long_name": f"time at which {what} is in equilibrium"}
        made["start_time"] = of.result(times, attrs)
    return made
