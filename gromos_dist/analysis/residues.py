"""The residues and molecules of some atoms: which atom is of which, and what they are called."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.selection.known_atoms import KnownAtoms
from gromos_dist.selection.look_up import relation_of
from gromos_dist.selection.tree import RESIDUE, Everything, Same
from gromos_dist.topology.residue_kinds import RESIDUE_LABELS, residue_starts

By = Literal["atom", "residue", "molecule"]
"""What atoms can be taken by."""
KINDS: Final[tuple[By, ...]] = get_args(By)


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


def check_by(by: str) -> None:
    """Refuse what atoms cannot be taken by.

    Raises
    ------
    ValueError
        It is none of `By`.
    """
    if by not in KINDS:
        raise ValueError(f"by: expected one of {', '.join(KINDS)}, got {by!r}")


def of_which(ds: xr.Dataset | xr.DataArray, by: By) -> NDArray[np.int64]:
    """Return a number for each atom, the same for those of a residue or molecule, as labels say.

    Raises
    ------
    ValueError
        `by` is none of these.
    SelectionError
        Residues or molecules are not known.
    """
    check_by(by)
    if by == "atom":
        return np.arange(ds.sizes["atom"])
    label = RESIDUE if by == "residue" else by
    return np.asarray(relation_of(Same(label, Everything()), KnownAtoms(ds)), np.int64)


def residues_are_known(ds: xr.Dataset | xr.DataArray) -> bool:
    """Say whether something tells which residue an atom is of."""
    return any(name in ds.coords for name in ("residue", "residue_name"))
