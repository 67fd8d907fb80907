"""Bonds between atoms that are nearer than their covalent radii let others be."""

from __future__ import annotations

from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gromos_dist.topology.bond_templates import LINKS
from gromos_dist.topology.lattice import nearest_images, reduced_vectors
from gromos_dist.topology.residue_names import WATER
from gromos_dist.topology.topology import Topology

Bonds = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

COVALENT_RADII: Final[dict[str, float]] = {
    "H": 0.031, "D": 0.031, "He": 0.028, "Li": 0.128, "Be": 0.096, "B": 0.084, "C": 0.076,
    "N": 0.071, "O": 0.066, "F": 0.057, "Ne": 0.058, "Na": 0.166, "Mg": 0.141, "Al": 0.121,
    "Si": 0.111, "P": 0.107, "S": 0.105, "Cl": 0.102, "Ar": 0.106, "K": 0.203, "Ca": 0.176,
    "Sc": 0.170, "Ti": 0.160, "V": 0.153, "Cr": 0.139, "Mn": 0.150, "Fe": 0.142, "Co": 0.138,
    "Ni": 0.124, "Cu": 0.132, "Zn": 0.122, "Ga": 0.122, "Ge": 0.120, "As": 0.119, "Se": 0.120,
    "Br": 0.120, "Kr": 0.116, "Rb": 0.220, "Sr": 0.195, "Y": 0.190, "Zr": 0.175, "Nb": 0.164,
    "Mo": 0.154, "Ru": 0.146, "Rh": 0.142, "Pd": 0.139, "Ag": 0.145, "Cd": 0.144, "In": 0.142,
    "Sn": 0.139, "Sb": 0.139, "Te": 0.138, "I": 0.139, "Xe": 0.140, "Cs": 0.244, "Ba": 0.215,
    "La": 0.207, "Ce": 0.204, "Pr": 0.203, "Nd": 0.201, "Sm": 0.198, "Eu": 0.198, "Gd": 0.196,
    "Tb": 0.194, "Dy": 0.192, "Ho": 0.192, "Er": 0.189, "Tm": 0.190, "Yb": 0.187, "Lu": 0.187,
    "Hf": 0.175, "Ta": 0.170, "W": 0.162, "Re": 0.151, "Os": 0.144, "Ir": 0.141, "Pt": 0.136,
    "Au": 0.136, "Hg": 0.132, "Tl": 0.145, "Pb": 0.146, "Bi": 0.148, "Th": 0.206, "U": 0.196,
}  # fmt: skip
"""Covalent radii (nm): B. Cordero et al., Dalton Trans. (2008) 2832; sp3 carbon, low spin."""

_TOLERANCE = 0.045
# Atoms in one place are not bonded, they are a mistake.
_SHORTEST = 0.04
_NOT_METALS = (
    *("H", "D", "He", "B", "C", "N", "O", "F", "Ne", "Si", "P", "S", "Cl", "Ar", "As", "Se", "Br"),
    *("Kr", "Te", "I", "Xe"),
)


