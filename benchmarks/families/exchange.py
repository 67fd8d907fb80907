"""Errors of long series: blocks, statistical inefficiency, equilibration; beside pymbar."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from families import Row

import gromos_dist as gd

_LONG, _SHORT = 100_000, 2_000


def _series(n_frames: int) -> xr.DataArray:
    """A correlated series that begins far from where it stays."""
    noise = np.random.default_rng(1).normal(size=n_frames)
    values = np.empty(n_frames)
    values[0] = 10.0
    for i in range(1, n_frames):
        values[i] = 0.95 * values[i - 1] + noise[i]
    return xr.DataArray(values, dims="frame", name="series")


def rows() -> Iterator[Row]:
    """Yield what is timed."""
    from pymbar import timeseries

    long, short = _series(_LONG), _series(_SHORT)

    def same_inefficiency() -> None:
        theirs = timeseries.statistical_inefficiency(short.values)
        np.testing.assert_allclose(gd.statistical_inefficiency(short), theirs, rtol=1e-9)

    def same_start() -> None:
        start, *_ = timeseries.detect_equilibration(short.values)
        assert int(gd.equilibration(short).start) == start

    yield Row(
        f"statistical inefficiency of {_LONG} frames",
        _LONG,
        lambda: gd.statistical_inefficiency(long),
        {"pymbar": lambda: timeseries.statistical_inefficiency(long.values)},
        "as fast as pymbar",
        check=same_inefficiency,
    )
    yield Row(
        f"equilibration of {_SHORT} frames, every start",
        _SHORT,
        lambda: gd.equilibration(short),
        {"pymbar": lambda: timeseries.detect_equilibration(short.values)},
        "10x pymbar",
        check=same_start,
    )
    yield Row(
        f"equilibration of {_LONG} frames, every start",
        _LONG,
        lambda: gd.equilibration(long),
        {},
        "",
    )
    yield Row(f"error by blocks of {_LONG} frames", _LONG, lambda: gd.block_error(long), {}, "")
