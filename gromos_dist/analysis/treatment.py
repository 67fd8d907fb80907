"""What was done to a trajectory because of the periodic box, as its attributes say it."""

from __future__ import annotations

import xarray as xr

UNWRAPPED = "unwrapped"
"""Atoms follow their ways through time: how that was done."""
WRAPPED = "wrapped"
"""Everything is in one cell: of what the centres are."""
GATHERED = "gathered"
"""GROMOS' name of the method."""
CENTERED = "centered"
"""What the middle of the frame is."""
MOLECULES = "molecules"
""""whole", or "broken" where some cannot be."""


def treated(ds: xr.Dataset, *undone: str, **done: str) -> xr.Dataset:
    """Return a Dataset that says what was done to it, and no longer what that has undone."""
    attrs = {key: value for key, value in ds.attrs.items() if key not in undone}
    return ds.drop_attrs(deep=False).assign_attrs(attrs | done)
