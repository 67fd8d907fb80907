"""Values with names, as horizontal bars."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from gromos_dist.plot.style import BLUE, STYLE, new_figure, require_suffix, save
from gromos_dist.plot.wording import labels_in_picture, name_of, unit_of, with_unit

MOST_BARS = 30


def plot_bars(
    array: xr.DataArray,
    path: str | Path | None = None,
    *,
    title: str | None = None,
    most: int = MOST_BARS,
) -> Axes:
    """Draw named values as horizontal bars, the first on top, such as occupancies of bonds.

    Parameters
    ----------
    array : DataArray of one dim
        The dim's coordinate names the bars. What has no unit and lies between 0 and 1 is drawn in
        per cent. A lazy array is computed.
    path, title
        As in `plot_time_series`.
    most : int
        How many bars there are at most; a line below tells how many are left out.

    Returns
    -------
    Axes
        The axes with the bars.

    Raises
    ------
    ValueError
        The array has other dims or no values, or the suffix of `path` is unknown.

    Examples
    --------
    >>> import xarray as xr
    >>> occupancy = xr.DataArray(
    ...     [0.9, 0.4], {"bond": ["A1:N-H ... B4:O", "A2:N-H ... B5:O"]}, "bond", "occupancy"
    ... )
    >>> axes = plot_bars(occupancy, "bars.png")
    >>> axes.get_xlabel()
    'Occupancy (%)'
    """
    require_suffix(path)
    if array.ndim != 1 or not array.size:
        raise ValueError(f"bars need one dimension and a value, got {dict(array.sizes)}")
    dim = str(array.dims[0])
    values = np.asarray(array.values[:most], np.float64)
    names = labels_in_picture(array[:most], dim)
    unit = unit_of(array)
    if not unit and values.min() >= 0.0 and values.max() <= 1.0:
        values, unit = 100.0 * values, "%"
    with mpl.rc_context(STYLE):
        ax = new_figure(path, (8.5, 1.6 + 0.27 * len(values))).add_subplot()
        places = np.arange(len(values))
        ax.barh(places, values, height=0.72, color=BLUE)
        for place, value in zip(places, values, strict=True):
            ax.annotate(
                f"{value:.3g}", (value, place), (4, 0), textcoords="offset points", va="center"
            ).set_fontsize(9.5)
        ax.set_yticks(places, names, fontsize=10)
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(len(values) - 0.4, -0.6)
        ax.set_xlim(0.0 if values.min() >= 0 else None, 104.0 if unit == "%" else None)
        ax.grid(True, axis="x")
        left_out = array.size - len(values)
        label = with_unit(name_of(array), unit)
        ax.set_xlabel(f"{label}\n{left_out} more are not shown" if left_out > 0 else label)
        ax.set_title(fill(name_of(array) if title is None else title, 60))
        save(ax, path)
    return ax
