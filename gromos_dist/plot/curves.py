"""Several quantities over one dim, as curves in the same axes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import fill

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from gromos_dist.plot.axis import axis_of
from gromos_dist.plot.style import COLOURS, STYLE, new_figure, require_suffix, save
from gromos_dist.plot.wording import plain, with_unit


def plot_curves(
    result: xr.Dataset,
    path: str | Path | None = None,
    *,
    title: str | None = None,
    label: str = "",
    notes: Mapping[str, str] | None = None,
) -> Axes:
    """Draw the variables of a Dataset, which have one dim and the same unit, in the same axes.

    Parameters
    ----------
    result : Dataset
        Variables over one dim, the same for all. A lazy one is computed.
    path, title
        As in `plot_time_series`.
    label : str
        What is drawn: the label of the axis.
    notes : mapping, optional
        What the legend adds to the name of a variable.

    Returns
    -------
    Axes
        The axes with the curves.

    Raises
    ------
    ValueError
        There is nothing to draw, or the suffix of `path` is unknown.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> lag = ("lag", np.arange(20.0), {"units": "ps"})
    >>> decay = xr.Dataset({"decay": ("lag", np.exp(-np.arange(20) / 5))}, {"lag": lag})
    >>> axes = plot_curves(decay, "decay.png", label="Correlation", notes={"decay": "5 ps"})
    >>> axes.get_xlabel(), axes.get_ylabel()
    ('Lag (ps)', 'Correlation')
    """
    require_suffix(path)
    arrays = [array for array in result.data_vars.values() if array.ndim == 1 and array.size]
    if not arrays or len({array.dims for array in arrays}) > 1:
        raise ValueError(f"curves need variables over one dim, got {dict(result.sizes)}")
    axis = axis_of(arrays[0], str(arrays[0].dims[0]))
    with mpl.rc_context(STYLE):
        ax = new_figure(path, (8.0, 4.8)).add_subplot()
        for array, colour in zip(arrays, np.resize(COLOURS, len(arrays)), strict=True):
            note = (notes or {}).get(str(array.name), "")
            name = plain(str(array.attrs.get("long_name", array.name)))
            text = f"{name}: {note}" if note else name
            ax.plot(axis.values, array.values, color=str(colour), linewidth=1.8, label=text)
        ax.axhline(0.0, color="0.6", linewidth=0.8)
        ax.legend(loc="best")
        ax.grid(True)
        if axis.values.size > 1:
            ax.set_xlim(axis.values[0], axis.values[-1])
        ax.set_xlabel(with_unit(axis.label, axis.unit))
        ax.set_ylabel(label)
        ax.set_title(fill(title or label, 60))
        save(ax, path)
    return ax
