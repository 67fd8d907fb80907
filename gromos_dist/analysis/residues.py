"""The residues of some atoms: which atom is of which, and what they are called."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.topology.residue_kinds import RESIDUE_LABELS, residue_starts


class Residues(NamedTuple):
    """Residues, in the order of their atoms."""

    of_atom: NDArray[np.int64]
    """Which residue each atom is of, from 0."""
    coords: dict[str, Any]
    """What results over residues carry: ``residue``, ``residue_name``, ``chain``, ..."""


def residues_of(data: xr.Dataset | xr.DataArray) -> Residues:
    """Return the residues of all atoms of some data.

    Raises
    ------
    ValueError
        Nothing tells where they begin.
    """
    known = {
        name: data.coords[name].values
        for name in RESIDUE_LABELS
        if name in data.coords and data.coords[name].dims == ("atom",)
    }
    if not known:
        raise ValueError(
            "by='residue' needs residues: open the trajectory with a topology, or assign the "
            "coordinate 'residue' (atom,)"
        )
    starts = residue_starts(known.get)
    first = np.flatnonzero(starts)
    coords = {name: ("residue", values[first]) for name, values in known.items()}
    coords.setdefault("residue", ("residue", np.arange(1, len(first) + 1)))
    return Residues(np.cumsum(starts) - 1, coords)
