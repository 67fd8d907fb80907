"""Which atoms belong to one molecule: told by bonds, or else by residues."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components


def molecules_of_bonds(bonds: NDArray[np.int64], n_atoms: int) -> NDArray[np.int64]:
    """Give a molecule number to each connected component of a graph of bonds.

    Parameters
    ----------
    bonds : (n, 2) int64 array
        Pairs of atoms, from 0.
    n_atoms : int
        Number of atoms.

    Returns
    -------
    (n_atoms,) int64 array
        Molecule numbers, from 1, in the order of their first atoms.
    """
    if not n_atoms:
        return np.empty(0, dtype=np.int64)
    graph = coo_array(
        (np.ones(len(bonds), dtype=bool), (bonds[:, 0], bonds[:, 1])), shape=(n_atoms, n_atoms)
    )
    _, labels = connected_components(graph, directed=False)
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(1, len(first) + 1)
    return np.asarray(rank[inverse.reshape(-1)], dtype=np.int64)


def molecules_of_residues(
    starts: NDArray[np.bool_],
    residue: NDArray[np.int64],
    is_polymer: NDArray[np.bool_],
    breaks: NDArray[np.bool_],
    bonds: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Give molecule numbers where a file does not list all bonds.

    Neighbouring residues of protein or nucleic acid are one molecule, unless there is a break
    between them or the residue numbers fall. Any other residue (water, an ion, a ligand, a lipid)
    is a molecule of its own. Bonds that are known join what they connect.

    Parameters
    ----------
    starts, breaks : (atoms,) bool array
        Where a residue begins; where a chain begins.
    residue : (atoms,) int64 array
        Residue numbers.
    is_polymer : (atoms,) bool array
        Which atoms are of protein or nucleic acid.
    bonds : (n, 2) int64 array
        Pairs of atoms, from 0.

    Returns
    -------
    (atoms,) int64 array
        Molecule numbers, from 1, in the order of their first atoms.
    """
    n_atoms = len(starts)
    joined = np.zeros(n_atoms, dtype=bool)
    joined[1:] = is_polymer[1:] & is_polymer[:-1] & ~breaks[1:] & (residue[1:] >= residue[:-1])
    molecule = np.cumsum(starts & ~joined, dtype=np.int64)
    if not len(bonds):
        return molecule
    between = molecules_of_bonds(molecule[bonds] - 1, int(molecule[-1]))
    return between[molecule - 1]


def starts_of_runs(*arrays: NDArray[np.str_] | NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return where any of several arrays of shape (atoms,) differs from the atom before."""
    starts = np.ones(len(arrays[0]), dtype=bool)
    starts[1:] = np.any([array[1:] != array[:-1] for array in arrays], axis=0)
    return starts


def places_of_bonds(bonds: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the bonds between some atoms of a file, as places among them.

    Parameters
    ----------
    bonds : (n, 2) int64 array
        Pairs of numbers of atoms in the file, from 0.
    numbers : (atoms,) int64 array
        The number of each atom.

    Raises
    ------
    ValueError
        An atom is there twice.
    """
    if len(np.unique(numbers)) < len(numbers):
        raise ValueError("atom_number: an atom is there twice, so that bonds have no meaning")
    place = np.full(max(numbers.max(initial=-1), bonds.max(initial=-1)) + 1, -1, np.int64)
    place[numbers] = np.arange(len(numbers))
    found = place[bonds]
    return np.ascontiguousarray(found[(found >= 0).all(axis=1)])


def links_along_bonds(bonds: NDArray[np.int64], n_atoms: int) -> NDArray[np.int64]:
    """Walk every molecule along its bonds, from its first atom on.

    Parameters
    ----------
    bonds : (n, 2) int64 array
        Pairs of atoms, from 0.
    n_atoms : int
        Number of atoms.

    Returns
    -------
    (m, 2) int64 array
        For every atom but the first of a molecule: the atom, and one bonded to it that is the
        first of its molecule or came before in this list.
    """
    # One walk for all molecules: from a node that is bound to the first atom of each.
    root = n_atoms
    first = np.unique(molecules_of_bonds(bonds, n_atoms), return_index=True)[1]
    one = np.concatenate([bonds[:, 0], np.full(len(first), root)])
    other = np.concatenate([bonds[:, 1], first])
    graph = coo_array((np.ones(len(one)), (one, other)), shape=(n_atoms + 1, n_atoms + 1))
    order, before = breadth_first_order(graph.tocsr(), root, directed=False)
    linked = order[(order != root) & (before[order] != root)]
    return np.stack([linked, before[linked]], axis=1).astype(np.int64)
