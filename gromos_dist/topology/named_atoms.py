"""The topology of a file that names atoms and residues, and says nothing else of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gromos_dist.topology.connectivity import molecules_of_residues, starts_of_runs
from gromos_dist.topology.elements import elements_of_names, masses_of_names
from gromos_dist.topology.residue_kinds import is_polymer
from gromos_dist.topology.topology import Topology


def topology_of_names(
    atom_name: NDArray[np.str_], residue_name: NDArray[np.str_], residue: NDArray[np.int64]
) -> Topology:
    """Return the topology of atoms of which names and residue numbers are known, shape (atoms,).

    Elements are guessed from names (`elements.element_of_name`), masses are theirs, molecules
    follow from residues (`connectivity.molecules_of_residues`); there are no charges or bonds.
    """
    starts = starts_of_runs(residue, residue_name)
    polymer = is_polymer(starts, residue_name, atom_name)
    no_breaks = np.zeros(len(atom_name), dtype=bool)
    no_bonds = np.empty((0, 2), dtype=np.int64)
    element = elements_of_names(atom_name, residue_name)
    return Topology(
        atom_name=atom_name,
        residue_name=residue_name,
        residue=residue,
        molecule=molecules_of_residues(starts, residue, polymer, no_breaks, no_bonds),
        element=element,
        mass=masses_of_names(element, atom_name, residue_name),
        charge=np.full(len(atom_name), np.nan),
        bonds=no_bonds,
    )
