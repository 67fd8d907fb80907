"""What acts between pairs of groups: against time, and as a heat map of the means."""

from __future__ import annotations

import itertools
from pathlib import Path
from textwrap import fill

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gromos_dist.analysis.statistics import strongest_pairs
from gromos_dist.plot.axis import axis_of
from gromos_dist.plot.panels import draw_panels
from gromos_dist.plot.series import draw_in_colour, note_mean
from gromos_dist.plot.style import COLOURS, FRAMED, SMALL_AXES, new_figure, require_suffix, save
from gromos_dist.plot.wording import (
    labels_in_picture,
    name_of,
    superscripts,
    term_name,
    unit_of,
    with_unit,
)

MOST_PAIRS = 12
MOST_NAMES = 40
# Of the pairs of groups that interact, so many get a colour of their own; the others the last one.
COLOURED = 0.99


def plot_pairs(
    array: xr.DataArray,
    path: str | Path | None = None,
    *,
    title: str | None = None,
) -> Figure:
    """Draw what acts between pairs of groups against time, such as ``energy_nonbonded``.

    Each pair has axes of its own, in which every kind of energy has a colour; the mean and the
    fluctuation of their sum are above it. Of more than 12 pairs, the 12 of different groups with
    the largest mean magnitudes are drawn, the largest first. Pairs that are zero in every frame are
    left out.

    Parameters
    ----------
    array : (frame, nonbonded_term, group, other_group) DataArray
        Symmetric in the groups. A lazy array is computed, without ever being in memory as a whole
        when its pairs are many.
    path, title
        As in `plot_time_series`.

    Returns
    -------
    Figure
        The picture; ``.axes`` are those of the pairs.

    Raises
    ------
    ValueError
        The array has other dims, or no frame, or the suffix of `path` is unknown.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> ds = gd.open_trajectory("tests/data/butane.trc", "tests/data/butane.top")
    >>> groups = {"butane": "resname BUT", "water": "water"}
    >>> pairs = gd.energies(ds, cutoff=0.6, groups=groups).energy_nonbonded
    >>> figure = plot_pairs(pairs, "pairs.png")
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['butane - butane', 'butane - water', 'water - water']
    """
    require_suffix(path)
    wanted = ("frame", "nonbonded_term", "group", "other_group")
    if set(array.dims) != set(wanted) or array.size == 0:
        raise ValueError(f"expected the dims {', '.join(wanted)}, got {dict(array.sizes)}")
    places, of_all = _pairs_to_draw(array)
    of = xr.DataArray(places, dims=("pair", "side"))
    drawn = array.isel(group=of[:, 0], other_group=of[:, 1])
    values = drawn.transpose("pair", "nonbonded_term", "frame").to_numpy().astype(np.float64)
    terms, groups = labels_in_picture(array, "nonbonded_term"), labels_in_picture(array, "group")
    colours = {
        term: colour
        for k, (term, colour) in enumerate(zip(terms, itertools.cycle(COLOURS), strict=False))
        if values[:, k].any()
    }
    axis = axis_of(array, "frame")

    def draw(ax: Axes, place: int) -> None:
        for term, colour in colours.items():
            draw_in_colour(ax, axis, values[place, terms.index(term)], colour, term_name(term))
        ax.grid(True)
        ax.set_title(" - ".join(groups[i] for i in places[place]), fontsize=11.5, pad=5)
        ax.set_ylabel(superscripts(unit_of(array)))
        if len(colours) > 1:
            note_mean(ax, values[place].sum(axis=0), of="sum", color="0.3")
        else:
            note_mean(ax, values[place].sum(axis=0))

    if title is None:
        title = name_of(array)
    if len(places) < of_all:
        title = f"{title}: the {len(places)} strongest of {of_all} pairs"
    with mpl.rc_context(SMALL_AXES):
        figure = draw_panels(draw, len(places), axis, path, title)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        save(figure.axes[0], path)
    return figure


def _pairs_to_draw(array: xr.DataArray) -> tuple[list[tuple[int, int]], int]:
    """Return the pairs of groups that are drawn, and how many there are in all."""
    n_groups = array.sizes["group"]
    pairs = [(i, j) for i in range(n_groups) for j in range(i, n_groups)]
    if len(pairs) <= MOST_PAIRS:
        there = (array != 0.0).any(["frame", "nonbonded_term"]).transpose("group", "other_group")
        pairs = [pair for pair in pairs if there.values[pair]] or pairs[:1]
        return pairs, len(pairs)
    return strongest_pairs(array, MOST_PAIRS) or pairs[:1], n_groups * (n_groups - 1) // 2


