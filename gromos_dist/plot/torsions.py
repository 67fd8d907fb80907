"""Torsions: a Ramachandran plot, distributions, and how often they change."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter
from numpy.typing import NDArray

from gromos_dist.plot.axis import axis_of, edges, name_ticks
from gromos_dist.plot.style import (
    BLUE,
    COLOURS,
    FAINT,
    FRAMED,
    STYLE,
    new_figure,
    require_suffix,
    save,
)
from gromos_dist.plot.wording import labels_in_picture, name_of, unit_of, with_unit

# As many points are drawn one by one; more as their density.
MOST_POINTS = 2000
_TICKS = np.arange(-180, 181, 60)


def plot_torsions(
    result: xr.Dataset, path: str | Path | None = None, *, title: str | None = None
) -> Figure:
    """Draw how torsions are distributed: psi against phi, and each other kind for itself.

    Up to 2000 pairs of phi and psi (residues times frames) are drawn as points, more as their
    density in cells of 3 degrees, on a logarithmic scale of colours.

    Parameters
    ----------
    result : Dataset
        What `torsions` gives, in degrees. A lazy one is computed. Whole turns do not matter.
    path, title
        As in `plot_time_series`.

    Returns
    -------
    Figure
        The picture; its first axes are the Ramachandran plot where there are phi and psi.

    Raises
    ------
    ValueError
        There are no torsions, or the suffix of `path` is unknown.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> found = gd.torsions(gd.open_trajectory(DCD, PSF, stride=20), ["phi", "psi", "chi1"])
    >>> figure = plot_torsions(found, "ramachandran.png")
    >>> [axes.get_xlabel() for axes in figure.axes[:2]]
    ['φ (degree)', 'χ1 (degree)']
    """
    require_suffix(path)
    angles = {
        str(name): (np.asarray(array.values, np.float64) + 180.0) % 360.0 - 180.0
        for name, array in result.data_vars.items()
    }
    if not any(np.isfinite(values).any() for values in angles.values()):
        raise ValueError(f"there are no torsions to draw in {', '.join(angles) or 'the Dataset'}")
    signs = {name: str(result[name].attrs.get("long_name", name)).split()[-1] for name in angles}
    both = [angles.pop(name) for name in ("phi", "psi")] if {"phi", "psi"} <= set(angles) else []
    shown = {name: values for name, values in angles.items() if np.isfinite(values).any()}
    n_columns = -(-len(shown) // 3) if both else min(2, len(shown))
    n_rows = -(-len(shown) // max(1, n_columns)) if shown else 1
    width = (6.2 if both else 0.0) + 3.4 * n_columns
    with mpl.rc_context(FRAMED | {"axes.labelsize": 11, "font.size": 10.5}):
        figure = new_figure(path, (width, 5.1 if both else 0.8 + 2.2 * n_rows))
        grid = figure.add_gridspec(
            n_rows, n_columns + bool(both), width_ratios=[1.9] * bool(both) + [1.0] * n_columns
        )
        if both:
            _draw_ramachandran(figure.add_subplot(grid[:, 0]), *both)
        for place, (name, values) in enumerate(shown.items()):
            # Row by row of each column, behind the Ramachandran plot.
            at = grid[place % n_rows, place // n_rows + bool(both)]
            _draw_distribution(figure.add_subplot(at), values, signs[name])
        usual = "Ramachandran plot" if both else ", ".join(name_of(result[name]) for name in shown)
        figure.suptitle(
            fill(usual if title is None else title, int(9 * width)),
            x=0.01,
            ha="left",
            fontsize=FRAMED["axes.titlesize"],
            fontweight="bold",
        )
        save(figure.axes[0], path)
    return figure


def plot_transitions(
    counts: xr.DataArray, path: str | Path | None = None, *, title: str | None = None
) -> Axes:
    """Draw how often torsions change, a bar for each residue, in the colours of the kinds.

    Parameters
    ----------
    counts : (kind, residue) DataArray, or over one dim
        Such as the ``rate`` of `torsion_transitions`. A lazy one is computed.
    path, title
        As in `plot_time_series`.

    Returns
    -------
    Axes
        The axes with the bars.

    Raises
    ------
    ValueError
        There are other dims, or the suffix of `path` is unknown.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> found = gd.torsion_transitions(gd.open_trajectory(DCD, PSF), ["chi1", "chi2"])
    >>> plot_transitions(found.rate, "transitions.png").get_ylabel()
    'Transitions per time (ns⁻¹)'
    """
    require_suffix(path)
    if not 1 <= counts.ndim <= 2 or not counts.size:
        raise ValueError(f"expected transitions (kind, residue), got {dict(counts.sizes)}")
    by_kind = counts if counts.ndim == 2 else counts.expand_dims("kind")
    axis = axis_of(by_kind, str(by_kind.dims[1]))
    names = labels_in_picture(by_kind, str(by_kind.dims[0]))
    values = np.nan_to_num(np.asarray(by_kind.values, np.float64))
    with mpl.rc_context(STYLE):
        ax = new_figure(path, (9.0, 4.5)).add_subplot()
        below = np.zeros(values.shape[1])
        for place, (name, height) in enumerate(zip(names, values, strict=True)):
            colour = COLOURS[place % len(COLOURS)]
            ax.bar(axis.values, height, 1.0, below, color=colour, linewidth=0, label=name)
            below = below + height
        if len(names) > 1:
            ax.legend(ncols=len(names), loc="lower right", bbox_to_anchor=(1, 1), borderpad=0)
        name_ticks(ax.xaxis, axis)
        ax.grid(True, axis="y")
        ax.set_xlim(*edges(axis.values))
        ax.set_xlabel(with_unit(axis.label, axis.unit))
        ax.set_ylabel(with_unit(name_of(counts), unit_of(counts)))
        ax.set_title(fill(name_of(counts) if title is None else title, 60), pad=28)
        save(ax, path)
    return ax


def _draw_ramachandran(ax: Axes, phi: NDArray[np.float64], psi: NDArray[np.float64]) -> None:
    there = np.isfinite(phi) & np.isfinite(psi)
    x, y = phi[there], psi[there]
    ax.axhline(0.0, color="0.8", linewidth=0.8)
    ax.axvline(0.0, color="0.8", linewidth=0.8)
    if x.size > MOST_POINTS:
        counts, *_ = np.histogram2d(x, y, bins=120, range=[[-180, 180]] * 2)
        percent = np.where(counts > 0, counts, np.nan) * 100.0 / x.size
        image = ax.imshow(
            percent.T,
            origin="lower",
            extent=(-180, 180, -180, 180),
            norm=LogNorm(),
            cmap="viridis_r",
            interpolation="nearest",
        )
        bar = ax.figure.colorbar(
            image,
            ax=ax,
            fraction=0.046,
            pad=0.03,
            ticks=LogLocator(subs=(1.0, 2.0, 5.0)),
            format=StrMethodFormatter("{x:g}"),
        )
        bar.minorticks_off()
        bar.set_label("Of all residues and frames, in 3 by 3 degrees (%)")
        bar.outline.set_visible(False)
    else:
        ax.scatter(x, y, s=14, color=BLUE, alpha=0.6, linewidth=0)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks(_TICKS)
    ax.set(xlim=(-180, 180), ylim=(-180, 180), aspect="equal")
    ax.set_xlabel("φ (degree)")
    ax.set_ylabel("ψ (degree)")


def _draw_distribution(ax: Axes, values: NDArray[np.float64], sign: str) -> None:
    finite = values[np.isfinite(values)]
    weights = np.full(finite.size, 100.0 / finite.size)
    ax.hist(
        finite,
        72,
        range=(-180.0, 180.0),
        weights=weights,
        color=FAINT,
        edgecolor=BLUE,
        linewidth=0.4,
    )
    ax.set_xlim(-180, 180)
    ax.xaxis.set_ticks(_TICKS[::2])
    ax.set_xlabel(f"{sign} (degree)")
    ax.set_ylabel("In 5 degrees (%)")
