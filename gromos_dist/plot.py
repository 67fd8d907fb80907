"""Pictures of results: time series, matrices, energies by term and by pair of groups."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from gromos_dist.analysis.statistics import strongest_pairs
from gromos_dist.beside import file_beside

STYLE: Any = {
    "figure.dpi": 110,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "font.size": 12,
    "axes.titlesize": 14,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.labelsize": 13,
    "axes.edgecolor": "0.35",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "0.90",
    "grid.linewidth": 0.8,
    "xtick.color": "0.35",
    "ytick.color": "0.35",
    "xtick.labelcolor": "0.15",
    "ytick.labelcolor": "0.15",
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.1,
    "legend.frameon": False,
    "legend.fontsize": 11,
}
"""What every picture is drawn with; ``fonttype`` 42 keeps the letters of a PDF as text."""

# Blue and vermilion of Okabe and Ito (2008), told apart with every kind of colour vision.
FAINT, BLUE, VERMILION = "#9CC7E3", "#0072B2", "#D55E00"
_COLOURS = (BLUE, VERMILION, "#009E73", "#CC79A7", "#E69F00")
_SMALL_AXES: Any = {**STYLE, "axes.labelsize": 11, "font.size": 10.5}

SUFFIXES = (".png", ".pdf", ".svg")
SHORT_NAMES = {
    "rmsd": "RMSD",
    "rmsd_matrix": "RMSD",
    "radius_of_gyration": "Radius of gyration",
    "lennard_jones": "Lennard-Jones",
    "crossdihedral": "cross dihedral",
    "energy_nonbonded": "Non-bonded energy of pairs of groups",
    "group_forces": "Non-bonded force between groups",
}
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

MINUS = "\N{MINUS SIGN}"

# More points than a wide screen has columns are drawn as an envelope, fewer as a line.
MAX_POINTS = 4000
ENVELOPE_BINS = 1200
AVERAGE_FROM = 200
MAX_MATRIX = 1500
MOST_TERMS = 24
MOST_PAIRS = 12
MOST_NAMES = 40
# Of the pairs of groups that interact, so many get a colour of their own; the others the last one.
COLOURED = 0.99


@dataclass(frozen=True)
class Axis:
    """Where the frames of a result lie on an axis."""

    values: NDArray[np.float64]
    label: str
    unit: str
    """``"ps"``, ``"ns"``, ``"µs"``, or empty for frame numbers."""

    @property
    def spacing(self) -> float | None:
        """The distance of two frames, None where it varies."""
        if self.values.size < 2:
            return None
        steps = np.diff(self.values)
        return float(steps.mean()) if np.allclose(steps, steps.mean(), rtol=1e-3) else None


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
    _require_suffix(path)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(
            f"a time series has one dimension and at least one frame, got {dict(array.sizes)}; "
            "select one series, for example with .isel(...), or use plot_matrix"
        )
    values = np.asarray(array.values, dtype=np.float64)
    axis = _frame_axis(array, str(array.dims[0]))
    with mpl.rc_context(STYLE):
        distribution = None
        if ax is None:
            figure = _new_figure(path, (9.0, 4.5))
            grid = figure.add_gridspec(1, 2, width_ratios=(4.4, 1))
            ax = figure.add_subplot(grid[0])
            distribution = figure.add_subplot(grid[1], sharey=ax)
        _draw_series(ax, axis, values)
        ax.set_xlabel(_with_unit(axis.label, axis.unit))
        ax.set_ylabel(_with_unit(_name(array), _unit(array)))
        # A legend lies between the title and the axes, where it hides nothing.
        pad = 32 if ax.get_legend() else None
        ax.set_title(fill(_name(array) if title is None else title, 60), pad=pad)
        if distribution is not None:
            _draw_distribution(distribution, values, _unit(array))
        _save(ax, path)
    return ax


def plot_matrix(
    array: xr.DataArray,
    path: str | Path | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw a matrix of frames against frames, such as `rmsd_matrix`, as a heat map.

    Both axes are time (ps, ns or µs), or frame numbers where there is no rising time. Blocks of
    a matrix with more than 1500 rows or columns are averaged.

    Parameters
    ----------
    array : (frame, other_frame) DataArray
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
    _require_suffix(path)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"a matrix has two dimensions and at least one frame in each, got {dict(array.sizes)}; "
            "one number a frame is drawn by plot_time_series"
        )
    rows, columns = (_frame_axis(array, str(dim)) for dim in array.dims)
    values = _shrink(np.asarray(array.values, dtype=np.float64), MAX_MATRIX)
    with mpl.rc_context({**STYLE, "axes.spines.top": True, "axes.spines.right": True}):
        if ax is None:
            ax = _new_figure(path, (6.6, 5.4)).add_subplot()
        image = ax.imshow(
            values,
            origin="lower",
            extent=(*_edges(columns.values), *_edges(rows.values)),
            aspect="equal" if array.shape[0] == array.shape[1] else "auto",
            cmap="viridis",
            interpolation="nearest",
        )
        bar = ax.figure.colorbar(image, ax=ax, fraction=0.046, pad=0.04)
        bar.set_label(_with_unit(_name(array), _unit(array)))
        bar.outline.set_visible(False)
        ax.set_xlabel(_with_unit(columns.label, columns.unit))
        ax.set_ylabel(_with_unit(rows.label, rows.unit))
        ax.set_title(fill(f"{_name(array)} of all pairs of frames" if title is None else title, 42))
        _save(ax, path)
    return ax


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
    _require_suffix(path)
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
    names = _labels(array, str(array.dims[1]))
    axis = _frame_axis(array, str(array.dims[0]))

    def draw(ax: Axes, place: int) -> None:
        series = values[:, shown[place]]
        _draw_series(ax, axis, series, legend=False)
        ax.set_title(_term(names[shown[place]]), fontsize=11.5, pad=5)
        ax.set_ylabel(_superscripts(_unit(array)))
        _note_mean(ax, series)

    with mpl.rc_context(_SMALL_AXES):
        figure = _draw_panels(
            draw, len(shown), axis, path, _name(array) if title is None else title
        )
        _save(figure.axes[0], path)
    return figure


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
    _require_suffix(path)
    wanted = ("frame", "nonbonded_term", "group", "other_group")
    if set(array.dims) != set(wanted) or array.size == 0:
        raise ValueError(f"expected the dims {', '.join(wanted)}, got {dict(array.sizes)}")
    places, of_all = _pairs_to_draw(array)
    of = xr.DataArray(places, dims=("pair", "side"))
    drawn = array.isel(group=of[:, 0], other_group=of[:, 1])
    values = drawn.transpose("pair", "nonbonded_term", "frame").to_numpy().astype(np.float64)
    terms, groups = _labels(array, "nonbonded_term"), _labels(array, "group")
    colours = {
        term: colour
        for k, (term, colour) in enumerate(zip(terms, itertools.cycle(_COLOURS), strict=False))
        if values[:, k].any()
    }
    axis = _frame_axis(array, "frame")

    def draw(ax: Axes, place: int) -> None:
        for term, colour in colours.items():
            _draw_in_colour(ax, axis, values[place, terms.index(term)], colour, _term(term))
        ax.grid(True)
        ax.set_title(" - ".join(groups[i] for i in places[place]), fontsize=11.5, pad=5)
        ax.set_ylabel(_superscripts(_unit(array)))
        _note_mean(ax, values[place].sum(axis=0))

    if title is None:
        title = _name(array)
    if len(places) < of_all:
        title = f"{title}: the {len(places)} strongest of {of_all} pairs"
    with mpl.rc_context(_SMALL_AXES):
        figure = _draw_panels(draw, len(places), axis, path, title)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        _save(figure.axes[0], path)
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


def _draw_panels(
    draw: Callable[[Axes, int], None],
    count: int,
    axis: Axis,
    path: str | Path | None,
    title: str,
) -> Figure:
    """Return a figure of `count` axes that share the axis of frames, each drawn by `draw`."""
    n_columns = 1 if count == 1 else 2
    n_rows = -(-count // n_columns)
    figure = _new_figure(path, (5.0 * n_columns, 0.6 + 2.1 * n_rows))
    grid = figure.add_gridspec(n_rows, n_columns)
    drawn: list[Axes] = []
    for place in range(count):
        # Column by column: the parts of a sum stand below each other.
        ax = figure.add_subplot(
            grid[place % n_rows, place // n_rows], sharex=drawn[0] if drawn else None
        )
        drawn.append(ax)
        draw(ax, place)
        ax.yaxis.set_major_locator(MaxNLocator(4))
        ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    for ax in {drawn[n_rows - 1], drawn[-1]}:
        ax.set_xlabel(_with_unit(axis.label, axis.unit))
    figure.align_ylabels()
    figure.suptitle(
        fill(title, 30 * n_columns + 10),
        x=0.01,
        ha="left",
        fontsize=STYLE["axes.titlesize"],
        fontweight="bold",
    )
    return figure


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
    _require_suffix(path)
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
    with mpl.rc_context({**STYLE, "axes.spines.top": True, "axes.spines.right": True}):
        if ax is None:
            ax = _new_figure(path, (6.6, 5.4)).add_subplot()
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
        bar.set_label(_with_unit(kind, _unit(array)))
        bar.outline.set_visible(False)
        _name_groups(ax, array)
        ax.set_title(fill(_name(array) if title is None else title, 42))
        _save(ax, path)
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
        names = _labels(array, dim)
        step = -(-len(names) // MOST_NAMES)
        places = np.arange(0, len(names), step)
        size = float(np.clip(260 / max(len(places), 1), 5, 11))
        axis.set_ticks(places, [names[place] for place in places], fontsize=size)
        axis.set_tick_params(length=0)
    if max(map(len, _labels(array, "other_group"))) > 3:
        ax.tick_params(axis="x", rotation=90)
    ax.set_ylabel("Group")
    ax.set_xlabel("Other group" if "xyz" not in array.dims else "Group that the force comes from")


def _labels(array: xr.DataArray, dim: str) -> list[str]:
    """Return what a dim counts, as text for a picture: a dollar sign begins no formula."""
    values = array.coords[dim].values if dim in array.coords else np.arange(array.sizes[dim])
    return [str(value).replace("$", r"\$") for value in values]


def _note_mean(ax: Axes, values: NDArray[np.float64]) -> None:
    finite = values[np.isfinite(values)]
    if finite.size:
        text = _with_error(float(finite.mean()), float(finite.std()))
        ax.set_title(text, fontsize=10, fontweight="normal", loc="right", pad=4, color=BLUE)


def _draw_series(ax: Axes, axis: Axis, values: NDArray[np.float64], *, legend: bool = True) -> None:
    n = values.size
    averaged = n >= AVERAGE_FROM
    label = f"range within {n // ENVELOPE_BINS} frames" if n > MAX_POINTS else "every frame"
    _draw_frames(ax, axis, values, color=FAINT if averaged else BLUE, label=label)
    if averaged:
        window = _window(n)
        label = f"running average, {window} frames{_duration(window, axis)}"
        _draw_average(ax, axis, values, color=VERMILION, label=label)
    if averaged and legend:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderpad=0, borderaxespad=0.6)
    ax.grid(True)


def _draw_in_colour(
    ax: Axes, axis: Axis, values: NDArray[np.float64], colour: str, label: str
) -> None:
    """Draw one of several series that share axes."""
    if values.size < AVERAGE_FROM:
        _draw_frames(ax, axis, values, color=colour, label=label)
        return
    _draw_frames(ax, axis, values, color=colour, alpha=0.3)
    _draw_average(ax, axis, values, color=colour, label=label)


def _draw_frames(ax: Axes, axis: Axis, values: NDArray[np.float64], **style: Any) -> None:
    """Draw every frame as a line, or more than `MAX_POINTS` as the band that they fill."""
    if values.size > MAX_POINTS:
        middle, low, high = _envelope(axis.values, values, ENVELOPE_BINS)
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


def _draw_distribution(ax: Axes, values: NDArray[np.float64], unit: str) -> None:
    finite = values[np.isfinite(values)]
    if finite.size:
        bins = int(np.clip(np.sqrt(finite.size), 8, 60))
        weights = np.full(finite.size, 100.0 / finite.size)
        ax.hist(finite, bins, weights=weights, orientation="horizontal", color=FAINT)
        mean, deviation = float(finite.mean()), float(finite.std())
        ax.axhline(mean, color=BLUE, linewidth=1.5)
        ax.set_title(
            f"{_with_error(mean, deviation)} {unit}".rstrip(),
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


def _with_error(mean: float, deviation: float) -> str:
    """Return ``mean ± deviation`` with two digits of the deviation, and the minus of the axes."""
    if not deviation > 0.0:
        return f"{mean:z.4g}".replace("-", MINUS)
    decimals = int(np.clip(1 - np.floor(np.log10(deviation)), 0, 6))
    return f"{mean:z.{decimals}f} ± {deviation:.{decimals}f}".replace("-", MINUS)


def _frame_axis(array: xr.DataArray, dim: str) -> Axis:
    """Return the axis of `dim`: its time in a fitting unit when it rises, else frame numbers."""
    for name, coordinate in array.coords.items():
        if coordinate.dims != (dim,) or "time" not in str(name):
            continue
        time = np.asarray(coordinate.values, dtype=np.float64)
        if not (np.isfinite(time).all() and (np.diff(time) > 0.0).all()):
            continue
        unit = str(coordinate.attrs.get("units", "ps"))
        if unit == "ps":
            scale, unit = _time_unit(float(np.abs(time).max()))
            time = time * scale
        return Axis(time, "Time", unit)
    numbers = array.coords[dim].values if dim in array.coords else np.arange(array.sizes[dim])
    return Axis(np.asarray(numbers, dtype=np.float64), "Frame", "")


def _time_unit(longest: float) -> tuple[float, str]:
    """Return what to multiply ps with, and the unit this gives."""
    if longest >= 2e6:
        return 1e-6, "µs"
    return (1e-3, "ns") if longest >= 2e3 else (1.0, "ps")


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


def _envelope(
    positions: NDArray[np.float64], values: NDArray[np.float64], bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the middle, the smallest and the largest value of each of `bins` stretches."""
    starts = np.linspace(0, values.size, bins, endpoint=False).astype(np.int64)
    last = np.append(starts[1:], values.size) - 1
    middle = 0.5 * (positions[starts] + positions[last])
    return middle, np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)


