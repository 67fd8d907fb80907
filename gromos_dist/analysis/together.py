"""What moves together: atoms alone, residues or molecules."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.analysis.connections import bonds_of
from gromos_dist.analysis.residues import By, check_by, residues_of
from gromos_dist.analysis.treatment import MOLECULES
from gromos_dist.analysis.whole import bonded_atoms, make_whole
from gromos_dist.topology.connectivity import molecules_of_bonds

Group = NDArray[np.int64] | None


def moving_together(ds: xr.Dataset, by: By) -> tuple[xr.Dataset, Group]:
    """Return a trajectory whose molecules are whole, and the group of each atom, from 0.

    Groups are None where each atom moves alone; then molecules are left as they are.

    Raises
    ------
    ValueError
        Nothing tells which atoms belong together.
    """
    check_by(by)
    if by == "atom" or _is_alone(ds):
        return ds, None
    if not len(bonds_of(ds)) and "residue_name" not in ds.coords and MOLECULES not in ds.attrs:
        raise ValueError(
            f"nothing tells which atoms are a {by}: open the trajectory with a topology, or move "
            "each atom alone, by='atom'"
        )
    whole = ds if MOLECULES in ds.attrs else make_whole(ds)
    if by == "residue":
        return whole, residues_of(whole).of_atom
    return whole, molecules_of(whole)


def molecules_of(ds: xr.Dataset) -> NDArray[np.int64]:
    """Return the molecule of each atom, from 0: what bonds join, or else as the labels say.

    Raises
    ------
    ValueError
        There is neither.
    """
    joined = bonded_atoms(ds)
    n_atoms = ds.sizes["atom"]
    if len(joined):
        return molecules_of_bonds(joined, n_atoms) - 1
    if "molecule" not in ds.coords:
        raise ValueError(
            "nothing tells which atoms are a molecule: open the trajectory with a topology, or "
            "move each atom alone, by='atom'"
        )
    return _numbered(np.asarray(ds["molecule"].values))


def _is_alone(ds: xr.Dataset) -> bool:
    """Tell whether each atom is the only one of its molecule here, as oxygens of water are."""
    if "molecule" not in ds.coords:
        return ds.sizes["atom"] == 1
    return len(np.unique(ds["molecule"].values)) == ds.sizes["atom"]


def _numbered(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)
