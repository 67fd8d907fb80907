"""Fields that not every frame has: the coordinates that say so, and the error for who needs them.

GROMACS writes positions, velocities and forces into a TRR file each at an interval of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from gromos_dist.io.source import Source
from gromos_dist.variables import VARIABLES


def presence(source: Source) -> dict[str, Any]:
    """Return coordinates that say which frames have a field that not all of them have."""
    coords = {}
    names = [name for name in source.fields if f"has_{name}" in VARIABLES]
    for name, found in source.frames_with(names).items():
        if not found.all():
            variable = VARIABLES[f"has_{name}"]
            coords[variable.name] = (variable.dims, found, variable.attrs)
    return coords


def require_in_all_frames(data: xr.Dataset | xr.DataArray, name: str) -> None:
    """Raise a ValueError that says in which frames a field is missing, if it is in any."""
    if f"has_{name}" not in data.coords:
        return
    has = np.atleast_1d(data[f"has_{name}"].values)
    if has.all():
        return
    without, found = np.flatnonzero(~has), np.flatnonzero(has)
    first = data.isel(frame=without[:1]) if "frame" in data.dims else data
    when = ", ".join(
        f"{word} {np.atleast_1d(first[of].values)[0]:g}{unit}"
        for of, word, unit in (("step", "step", ""), ("time", "time", " ps"))
        if of in first.coords
    )
    way_out = ""
    if len(found):
        strides = np.unique(np.diff(found))
        way_out = f"; those that have them: ds.isel(frame=ds.has_{name}.values)"
        if len(strides) == 1 and (len(has) - 1 - found[-1]) < strides[0]:
            start, stride = found[0], strides[0]
            way_out += f", or open with start={start}, stride={stride} (--start, --stride)"
    raise ValueError(
        f"{len(without)} of {len(has)} frames have no {name}, the first is frame {without[0]}"
        f"{f' ({when})' if when else ''}{way_out}"
    )
