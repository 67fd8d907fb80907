"""Events, of which every frame has any number."""

from __future__ import annotations

import numpy as np
import xarray as xr


def number_of_events(events: xr.Dataset) -> xr.DataArray:
    """Return how many events every frame has: (frame,), with the time where all frames have some.

    Parameters
    ----------
    events : Dataset
        What an analysis of events gives, computed.

    Examples
    --------
    >>> import xarray as xr
    >>> events = xr.Dataset({"first": ("edge", [0, 2, 2, 5])})
    >>> number_of_events(events).values
    array([2, 0, 3])
    """
    first = np.asarray(events["first"].values)
    number = xr.DataArray(
        np.diff(first), dims="frame", name="number", attrs={"long_name": "number of events"}
    )
    if "time" not in events.coords or not (number > 0).all():
        return number
    return number.assign_coords(time=("frame", events["time"].values[first[:-1]]))