def plot_groups(
    array: xr.DataArray,
    path: str | Path | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw what acts between groups, such as ``energy_nonbonded``, as a heat map of the means.

    The mean over the frames is shown; kinds of energy are summed, and of forces it is the mean of
    the magnitudes. Energies have colours from blue (attraction) to red. Their range is that of 99 %
    of the pairs of different groups that interact; what is beyond, often that of a group with
    itself, has the last colour.

    Parameters
    ----------
    array : (..., group, other_group, ...) DataArray
        With any of the dims ``frame``, ``nonbonded_term`` and ``xyz``. A lazy array is computed,
        without ever being in memory as a whole.
    path, ax, title
        As in `plot_time_series`.

    Returns
    -------
    Axes
        The axes with the heat map; the colour bar is beside it.

    Raises
    ------
    ValueError
        The array has no groups or other dims than these, is empty, or the suffix of `path` is
        unknown.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> ds = gd.open_trajectory("tests/data/butane.trc", "tests/data/butane.top")
    >>> pairs = gd.energies(ds, cutoff=0.6, groups="residue").energy_nonbonded
    >>> axes = plot_groups(pairs.sel(nonbonded_term="lennard_jones"), "pairs.png")
    >>> [label.get_text() for label in axes.get_xticklabels()]
    ['BUT1', 'solvent']
    """
    require_suffix(path)
    extra = set(array.dims) - {"frame", "nonbonded_term", "group", "other_group", "xyz"}
    if extra or not {"group", "other_group"} <= set(array.dims) or array.size == 0:
        raise ValueError(
            "expected values of pairs of groups, with the dims group and other_group and at most "
            f"frame, nonbonded_term and xyz beside them, got {dict(array.sizes)}"
        )
    mean = array.astype(np.float64)
    if is_force := "xyz" in array.dims:
        mean = (mean**2).sum("xyz") ** 0.5
    if "frame" in mean.dims:
        mean = mean.mean("frame")
    if "nonbonded_term" in mean.dims:
        mean = mean.sum("nonbonded_term")
    values = mean.transpose("group", "other_group").to_numpy()
    with mpl.rc_context(FRAMED):
        if ax is None:
            ax = new_figure(path, (6.6, 5.4)).add_subplot()
        largest, beyond = _colour_range(values)
        image = ax.imshow(
            values,
            origin="lower",
            cmap="viridis" if is_force else "RdBu_r",
            vmin=0.0 if is_force else -largest,
            vmax=largest,
            interpolation="nearest",
        )
        extend = "neither" if not beyond else "max" if is_force else "both"
        bar = ax.figure.colorbar(image, ax=ax, fraction=0.046, pad=0.04, extend=extend)
        kind = "Mean magnitude of the force" if is_force else "Mean energy"
        bar.set_label(with_unit(kind, unit_of(array)))
        bar.outline.set_visible(False)
        _name_groups(ax, array)
        ax.set_title(fill(name_of(array) if title is None else title, 42))
        save(ax, path)
    return ax


def _colour_range(values: NDArray[np.float64]) -> tuple[float, bool]:
    """Return the value of the last colour, and whether there are larger ones."""
    magnitudes = np.abs(values)
    apart = magnitudes[np.eye(*values.shape) == 0.0]
    there = apart[apart > 0.0]
    if there.size == 0:
        there = np.array([float(magnitudes.max()) or 1.0])
    largest = float(np.quantile(there, COLOURED, method="higher"))
    return largest, bool((magnitudes > largest).any())


def _name_groups(ax: Axes, array: xr.DataArray) -> None:
    """Name the groups along both axes, as many as there is room for."""
    for axis, dim in ((ax.yaxis, "group"), (ax.xaxis, "other_group")):
        names = labels_in_picture(array, dim)
        step = -(-len(names) // MOST_NAMES)
        places = np.arange(0, len(names), step)
        size = float(np.clip(260 / max(len(places), 1), 5, 11))
        axis.set_ticks(places, [names[place] for place in places], fontsize=size)
        axis.set_tick_params(length=0)
    if max(map(len, labels_in_picture(array, "other_group"))) > 3:
        ax.tick_params(axis="x", rotation=90)
    ax.set_ylabel("Group")
    ax.set_xlabel("Other group" if "xyz" not in array.dims else "Group that the force comes from")