def _shrink(matrix: NDArray[np.float64], largest: int) -> NDArray[np.float64]:
    """Return the means of blocks, so that no side is longer than `largest`."""
    for dim, size in enumerate(matrix.shape):
        if size > largest:
            starts = np.linspace(0, size, largest, endpoint=False).astype(np.int64)
            counts = np.diff(np.append(starts, size))
            sums = np.add.reduceat(matrix, starts, axis=dim)
            matrix = sums / (counts[:, None] if dim == 0 else counts)
    return matrix


def _edges(centres: NDArray[np.float64]) -> tuple[float, float]:
    """Return where the first cell begins and the last one ends."""
    half = 0.5 * (centres[-1] - centres[0]) / (centres.size - 1) if centres.size > 1 else 0.5
    return float(centres[0] - half), float(centres[-1] + half)


def _name(array: xr.DataArray) -> str:
    text = SHORT_NAMES.get(str(array.name)) or str(array.attrs.get("long_name") or array.name or "")
    return text[:1].upper() + text[1:]


def _unit(array: xr.DataArray) -> str:
    return str(array.attrs.get("units", ""))


def _term(name: str) -> str:
    text = SHORT_NAMES.get(name, name).replace("_", " ")
    return text[:1].upper() + text[1:]


def _with_unit(label: str, unit: str) -> str:
    return f"{label} ({_superscripts(unit)})" if unit else label


def _superscripts(unit: str) -> str:
    """Return ``kJ mol-1`` with its exponents raised."""
    return re.sub(r"(?<=[^\W\d])-?\d+", lambda found: found[0].translate(_RAISED), unit)


def _new_figure(path: str | Path | None, size: tuple[float, float]) -> Figure:
    # A file needs neither a display nor pyplot's list of open figures, which would keep it alive.
    if path is not None:
        return Figure(figsize=size, layout="constrained")
    from matplotlib import pyplot  # noqa: PLC0415

    return pyplot.figure(figsize=size, layout="constrained")


def _require_suffix(path: str | Path | None) -> None:
    if path is not None and Path(path).suffix.lower() not in SUFFIXES:
        raise ValueError(
            f"{path}: a picture is written as one of {', '.join(SUFFIXES)}; choose such a suffix"
        )


def _save(ax: Axes, path: str | Path | None) -> None:
    if path is None:
        return
    figure = ax.get_figure(root=True)
    if figure is None:
        raise ValueError("these axes belong to no figure: they cannot be written to a file")
    with file_beside(Path(path), overwrite=True) as beside:
        figure.savefig(beside, format=Path(path).suffix[1:].lower())