def bonds_by_distance(
    topology: Topology,
    residue: NDArray[np.int64],
    is_open: Flags,
    known: Bonds,
    xyz: Floats,
    cell: Floats | None,
) -> Bonds:
    """Return bonds that names have not told.

    Parameters
    ----------
    topology : Topology
        The atoms, and bonds that are left as they are.
    residue : (atoms,) int64 array
        The residue of each atom, counted from 0.
    is_open : (atoms,) bool array
        The atoms of residues whose bonds are not all known.
    known : (n, 2) int64 array
        The bonds that names have told.
    xyz : (atoms, 3) float64 array
        In nm.
    cell : (3, 3) float64 array, optional
        Rows are the box vectors, in nm.
    """
    element = topology.element
    radius = np.array([COVALENT_RADII.get(symbol, 0.0) for symbol in element.tolist()])
    bonded = np.zeros(topology.n_atoms, bool)
    bonded[known] = True
    bonded[topology.bonds] = True
    is_water = np.isin(topology.residue_name, list(WATER)) & bonded
    alone = np.bincount(residue)[residue] == 1
    eligible = (radius > 0) & ~is_water & ~alone
    polymer = np.isin(residue, residue[known.ravel()])
    # In residues that names have told about: atoms that these left over, sulfur, ends of chains.
    linked = known[residue[known[:, 0]] != residue[known[:, 1]]]
    is_end = np.isin(topology.atom_name, [name for link in LINKS for name in link])
    is_end[linked] = False
    wanted = is_open & eligible & (~polymer | ~bonded | (element == "S") | is_end)
    if not wanted.any():
        return np.empty((0, 2), np.int64)
    places = np.flatnonzero(eligible)
    reach = 2 * radius[places].max() + _TOLERANCE
    pairs = places[_near(xyz[places], cell, reach)]
    pairs = pairs[wanted[pairs].any(axis=1)]
    lengths = bond_lengths(pairs, xyz, cell)
    is_metal = ~np.isin(element, _NOT_METALS)
    same = residue[pairs[:, 0]] == residue[pairs[:, 1]]
    settled = polymer & bonded
    # Of two atoms that names have told about, only these are bonded beyond what the names say.
    crosslink = (element[pairs] == "S").all(axis=1) | (is_end[pairs].all(axis=1) & ~same)
    kept = (
        (lengths < radius[pairs].sum(axis=1) + _TOLERANCE)
        & (lengths > _SHORTEST)
        & (~settled[pairs].all(axis=1) | crosslink)
        & (same | ~is_metal[pairs].any(axis=1))
    )
    return _one_bond_a_hydrogen(pairs[kept], lengths[kept], element, bonded)


def _one_bond_a_hydrogen(
    pairs: Bonds, lengths: Floats, element: NDArray[np.str_], bonded: Flags
) -> Bonds:
    is_hydrogen = (element == "H") | (element == "D")
    hydrogens = is_hydrogen[pairs]
    heavy = pairs[~hydrogens.any(axis=1)]
    one = hydrogens.sum(axis=1) == 1
    mixed = np.where(hydrogens[one, :1], pairs[one], pairs[one, ::-1])  # the hydrogen first
    order = np.argsort(lengths[one], kind="stable")
    mixed = mixed[order]
    _, first = np.unique(mixed[:, 0], return_index=True)
    mixed = mixed[first]
    return np.concatenate([heavy, mixed[~bonded[mixed[:, 0]]]])


def bond_lengths(bonds: Bonds, xyz: Floats, cell: Floats | None) -> Floats:
    """Return the lengths (nm) of bonds, those of nearest images if there is a box."""
    differences = xyz[bonds[:, 1]] - xyz[bonds[:, 0]]
    if cell is not None:
        differences = nearest_images(differences, cell)
    lengths: Floats = np.sqrt(np.einsum("ij,ij->i", differences, differences))
    return lengths


def _near(xyz: Floats, cell: Floats | None, reach: float) -> Bonds:
    """Return the pairs of atoms that are nearer than `reach`, each once."""
    if cell is None:
        direct: Bonds = cKDTree(xyz).query_pairs(reach, output_type="ndarray").astype(np.int64)
        return direct
    vectors = reduced_vectors(cell)
    inverse = np.linalg.inv(vectors)
    inside = xyz @ inverse
    inside -= np.floor(inside)
    # Copies of what lies near a face, beyond the opposite one.
    margin = reach * np.linalg.norm(inverse, axis=0)
    fractions, atoms = [inside], [np.arange(len(xyz))]
    for step in product((-1, 0, 1), repeat=3):
        if any(step):
            moved = inside + step
            near = ((moved > -margin) & (moved < 1 + margin)).all(axis=1)
            fractions.append(moved[near])
            atoms.append(np.flatnonzero(near))
    atom = np.concatenate(atoms)
    pairs = cKDTree(np.concatenate(fractions) @ vectors).query_pairs(reach, output_type="ndarray")
    pairs = atom[pairs[(pairs < len(xyz)).any(axis=1)]]
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    unlike: Bonds = pairs[pairs[:, 0] != pairs[:, 1]].astype(np.int64)
    return unlike
