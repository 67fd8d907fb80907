"""Several values a frame against time, each in axes of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import fill

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from gromos_dist.plot.axis import Axis, axis_of
from gromos_dist.plot.series import draw_series, note_mean
from gromos_dist.plot.style import SMALL_AXES, STYLE, new_figure, require_suffix, save
from gromos_dist.plot.wording import (
    labels_in_picture,
    name_of,
    plain,
    sentence,
    superscripts,
    term_name,
    unit_of,
    with_unit,
)
from gromos_dist.variables import parts_of

MOST_TERMS = 24
LONG_NAME = 32


def plot_terms(
    array: xr.DataArray,
    path: str | Path | None = None,
    *,
    title: str | None = None,
) -> Figure:
    """Draw several values a frame against time, each in axes of its own, such as ``energy``.

    Energies of a system differ by orders of magnitude, so no two share an axis of values. Those
    that are zero in every frame are left out. Each is drawn as `plot_time_series` does it, with the
    mean and the fluctuation above it.

    Parameters
    ----------
    array : (frame, term) DataArray
        The names of the terms are the coordinate of the second dim. A lazy array is computed.
    path, title
        As in `plot_time_series`.

    Returns
    -------
    Figure
        The picture; ``.axes`` are those of the terms, in their order.

    Raises
    ------
    ValueError
        The array has not two dimensions, has no frame, has more than 24 terms that are not zero,
        or the suffix of `path` is unknown.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> ds = gd.open_trajectory("tests/data/butane.trc", "tests/data/butane.top")
    >>> energy = gd.energies(ds, cutoff=0.6).energy
    >>> figure = plot_terms(energy.sel(term=["bond", "angle"]), "energies.png")
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['Bond', 'Angle']
    >>> figure.axes[0].get_ylabel(), figure.axes[1].get_xlabel()
    ('kJ mol⁻¹', 'Time (ps)')
    """
    require_suffix(path)
    if array.ndim != 2 or array.shape[0] == 0:
        raise ValueError(
            f"expected terms of at least one frame, two dimensions, got {dict(array.sizes)}"
        )
    values = np.asarray(array.values, dtype=np.float64)
    shown = np.flatnonzero((values != 0.0).any(axis=0))
    if len(shown) == 0:
        shown = np.arange(min(1, values.shape[1]))
    if not 0 < len(shown) <= MOST_TERMS:
        raise ValueError(
            f"{len(shown)} terms are not to be told apart in a picture (at most {MOST_TERMS}); "
            "select some with .sel(...)"
        )
    names = labels_in_picture(array, str(array.dims[1]))
    axis = axis_of(array, str(array.dims[0]))

    def draw(ax: Axes, place: int) -> None:
        series = values[:, shown[place]]
        draw_series(ax, axis, series, legend=False)
        ax.set_title(term_name(names[shown[place]]), fontsize=11.5, pad=5)
        ax.set_ylabel(superscripts(unit_of(array)))
        note_mean(ax, series)

    with mpl.rc_context(SMALL_AXES):
        figure = draw_panels(
            draw, len(shown), axis, path, name_of(array) if title is None else title
        )
        save(figure.axes[0], path)
    return figure


def plot_parts(
    result: xr.DataArray | xr.Dataset,
    path: str | Path | None = None,
    *,
    title: str | None = None,
) -> Figure:
    """Draw all that a result has of every frame, each part and each variable in axes of its own.

    Parameters
    ----------
    result : DataArray or Dataset
        Values (frame, ...), such as ``center_of_mass`` (frame, xyz). A lazy one is computed.
        Variables of a Dataset that have no frames are left out.
    path, title
        As in `plot_time_series`.

    Returns
    -------
    Figure
        The picture; ``.axes`` are those of the parts, in their order.

    Raises
    ------
    ValueError
        There is no frame, there are more than 24 parts, or the suffix of `path` is unknown.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> ds = gd.open_trajectory("tests/data/butane.trc", "tests/data/butane.top")
    >>> figure = plot_parts(gd.center_of_mass(ds, atoms="resname BUT"), "centre.png")
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['X', 'Y', 'Z']
    """
    require_suffix(path)
    given = [result] if isinstance(result, xr.DataArray) else list(result.data_vars.values())
    arrays = [array.transpose("frame", ...) for array in given if "frame" in array.dims]
    count = sum(int(np.prod(array.shape[1:])) for array in arrays)
    if not 0 < count <= MOST_TERMS or not arrays[0].sizes["frame"]:
        sizes = {str(array.name): dict(array.sizes) for array in given}
        raise ValueError(
            f"expected 1 to {MOST_TERMS} values of every frame, which can be told apart in a "
            f"picture, got {count}: {sizes}; select some with .sel(...)"
        )
    parts = [part for array in arrays for part in _parts_of(array, len(arrays) > 1)]
    axis = axis_of(arrays[0], "frame")

    def draw(ax: Axes, place: int) -> None:
        name, unit, values = parts[place]
        draw_series(ax, axis, values, legend=False)
        # Beside a long name there is no room for the mean.
        is_long = len(name) > LONG_NAME
        ax.set_title(name, fontsize=9 if is_long else 11.5, pad=5)
        ax.set_ylabel(superscripts(unit))
        if not is_long:
            note_mean(ax, values)

    with mpl.rc_context(SMALL_AXES):
        usual = ", ".join(map(name_of, arrays))
        figure = draw_panels(draw, len(parts), axis, path, usual if title is None else title)
        save(figure.axes[0], path)
    return figure


def _parts_of(
    array: xr.DataArray, is_one_of_several: bool
) -> Iterator[tuple[str, str, NDArray[np.float64]]]:
    """Yield the name, the unit and the values of each part of an array (frame, ...)."""
    for part, series in parts_of(array.astype(np.float64).load()):
        names = [name_of(array)] * (is_one_of_several or not part) + [plain(part)] * bool(part)
        yield sentence(", ".join(names)), unit_of(array), series.values


def _widen(ax: Axes) -> None:
    """Show values that are constant but for rounding as that."""
    low, high = ax.get_ylim()
    least = 1e-5 * max(abs(low), abs(high))
    if high - low < least:
        ax.set_ylim(0.5 * (low + high - least), 0.5 * (low + high + least))
        ax.ticklabel_format(axis="y", useOffset=False)


def draw_panels(
    draw: Callable[[Axes, int], None],
    count: int,
    axis: Axis,
    path: str | Path | None,
    title: str,
) -> Figure:
    """Return a figure of `count` axes that share the axis of frames, each drawn by `draw`."""
    n_columns = 1 if count == 1 else 2
    n_rows = -(-count // n_columns)
    figure = new_figure(path, (5.0 * n_columns, 0.6 + 2.1 * n_rows))
    grid = figure.add_gridspec(n_rows, n_columns)
    drawn: list[Axes] = []
    for place in range(count):
        # Column by column: the parts of a sum stand below each other.
        ax = figure.add_subplot(
            grid[place % n_rows, place // n_rows], sharex=drawn[0] if drawn else None
        )
        drawn.append(ax)
        draw(ax, place)
        _widen(ax)
        ax.yaxis.set_major_locator(MaxNLocator(4))
        ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    for ax in {drawn[n_rows - 1], drawn[-1]}:
        ax.set_xlabel(with_unit(axis.label, axis.unit))
    figure.align_ylabels()
    figure.suptitle(
        fill(title, 30 * n_columns + 10),
        x=0.01,
        ha="left",
        fontsize=STYLE["axes.titlesize"],
        fontweight="bold",
    )
    return figure
