"""Values over atoms, residues, distances or the like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from textwrap import fill

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gromos_dist.plot.axis import Axis, axis_of, name_ticks
from gromos_dist.plot.style import (
    BLUE,
    COLOURS,
    SMALL_AXES,
    STYLE,
    new_figure,
    require_suffix,
    save,
)
from gromos_dist.plot.wording import labels_in_picture, name_of, unit_of, with_unit

MOST_CURVES = 5
MOST_MARKED = 60
# So many have room below the axis.
_CHARACTERS = 78


def plot_profile(
    result: xr.DataArray | xr.Dataset,
    path: str | Path | None = None,
    *,
    title: str | None = None,
) -> Figure:
    """Draw values over atoms, residues, distances, lags or the like, each variable in its axes.

    Parameters
    ----------
    result : DataArray or Dataset
        Values over one dim, or over two, of which the shorter one tells up to five curves apart.
        The longer one's coordinate labels the axis, with its ``long_name`` and ``units``. A lazy
        result is computed.
    path, title
        As in `plot_time_series`.

    Returns
    -------
    Figure
        The picture; ``.axes`` are those of the variables.

    Raises
    ------
    ValueError
        There is no value, there are other dims or more curves, or the suffix of `path` is unknown.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> distance = xr.DataArray(np.arange(0.1, 1.0, 0.1), dims="distance", attrs={"units": "nm"})
    >>> density = np.exp(-distance).assign_coords(distance=distance).rename("density")
    >>> density.attrs["units"] = "nm-3"
    >>> figure = plot_profile(density, "density.png")
    >>> figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()
    ('Distance (nm)', 'Density (nm⁻³)')
    """
    require_suffix(path)
    arrays = [result] if isinstance(result, xr.DataArray) else list(result.data_vars.values())
    curves = [_curves(array) for array in arrays]
    if not arrays:
        raise ValueError("expected a variable, got an empty Dataset")
    with mpl.rc_context(STYLE if len(arrays) == 1 else SMALL_AXES):
        figure = new_figure(path, (8.0, 1.2 + 3.0 * len(arrays)))
        for ax, array in zip(
            np.ravel(figure.subplots(len(arrays), 1, squeeze=False)), curves, strict=True
        ):
            _draw(ax, array)
        usual = ", ".join(map(name_of, arrays))
        figure.axes[0].set_title(fill(usual if title is None else title, 60))
        save(figure.axes[0], path)
    return figure


def _curves(array: xr.DataArray) -> xr.DataArray:
    """Return an array (curve, place); the longer dim is the place."""
    dims = sorted(map(str, array.dims), key=lambda dim: array.sizes[dim])
    if len(dims) == 1:
        return array.expand_dims("curve")
    if len(dims) != len(("curve", "place")) or not 0 < array.sizes[dims[0]] <= MOST_CURVES:
        raise ValueError(
            f"a profile has one dimension, or up to {MOST_CURVES} curves over another, got "
            f"{dict(array.sizes)}; select some, for example with .isel(...), or use plot_matrix"
        )
    return array.transpose(*dims)


def _with_names(axis: Axis, array: xr.DataArray, place: str) -> Axis:
    """Return an axis of residues, or of atoms, with their names, as far as these are known."""

    def known(name: str) -> list[str]:
        return [str(value) for value in array[name].values] if name in array.coords else []

    # Nothing where one of both is not known.
    pairs = zip(known("residue_name"), known("residue"), strict=False)
    residues = [f"{name}{number}" for name, number in pairs]
    names = residues if place == "residue" else []
    if place == "atom":
        names = [f"{of}:{atom}" for of, atom in zip(residues, known("atom_name"), strict=False)]
    if not names:
        return axis
    # Numbers may begin again with each chain.
    rises = bool((np.diff(axis.values) > 0).all())
    values = axis.values if rises else np.arange(len(names), dtype=np.float64)
    return replace(axis, values=values, unit="", names=tuple(names))


def _draw(ax: Axes, array: xr.DataArray) -> None:
    curve, place = map(str, array.dims)
    axis = _with_names(axis_of(array, place), array, place)
    values = np.asarray(array.values, dtype=np.float64)
    if not values.size:
        raise ValueError(f"{name_of(array)}: there is no value to draw")
    marker = "o" if values.shape[1] <= MOST_MARKED else None
    names = labels_in_picture(array, curve) if values.shape[0] > 1 else [""]
    for name, line, colour in zip(names, values, (BLUE, *COLOURS[1:]), strict=False):
        (drawn,) = ax.plot(
            axis.values, line, linewidth=1.3, marker=marker, color=colour, label=name
        )
        drawn.set(markersize=4, clip_on=False)
    if values.shape[0] > 1:
        ax.legend()
    longest = max(map(len, axis.names), default=1)
    name_ticks(ax.xaxis, axis, most=min(40, _CHARACTERS // (longest + 2)))
    ax.grid(True)
    if values.shape[1] > 1:
        ax.set_xlim(float(axis.values.min()), float(axis.values.max()))
    ax.set_xlabel(with_unit(axis.label, axis.unit))
    ax.set_ylabel(with_unit(name_of(array), unit_of(array)))
