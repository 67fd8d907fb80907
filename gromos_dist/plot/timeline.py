"""When things are there, against time: a row each."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

from gromos_dist.plot.axis import axis_of, edges
from gromos_dist.plot.style import BLUE, FRAMED, new_figure, require_suffix, save
from gromos_dist.plot.wording import labels_in_picture, with_unit

MOST_ROWS = 30
# More frames than this are drawn as the share of those that lie together.
MOST_COLUMNS = 800


def plot_timeline(
    array: xr.DataArray,
    path: str | Path | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
    label: str = "",
) -> Axes:
    """Draw when each of some things is there, such as hydrogen bonds: a row each, against time.

    Of many frames, neighbours are drawn together: the darker, the more of them have it.

    Parameters
    ----------
    array : (row, frame) DataArray
        Whether it is there. The first dim's coordinate names the rows; on their right stands in how
        many of the frames each is there.
    path, ax, title
        As in `plot_time_series`.
    label : str
        What the rows are.

    Returns
    -------
    Axes
        The axes with the rows, the first on top.

    Raises
    ------
    ValueError
        The array has other dims or is empty, or the suffix of `path` is unknown.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> there = xr.DataArray(
    ...     np.eye(2, 10) > 0, {"bond": ["A1:N-H ... B4:O", "A2:N-H ... B5:O"]}, ("bond", "frame")
    ... )
    >>> plot_timeline(there, "timeline.png").get_xlabel()
    'Frame'
    """
    require_suffix(path)
    if array.ndim != 2 or not array.size:
        raise ValueError(f"a timeline has rows and frames, got {dict(array.sizes)}")
    rows, frames = map(str, array.dims)
    axis = axis_of(array, frames)
    values = np.asarray(array.values, np.float64)
    names = labels_in_picture(array, rows)
    with mpl.rc_context(FRAMED):
        if ax is None:
            ax = new_figure(path, (9.5, 1.6 + 0.27 * len(values))).add_subplot()
        ax.imshow(
            _shares(values),
            aspect="auto",
            interpolation="nearest",
            extent=(*edges(axis.values), len(values) - 0.5, -0.5),
            cmap=LinearSegmentedColormap.from_list("there", ["white", BLUE]),
            vmin=0.0,
            vmax=1.0,
        )
        ax.set_yticks(np.arange(len(values)), names, fontsize=10)
        ax.set_yticks(np.arange(1, len(values)) - 0.5, minor=True)
        ax.tick_params(axis="y", which="both", length=0)
        ax.grid(True, axis="y", which="minor")
        shares = ax.secondary_yaxis("right")
        shares.set_yticks(
            np.arange(len(values)),
            [f"{100 * share:.0f} %" for share in values.mean(axis=1)],
            fontsize=9.5,
        )
        shares.tick_params(length=0)
        ax.set_xlabel(with_unit(axis.label, axis.unit))
        ax.set_ylabel(label)
        ax.set_title(fill(title or "", 60))
        save(ax, path)
    return ax


def _shares(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values as they are, or of many frames the means of stretches."""
    n_frames = values.shape[1]
    if n_frames <= MOST_COLUMNS:
        return values
    starts = np.linspace(0, n_frames, MOST_COLUMNS, endpoint=False).astype(np.int64)
    sums = np.add.reduceat(values, starts, axis=1)
    means: NDArray[np.float64] = sums / np.diff(np.append(starts, n_frames))
    return means
