"""Bonds that no file lists: guessed from names of residues, and from distances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gromos_dist.topology.bonds_by_distance import bond_lengths, bonds_by_distance
from gromos_dist.topology.bonds_by_name import (
    bonds_of_polymers,
    bonds_of_waters,
    links_of_polymers,
)
from gromos_dist.topology.connectivity import molecules_of_bonds
from gromos_dist.topology.lattice import has_lattice
from gromos_dist.topology.topology import Topology

Bonds = NDArray[np.int64]
Flags = NDArray[np.bool_]

# No bond of a template is longer, one of a hydrogen not as long: the names mean something else
# then, or the chain has a gap.
_LONGEST_IN_TEMPLATES, _LONGEST_OF_HYDROGEN = 0.25, 0.16


def guess_bonds(
    topology: Topology, positions: ArrayLike | None = None, box: ArrayLike | None = None
) -> Topology:
    """Add the bonds that a topology does not list.

    Residues whose atoms are all connected already are left alone. Of amino acids, nucleotides and
    water the names tell the bonds (`bond_templates`); for all else, and for what joins residues,
    two atoms are bonded that are nearer than the sum of their covalent radii and 0.045 nm. A
    hydrogen has one bond, to the nearest atom. A residue of one atom (an ion) and an atom without
    an element (a virtual site, a coarse grain) have none; a metal is bonded within its residue
    only.

    Parameters
    ----------
    topology : Topology
        The atoms, and the bonds that are known.
    positions : array, shape (atoms, 3), optional
        In nm. Without them only the names tell: neighbouring residues of one molecule are joined,
        disulfides and unknown residues have no bonds.
    box : array, shape (3, 3), optional
        Rows are the box vectors, in nm; distances are then those of nearest images.

    Returns
    -------
    Topology
        With more bonds; ``bond_origin`` tells how many came from where. With `positions` molecules
        are what bonds connect.

    Raises
    ------
    ValueError
        The positions are not those of these atoms, or not finite.

    Examples
    --------
    >>> from MDAnalysisTests.datafiles import GRO
    >>> from gromos_dist.topology import guess_bonds, load_topology
    >>> guess_bonds(load_topology(GRO)).bond_origin
    '25533 guessed from the names of residues'
    """
    xyz = None if positions is None else np.asarray(positions, np.float64)
    if xyz is not None and xyz.shape != (topology.n_atoms, 3):
        raise ValueError(f"positions: expected shape ({topology.n_atoms}, 3), got {xyz.shape}")
    if xyz is not None and not np.isfinite(xyz).all():
        raise ValueError("positions: bonds cannot be guessed from coordinates that are not finite")
    cell = None if box is None or not has_lattice(box) else np.asarray(box, np.float64)
    # The residue that each atom is of, counted from 0.
    residue = np.cumsum(topology.residue_starts, dtype=np.int64) - 1
    open_residue = _without_all_bonds(topology, residue)
    is_open = open_residue[residue]
    if not is_open.any():
        return topology
    by_names = np.concatenate(
        [bonds_of_waters(topology, residue, is_open), bonds_of_polymers(topology, residue, is_open)]
    )
    links = links_of_polymers(topology, residue, open_residue, xyz is None)
    by_names = np.concatenate([by_names, links])
    distant = np.empty((0, 2), np.int64)
    if xyz is not None:
        has_hydrogen = np.isin(topology.element[by_names], ["H", "D"]).any(axis=1)
        longest = np.where(has_hydrogen, _LONGEST_OF_HYDROGEN, _LONGEST_IN_TEMPLATES)
        by_names = by_names[bond_lengths(by_names, xyz, cell) < longest]
        distant = bonds_by_distance(topology, residue, is_open, by_names, xyz, cell)
    return _with_bonds(topology, residue, by_names, distant, xyz is not None)


def _without_all_bonds(topology: Topology, residue: NDArray[np.int64]) -> Flags:
    """Say of each residue whether some of its atoms are not connected to the others."""
    bonds = topology.bonds
    within = bonds[residue[bonds[:, 0]] == residue[bonds[:, 1]]]
    piece = molecules_of_bonds(within, topology.n_atoms)
    known = topology.element != ""
    pieces = np.unique(np.stack([residue[known], piece[known]], axis=1), axis=0)
    return np.bincount(pieces[:, 0], minlength=int(residue.max(initial=-1)) + 1) > 1


def _with_bonds(
    topology: Topology,
    residue: NDArray[np.int64],
    by_names: Bonds,
    by_distance: Bonds,
    has_positions: bool,
) -> Topology:
    known = set(map(tuple, np.sort(topology.bonds, axis=1).tolist()))
    counts = []
    added: list[tuple[int, int]] = []
    for bonds in (by_names, by_distance):
        new = sorted(set(map(tuple, np.sort(bonds, axis=1).tolist())) - known)
        known.update(new)
        added += new
        counts.append(len(new))
    if not added:
        return topology
    bonds = np.concatenate([topology.bonds, np.array(added, np.int64)])
    # What has no bond is still of the molecule of its residue: a virtual site, for one.
    atoms = np.flatnonzero(residue[1:] == residue[:-1])
    joined = np.concatenate([bonds, np.stack([atoms, atoms + 1], axis=1)])
    if not has_positions:
        of_molecule = topology.molecule
        order = np.argsort(of_molecule, kind="stable")
        same = of_molecule[order[1:]] == of_molecule[order[:-1]]
        joined = np.concatenate([joined, np.stack([order[1:], order[:-1]], axis=1)[same]])
    given = topology.bond_origin or f"{len(topology.bonds)} from the topology"
    guessed = [
        f"{count} guessed from {what}"
        for count, what in zip(counts, ("the names of residues", "distances"), strict=True)
        if count
    ]
    return replace(
        topology,
        bonds=bonds,
        molecule=molecules_of_bonds(joined, topology.n_atoms),
        bond_origin=", ".join([given, *guessed] if len(topology.bonds) else guessed),
    )
