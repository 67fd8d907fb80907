"""When contacts are there: a line for each pair, against time."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from numpy.typing import NDArray

from gromos_dist.plot.axis import axis_of, edges
from gromos_dist.plot.events import number_of_events
from gromos_dist.plot.style import BLUE, FRAMED, new_figure, require_suffix, save
from gromos_dist.plot.wording import sentence, with_unit

MOST_LINES = 40
_MOST_COLUMNS = 1500
# Columns that say what is in contact, the first that is there.
_SIDES = ("residue", "molecule", "atom")


def plot_timeline(
    events: xr.Dataset,
    path: str | Path | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw when contacts are there, such as those of `contacts`: a line for each pair.

    What is there early is at the top; what is right of a line is in how many frames of a hundred.
    Of more than 40 pairs, those are drawn that are neither always nor never there.

    Parameters
    ----------
    events : Dataset
        What `contacts` gives, computed.
    path, ax, title
        As in `plot_time_series`.

    Returns
    -------
    Axes
        The axes with the lines.

    Raises
    ------
    ValueError
        There are no frames or no contacts, or the suffix of `path` is unknown.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> contacts = gd.contacts(gd.open_trajectory(DCD, PSF), atoms="resid 1-29 60-80")
    >>> plot_timeline(contacts.compute(), "contacts.png").get_xlabel()
    'Time (ps)'
    """
    require_suffix(path)
    number = number_of_events(events)
    if not number.size or not events.sizes["event"]:
        raise ValueError("there are no contacts to draw; is the cutoff in nm?")
    side = next(name for name in _SIDES if name in events)
    names, line = _pairs(events, side)
    n_frames = number.size
    there = np.zeros((len(names), n_frames), bool)
    there[line, events["frame"].values] = True
    occupancy = there.mean(axis=1)
    shown = np.argsort(occupancy * (occupancy - 1.0), kind="stable")[:MOST_LINES]
    middle = (there[shown] @ np.arange(n_frames)) / there[shown].sum(axis=1)
    shown = shown[np.argsort(middle, kind="stable")]
    columns = min(n_frames, _MOST_COLUMNS)
    first = np.linspace(0, n_frames, columns, endpoint=False).astype(np.int64)
    share = np.add.reduceat(there[shown].astype(float), first, axis=1)
    share /= np.diff(np.append(first, n_frames))
    times = axis_of(number, "frame")
    colours = mpl.colors.LinearSegmentedColormap.from_list("contact", ["white", BLUE])
    with mpl.rc_context(FRAMED):
        if ax is None:
            ax = new_figure(path, (8.0, 1.8 + 0.2 * len(shown))).add_subplot()
        ax.imshow(
            share,
            extent=(*edges(times.values), len(shown) - 0.5, -0.5),
            aspect="auto",
            cmap=colours,
            vmin=0.0,
            vmax=1.0,
            interpolation="nearest",
        )
        ax.set_yticks(range(len(shown)), [names[pair] for pair in shown], fontsize=8.5)
        ax.set_yticks(np.arange(1, len(shown)) - 0.5, minor=True)
        ax.tick_params(which="both", left=False)
        ax.grid(axis="y", which="minor")
        right = ax.secondary_yaxis("right")
        right.set_yticks(range(len(shown)), [f"{100 * occupancy[pair]:.0f} %" for pair in shown])
        right.tick_params(right=False, labelsize=8.5)
        ax.set_ylabel(f"{sentence(side)}s")
        ax.set_xlabel(with_unit(times.label, times.unit))
        left_out = len(names) - len(shown)
        usual = "Contacts" if title is None else title
        more = f"; the {len(shown)} that change most, of {len(names)}" if left_out else ""
        ax.set_title(fill(usual + more, 62))
        save(ax, path)
    return ax


def _pairs(events: xr.Dataset, side: str) -> tuple[list[str], NDArray[np.int64]]:
    """Return what the pairs are called, and which one each event is of."""
    sides = np.stack([events[side].values, events[f"other_{side}"].values], axis=1)
    pairs, line = np.unique(sides, axis=0, return_inverse=True)
    return [f"{one} \N{EN DASH} {other}" for one, other in pairs], line.reshape(-1)
