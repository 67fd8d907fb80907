"""Which atoms are a molecule, in files that list bonds, or few of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gromos_dist.topology.connectivity import molecules_of_bonds, molecules_of_residues
from gromos_dist.topology.residue_kinds import is_polymer


def molecules_of(
    bonds: NDArray[np.int64],
    starts: NDArray[np.bool_],
    breaks: NDArray[np.bool_],
    residue: NDArray[np.int64],
    residue_name: NDArray[np.str_],
    atom_name: NDArray[np.str_],
) -> NDArray[np.int64]:
    """Return the molecule of each atom, from 1.

    Parameters
    ----------
    bonds : (bonds, 2) int64 array
        Bonded atoms, from 0.
    starts, breaks : (atoms,) bool arrays
        Where residues begin, and where chains do.
    residue, residue_name, atom_name : (atoms,) arrays
        What they are called.
    """
    # A file that lists all bonds has as many, or nearly, as atoms; CONECT records are few.
    if 2 * len(bonds) >= len(starts):
        return molecules_of_bonds(bonds, len(starts))
    polymer = is_polymer(starts, residue_name, atom_name)
    return molecules_of_residues(starts, residue, polymer, breaks, bonds)
