"""When contacts are there: a row for each pair, against time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from gromos_dist.plot.events import number_of_events
from gromos_dist.plot.timeline import MOST_ROWS, plot_timeline
from gromos_dist.plot.wording import sentence

# What is in contact: the first of these that there is a column of.
_SIDES = ("residue", "molecule", "atom")


def plot_contacts(
    events: xr.Dataset,
    path: str | Path | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw when contacts are there, such as those of `contacts`: a row for each pair.

    What is there early is at the top. Of many pairs, those are drawn that are neither always nor
    never there.

    Parameters
    ----------
    events : Dataset
        What `contacts` gives, computed.
    path, ax, title
        As in `plot_time_series`.

    Returns
    -------
    Axes
        The axes with the rows.

    Raises
    ------
    ValueError
        There are no frames or no contacts, or the suffix of `path` is unknown.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> contacts = gd.contacts(gd.open_trajectory(DCD, PSF), atoms="resid 1-29 60-80")
    >>> plot_contacts(contacts.compute(), "contacts.png").get_xlabel()
    'Time (ps)'
    """
    number = number_of_events(events)
    if not number.size or not events.sizes["event"]:
        raise ValueError("there are no contacts to draw; is the cutoff in nm?")
    side = next(name for name in _SIDES if name in events)
    sides = np.stack([events[side].values, events[f"other_{side}"].values], axis=1)
    pairs, row = np.unique(sides, axis=0, return_inverse=True)
    there = np.zeros((len(pairs), number.size), bool)
    there[row.reshape(-1), events["frame"].values] = True
    occupancy = there.mean(axis=1)
    shown = np.argsort(occupancy * (occupancy - 1.0), kind="stable")[:MOST_ROWS]
    middle = (there[shown] @ np.arange(number.size)) / there[shown].sum(axis=1)
    shown = shown[np.argsort(middle, kind="stable")]
    array = number.expand_dims({f"{side}s": len(shown)}).copy(data=there[shown])
    names = [f"{one} \N{EN DASH} {other}" for one, other in pairs[shown]]
    usual = "Contacts" if title is None else title
    more = (
        f"; the {len(shown)} that change most, of {len(pairs)}" if len(pairs) > len(shown) else ""
    )
    drawn = array.assign_coords({f"{side}s": names})
    return plot_timeline(drawn, path, ax=ax, title=usual + more, label=f"{sentence(side)}s")
