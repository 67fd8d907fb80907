"""Radial distribution functions, with coordination numbers on an axis of their own."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from gromos_dist.plot.style import BLUE, COLOURS, STYLE, new_figure, require_suffix, save
from gromos_dist.plot.wording import labels_in_picture, unit_of, with_unit

MOST_SETS = 5
# Where a running coordination number leaves the picture: far out it is large and says little.
_TALLEST = 12.0


def plot_radial_distribution(
    result: xr.Dataset, path: str | Path | None = None, *, title: str | None = None
) -> Figure:
    """Draw radial distribution functions and, dashed, the running coordination numbers.

    Parameters
    ----------
    result : Dataset
        What `gromos_dist.rdf` gives: ``rdf`` and ``coordination_number`` over ``distance``, and
        over up to five ``set``. A lazy one is computed.
    path, title
        As in `plot_time_series`.

    Returns
    -------
    Figure
        The picture; ``.axes`` are that of g(r) and that of n(r).

    Raises
    ------
    ValueError
        There are more sets, or the suffix of `path` is unknown.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import GRO, XTC
    >>> around = gd.rdf(gd.open_trajectory(XTC, GRO, stop=1), "name OW", r_max=0.8, bins=80)
    >>> figure = plot_radial_distribution(around, "rdf.png")
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['g(r)', 'n(r), dashed']
    """
    require_suffix(path)
    data = result if "set" in result.dims else result.expand_dims("set")
    if not 0 < data.sizes["set"] <= MOST_SETS:
        raise ValueError(
            f"up to {MOST_SETS} functions can be told apart in a picture, got "
            f"{data.sizes['set']}: select some, for example with .sel(set=[...])"
        )
    data = data[["rdf", "coordination_number"]].transpose("set", "distance").load()
    distance = data["distance"]
    names = labels_in_picture(data["rdf"], "set") if data.sizes["set"] > 1 else [""]
    with mpl.rc_context(STYLE):
        figure = new_figure(path, (8.0, 4.6))
        ax = figure.add_subplot()
        counts = ax.twinx()
        counts.spines["right"].set_visible(True)
        for place, name in enumerate(names):
            colour = (BLUE, *COLOURS[1:])[place]
            one = data.isel(set=place)
            ax.plot(distance, one["rdf"], linewidth=1.5, color=colour, label=name)
            counts.plot(
                *(distance["upper_edge"], one["coordination_number"]),
                **{"linewidth": 1.2, "color": colour, "linestyle": (0, (4, 2)), "alpha": 0.85},
            )
        ax.axhline(1.0, color="0.6", linewidth=0.8, zorder=0)
        highest = float(np.nanmax(data["rdf"].values, initial=1.0))
        ax.set_ylim(0.0, 1.08 * highest)
        most = float(np.nanmax(data["coordination_number"].values, initial=0.0))
        counts.set_ylim(0.0, min(most * 1.05, _TALLEST) or 1.0)
        upper = data["upper_edge"].values
        ax.set_xlim(float(2.0 * distance.values[0] - upper[0]), float(upper[-1]))
        ax.grid(True)
        if len(names) > 1:
            ax.legend(loc="upper left")
        ax.set_xlabel(with_unit("Distance", unit_of(distance)))
        ax.set_ylabel("g(r)")
        counts.set_ylabel("n(r), dashed")
        ax.set_title(fill("Radial distribution" if title is None else title, 60))
        save(ax, path)
    return figure
