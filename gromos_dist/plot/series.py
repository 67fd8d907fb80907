"""A value a frame against time, with its running average and its distribution."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from gromos_dist.plot.axis import Axis, axis_of
from gromos_dist.plot.style import BLUE, FAINT, STYLE, VERMILION, new_figure, require_suffix, save
from gromos_dist.plot.wording import name_of, unit_of, with_error, with_unit

# More points than a wide screen has columns are drawn as an envelope, fewer as a line.
MAX_POINTS = 4000
ENVELOPE_BINS = 1200
AVERAGE_FROM = 200


def plot_time_series(
    array: xr.DataArray,
    path: str | Path | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw one value a frame against time, with its running average and its distribution.

    Up to 4000 frames are drawn as a line, more as the band between the smallest and the largest
    value of each of 1200 stretches of frames, so a million frames take no longer than ten
    thousand. From 200 frames on a centred running average lies on top; the legend tells its
    length. Time is in ps, ns or µs as its range asks for; frames are counted where the array has
    no rising ``time``.

    Parameters
    ----------
    array : (frame,) DataArray
        One number a frame; ``units``, ``long_name`` and the coordinate ``time`` (ps) label the
        axes. A lazy array is computed.
    path : str or Path, optional
        Where to write the picture: ``.png`` (300 dpi), ``.pdf`` or ``.svg``. No display is needed.
    ax : matplotlib Axes, optional
        Draw here, without the distribution; a new figure when None.
    title : str, optional
        Above the picture; the quantity's name when None.

    Returns
    -------
    Axes
        The axes with the series; ``.figure`` is the whole picture.

    Raises
    ------
    ValueError
        The array is not one number a frame or is empty, or the suffix of `path` is unknown.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> time = xr.DataArray(np.arange(50.0), dims="frame")
    >>> radius = xr.DataArray(
    ...     1.7 + 0.01 * np.sin(time),
    ...     coords={"time": time},
    ...     name="radius_of_gyration",
    ...     attrs={"units": "nm", "long_name": "radius of gyration"},
    ... )
    >>> axes = plot_time_series(radius, "radius.png")
    >>> axes.get_ylabel(), axes.get_xlabel()
    ('Radius of gyration (nm)', 'Time (ps)')
    """
    require_suffix(path)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(
            f"a time series has one dimension and at least one frame, got {dict(array.sizes)}; "
            "select one series, for example with .isel(...), or use plot_matrix"
        )
    values = np.asarray(array.values, dtype=np.float64)
    axis = axis_of(array, str(array.dims[0]))
    with mpl.rc_context(STYLE):
        distribution = None
        if ax is None:
            figure = new_figure(path, (9.0, 4.5))
            grid = figure.add_gridspec(1, 2, width_ratios=(4.4, 1))
            ax = figure.add_subplot(grid[0])
            distribution = figure.add_subplot(grid[1], sharey=ax)
        draw_series(ax, axis, values)
        is_count = array.dtype.kind in "iu"
        if is_count:
            ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_xlabel(with_unit(axis.label, axis.unit))
        ax.set_ylabel(with_unit(name_of(array), unit_of(array)))
        # A legend lies between the title and the axes, where it hides nothing.
        pad = 32 if ax.get_legend() else None
        ax.set_title(fill(name_of(array) if title is None else title, 52), pad=pad)
        if distribution is not None:
            _draw_distribution(distribution, values, unit_of(array), is_count)
        save(ax, path)
    return ax


def draw_series(ax: Axes, axis: Axis, values: NDArray[np.float64], *, legend: bool = True) -> None:
    """Draw one series: every frame, and where there are many a running average."""
    n = values.size
    averaged = n >= AVERAGE_FROM
    label = f"range within {n // ENVELOPE_BINS} frames" if n > MAX_POINTS else "every frame"
    draw_frames(ax, axis, values, color=FAINT if averaged else BLUE, label=label)
    if averaged:
        window = _window(n)
        label = f"running average, {window} frames{_duration(window, axis)}"
        _draw_average(ax, axis, values, color=VERMILION, label=label)
    if averaged and legend:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderpad=0, borderaxespad=0.6)
    ax.grid(True)


