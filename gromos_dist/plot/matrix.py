"""Values over two dims as a heat map."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from textwrap import fill

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from numpy.typing import NDArray

from gromos_dist.plot.axis import Axis, axis_of, edges, name_ticks
from gromos_dist.plot.style import FRAMED, new_figure, require_suffix, save
from gromos_dist.plot.wording import name_of, unit_of, with_unit

MAX_MATRIX = 1500


def plot_matrix(
    array: xr.DataArray,
    path: str | Path | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw values over two dims as a heat map, such as `rmsd_matrix` of pairs of frames.

    Along frames the axes are time (ps, ns or µs), or frame numbers where there is no rising time;
    along other dims what their coordinates hold. Blocks of a matrix with more than 1500 rows or
    columns are averaged.

    Parameters
    ----------
    array : (frame, other_frame) or other DataArray of two dims
        Rows go up, columns to the right. A lazy array is computed.
    path, ax, title
        As in `plot_time_series`.

    Returns
    -------
    Axes
        The axes with the heat map; the colour bar is beside it.

    Raises
    ------
    ValueError
        The array has not two dimensions or is empty, or the suffix of `path` is unknown.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> frames = np.arange(20)
    >>> distance = xr.DataArray(
    ...     0.01 * abs(frames[:, None] - frames),
    ...     dims=("frame", "other_frame"),
    ...     name="rmsd_matrix",
    ...     attrs={"units": "nm"},
    ... )
    >>> plot_matrix(distance, "matrix.png").get_xlabel()
    'Frame'
    """
    require_suffix(path)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"a matrix has two dimensions and at least one frame in each, got {dict(array.sizes)}; "
            "one number a frame is drawn by plot_time_series"
        )
    rows, columns = (_in_even_steps(axis_of(array, str(dim)), str(dim)) for dim in array.dims)
    values = _shrink(np.asarray(array.values, dtype=np.float64), MAX_MATRIX)
    with mpl.rc_context(FRAMED):
        if ax is None:
            ax = new_figure(path, (6.6, 5.4)).add_subplot()
        image = ax.imshow(
            values,
            origin="lower",
            extent=(*edges(columns.values), *edges(rows.values)),
            aspect="equal" if array.shape[0] == array.shape[1] else "auto",
            cmap="viridis",
            interpolation="nearest",
        )
        bar = ax.figure.colorbar(image, ax=ax, fraction=0.046, pad=0.04)
        bar.set_label(with_unit(name_of(array), unit_of(array)))
        bar.outline.set_visible(False)
        ax.set_xlabel(with_unit(columns.label, columns.unit))
        ax.set_ylabel(with_unit(rows.label, rows.unit))
        name_ticks(ax.xaxis, columns)
        name_ticks(ax.yaxis, rows)
        is_of_pairs = set(array.dims) == {"frame", "other_frame"}
        usual = name_of(array) + (" of all pairs of frames" if is_of_pairs else "")
        ax.set_title(fill(usual if title is None else title, 42))
        save(ax, path)
    return ax


def _in_even_steps(axis: Axis, dim: str) -> Axis:
    """Return the axis, or numbers as names where they do not rise in equal steps.

    Cells are equally wide: residues with a gap, or of several chains, would get wrong numbers.
    """
    steps = np.diff(axis.values)
    if dim in ("frame", "other_frame") or axis.names or np.allclose(steps, steps[:1]):
        return axis
    names = tuple(f"{value:g}" for value in axis.values)
    return replace(axis, values=np.arange(len(names), dtype=np.float64), names=names)


def _shrink(matrix: NDArray[np.float64], largest: int) -> NDArray[np.float64]:
    """Return the means of blocks, so that no side is longer than `largest`."""
    for dim, size in enumerate(matrix.shape):
        if size > largest:
            starts = np.linspace(0, size, largest, endpoint=False).astype(np.int64)
            counts = np.diff(np.append(starts, size))
            sums = np.add.reduceat(matrix, starts, axis=dim)
            matrix = sums / (counts[:, None] if dim == 0 else counts)
    return matrix
