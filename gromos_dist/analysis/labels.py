"""The atoms of a reference in the order of the trajectory, as far as both are named."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.topology.atom_order import LABELS, difference

Indices = NDArray[np.int64] | None


def places_of_atoms(
    positions: xr.DataArray,
    other: xr.DataArray,
    what: str,
    *,
    among: Indices = None,
    atoms: Indices = None,
    stacklevel: int,
) -> Indices:
    """Return where in another array the trajectory's atoms are; None where they are in order.

    Parameters
    ----------
    positions, other : DataArray
        Positions, of as many atoms; their names are coordinates, if there are any.
    what : str
        What the other is, for messages.
    among : (n,) int64 array, optional
        Which atoms of `other` the trajectory's are, when it has more.
    atoms : (n,) int64 array, optional
        The atoms of the trajectory that are used; all when None.
    stacklevel : int
        Of the warnings: 2 is who has called this function.

    Raises
    ------
    ValueError
        The other has the same atoms in another order, and several have the same name.

    Warns
    -----
    UserWarning
        The other has the same atoms in another order, in which they are taken; or other names.
    """
    here = _labels(positions)
    there = {
        name: values if among is None else values[among] for name, values in _labels(other).items()
    }
    if not here or len(next(iter(there.values()), ())) != positions.sizes["atom"]:
        return None
    found = difference(here, there, atoms)
    if found is None:
        return None
    as_they_are = "to take atoms as they stand, give an array without names: reference.values"
    if found.kind == "ambiguous order":
        raise ValueError(
            f"{what} has the trajectory's atoms in another order: {found}; several have the same "
            f"name, so nothing tells which is which. Bring them into one order, or, {as_they_are}"
        )
    if found.kind == "order":
        warnings.warn(
            f"{what} has the trajectory's atoms in another order, and they are matched by their "
            f"names: {found}; {as_they_are}",
            stacklevel=stacklevel,
        )
        return found.places
    warnings.warn(
        f"{what} names atoms otherwise than the trajectory: {found}; they are taken in their order",
        stacklevel=stacklevel,
    )
    return None


def _labels(array: xr.DataArray) -> dict[str, NDArray[Any]]:
    return {
        name: array.coords[name].values
        for name in LABELS
        if name in array.coords and array.coords[name].dims == ("atom",)
    }