def draw_in_colour(
    ax: Axes, axis: Axis, values: NDArray[np.float64], colour: str, label: str
) -> None:
    """Draw one of several series that share axes."""
    if values.size < AVERAGE_FROM:
        draw_frames(ax, axis, values, color=colour, label=label)
        return
    draw_frames(ax, axis, values, color=colour, alpha=0.3)
    _draw_average(ax, axis, values, color=colour, label=label)


def draw_frames(ax: Axes, axis: Axis, values: NDArray[np.float64], **style: Any) -> None:
    """Draw every frame as a line, or more than `MAX_POINTS` as the band that they fill."""
    if values.size > MAX_POINTS:
        middle, low, high = envelope(axis.values, values, ENVELOPE_BINS)
        ax.fill_between(middle, low, high, linewidth=0, **style)
    else:
        marker = "o" if values.size <= 60 else None
        (line,) = ax.plot(axis.values, values, linewidth=1.3, marker=marker, **style)
        line.set(markersize=4, clip_on=False)
    if values.size > 1:
        ax.set_xlim(axis.values[0], axis.values[-1])


def _draw_average(ax: Axes, axis: Axis, values: NDArray[np.float64], **style: Any) -> None:
    window = _window(values.size)
    average = _running_average(values, window)
    centres = axis.values[window // 2 : window // 2 + average.size]
    thin = max(1, average.size // MAX_POINTS)
    ax.plot(centres[::thin], average[::thin], linewidth=1.8, **style)


def _draw_distribution(ax: Axes, values: NDArray[np.float64], unit: str, is_count: bool) -> None:
    finite = values[np.isfinite(values)]
    if finite.size:
        bins: int | list[float] = int(np.clip(np.sqrt(finite.size), 8, 60))
        if is_count:
            # Around whole numbers, as many in each bin.
            width = -(-(np.ptp(finite) + 1) // 60)
            bins = np.arange(finite.min() - 0.5, finite.max() + width, width).tolist()
        weights = np.full(finite.size, 100.0 / finite.size)
        ax.hist(finite, bins, weights=weights, orientation="horizontal", color=FAINT)
        mean, deviation = float(finite.mean()), float(finite.std())
        ax.axhline(mean, color=BLUE, linewidth=1.5)
        ax.set_title(
            f"{with_error(mean, deviation)} {unit}".rstrip(),
            fontsize=10.5,
            fontweight="normal",
            loc="center",
            pad=8,
            color=BLUE,
        )
    ax.set_xlabel("Frames (%)")
    ax.xaxis.set_major_locator(MaxNLocator(2))
    ax.tick_params(labelleft=False, left=False)
    ax.grid(True)


def note_mean(ax: Axes, values: NDArray[np.float64], *, of: str = "", color: str = BLUE) -> None:
    """Write the mean and the standard deviation above the axes, and of what if it is no curve."""
    finite = values[np.isfinite(values)]
    if finite.size:
        text = f"{of} {with_error(float(finite.mean()), float(finite.std()))}".lstrip()
        ax.set_title(text, fontsize=10, fontweight="normal", loc="right", pad=4, color=color)


def _window(n: int) -> int:
    """Return an odd number of frames: about a fiftieth of all."""
    return max(5, n // 50) | 1


def _running_average(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Return the mean over `window` neighbouring frames, where there are that many."""
    sums = np.cumsum(np.concatenate(([0.0], values)))
    average: NDArray[np.float64] = (sums[window:] - sums[:-window]) / window
    return average


def _duration(window: int, axis: Axis) -> str:
    spacing = axis.spacing
    return f" ({window * spacing:.3g} {axis.unit})" if spacing and axis.unit else ""


def envelope(
    positions: NDArray[np.float64], values: NDArray[np.float64], bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the middle, the smallest and the largest value of each of `bins` stretches."""
    starts = np.linspace(0, values.size, bins, endpoint=False).astype(np.int64)
    last = np.append(starts[1:], values.size) - 1
    middle = 0.5 * (positions[starts] + positions[last])
    return middle, np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)
