"""Bonds that no file lists: guessed from names of residues, and from distances."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from gromos_dist.topology.bond_templates import LINKS, NUCLEOTIDE, amino_acid
from gromos_dist.topology.connectivity import molecules_of_bonds, starts_of_runs
from gromos_dist.topology.lattice import has_lattice, nearest_images, reduced_vectors
from gromos_dist.topology.residue_names import ANY_SOLVENT, NUCLEIC, WATER
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
# No bond of a template is longer: the names mean something else then, or the chain has a gap.
_LONGEST_IN_TEMPLATES = 0.25
_NOT_METALS = frozenset("H D He B C N O F Ne Si P S Cl Ar As Se Br Kr Te I Xe".split())


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
    residue = _residues(topology)
    open_residue = _without_all_bonds(topology, residue)
    is_open = open_residue[residue]
    if not is_open.any():
        return topology
    by_names = np.concatenate(
        [_of_waters(topology, residue, is_open), _of_polymers(topology, residue, is_open)]
    )
    links = _links(topology, residue, open_residue, xyz is None)
    by_names = np.concatenate([by_names, links])
    by_distance = np.empty((0, 2), np.int64)
    if xyz is not None:
        by_names = by_names[_lengths(by_names, xyz, cell) < _LONGEST_IN_TEMPLATES]
        by_distance = _of_distances(topology, residue, is_open, by_names, xyz, cell)
    return _with_bonds(topology, residue, by_names, by_distance, xyz is not None)


def _residues(topology: Topology) -> NDArray[np.int64]:
    """Return the residue that each atom is of, counted from 0."""
    if not topology.n_atoms:
        return np.empty(0, np.int64)
    starts = starts_of_runs(topology.residue, topology.residue_name, topology.molecule)
    return np.cumsum(starts, dtype=np.int64) - 1


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


# --- names ----------------------------------------------------------------------------------


def _of_waters(topology: Topology, residue: NDArray[np.int64], is_open: Flags) -> Bonds:
    """Bond every hydrogen of a water to the oxygen before it, or else to the next."""
    name, element = topology.residue_name, topology.element
    places = np.flatnonzero(is_open & np.isin(name, list(WATER)))
    element, of = element[places], residue[places]
    is_oxygen, is_hydrogen = element == "O", (element == "H") | (element == "D")
    foreign = np.isin(name[places], list(ANY_SOLVENT)) & ~(
        is_oxygen | is_hydrogen | (element == "")
    )
    is_water = ~np.isin(of, of[foreign])
    rank = np.arange(len(places))
    before = np.maximum.accumulate(np.where(is_oxygen, rank, -1)) if len(rank) else rank
    after = (
        np.minimum.accumulate(np.where(is_oxygen, rank, len(rank))[::-1])[::-1]
        if len(rank)
        else rank
    )
    bonds = []
    left = is_hydrogen & is_water
    for oxygen in (before, after):
        inside = np.clip(oxygen, 0, max(0, len(rank) - 1))
        found = left & (oxygen == inside) & (of[inside] == of)
        bonds.append(np.stack([places[inside[found]], places[found]], axis=1))
        left &= ~found
    return np.concatenate(bonds).astype(np.int64)


def _of_polymers(topology: Topology, residue: NDArray[np.int64], is_open: Flags) -> Bonds:
    """Bond the atoms of amino acids and nucleotides, residue by residue."""
    first = np.flatnonzero(np.diff(residue, prepend=-1) > 0)
    last = np.append(first[1:], topology.n_atoms)
    bonds = []
    for start, stop in zip(first.tolist(), last.tolist(), strict=True):
        name = str(topology.residue_name[start])
        if is_open[start] and (name in NUCLEIC or amino_acid(name) is not None):
            names = tuple(topology.atom_name[start:stop].tolist())
            elements = tuple(topology.element[start:stop].tolist())
            bonds.append(np.array(_of_residue(name, names, elements), np.int64) + start)
    return np.concatenate([np.empty((0, 2), np.int64), *(b for b in bonds if len(b))])


@cache
def _of_residue(
    residue_name: str, names: tuple[str, ...], elements: tuple[str, ...]
) -> tuple[tuple[int, int], ...]:
    """Return the bonds of one residue, as places in it."""
    plain = [name.replace("*", "'") for name in names]
    place = {name: i for i, name in enumerate(plain)}
    if len(place) < len(plain):
        return ()
    pairs = amino_acid(residue_name)
    is_amino_acid = pairs is not None
    if pairs is None:
        pairs = NUCLEOTIDE["purine" if "N9" in place else "pyrimidine"]
    bonds = [(place[one], place[other]) for one, other in pairs if one in place and other in place]
    hydrogens = [name for name, symbol in zip(plain, elements, strict=True) if symbol in ("H", "D")]
    heavy = [name for name in plain if name not in hydrogens]
    for name in hydrogens:
        if is_amino_acid:
            partner = _partner_in_amino_acid(_digits_last(name)[1:], heavy, residue_name)
        else:
            partner = _partner_in_nucleotide(_digits_last(name)[1:], heavy, hydrogens)
        if partner is not None:
            bonds.append((place[partner], place[name]))
    return tuple(bonds)


def _digits_last(name: str) -> str:
    """Return ``"HB2"`` for ``"2HB"``."""
    bare = name.lstrip("0123456789")
    return bare + name[: len(name) - len(bare)]


def _partner_in_amino_acid(rest: str, heavy: list[str], residue_name: str) -> str | None:
    """Return the atom that a hydrogen is bonded to, whose name without the H is `rest`."""
    letters = rest.rstrip("0123456789")
    if letters in ("", "N", "T"):
        methyl = [name for name in ("CH3", "C") if residue_name in ("ACE", "NME", "NMA")]
        caps = methyl if rest[:1].isdigit() else []
        return _first_of([*caps, "N"], heavy)
    if letters in ("O", "XT"):
        return _first_of([rest, "OXT", "O2", "OT2", "OT"], heavy)
    # HG21 is bonded to what ends in G2, HB1 to what ends in B.
    fitting = [
        name
        for name in heavy
        if name[1:] and rest.startswith(name[1:]) and len(rest) <= len(name) and name[1:] != "XT"
    ]
    if fitting:
        return max(fitting, key=len)
    # HD1, HD2, HD3 at the CD1 of isoleucine.
    position = [name for name in heavy if name[1:2] == rest[:1]]
    return position[0] if len(position) == 1 else None


def _partner_in_nucleotide(rest: str, heavy: list[str], hydrogens: list[str]) -> str | None:
    if rest.startswith("O"):
        number = "".join(filter(str.isdigit, rest))[:1]
        return _first_of([f"O{number}'"], heavy)
    number = rest[:1]
    if rest[1:2] == "T":
        return _first_of([f"O{number}'"], heavy)
    if "'" in rest:
        # CHARMM calls the hydrogen of the hydroxyl H2' and that of the carbon H2''.
        hydroxyl = {"HO2'", "HO'2", "HO2"}
        if rest == "2'" and "H2''" in hydrogens and "O2'" in heavy and not hydroxyl & {*hydrogens}:
            return "O2'"
        return _first_of([f"C{number}'"], heavy)
    if len(rest) > 1 and number in "57":
        return _first_of(["C5M", "C7"], heavy)
    if len(rest) > 1 or number in "13":
        return _first_of([f"N{number}"], heavy)
    return _first_of([f"C{number}"], heavy)


def _first_of(wanted: list[str], names: list[str]) -> str | None:
    return next((name for name in wanted if name in names), None)


def _links(
    topology: Topology, residue: NDArray[np.int64], open_residue: Flags, by_molecule: bool
) -> Bonds:
    """Bond each residue of a polymer to the next; `by_molecule`: only within a molecule."""
    names = np.char.replace(topology.atom_name, "*", "'")
    bonds = []
    for one, other in LINKS:
        here, there = np.flatnonzero(names == one), np.flatnonzero(names == other)
        _, mine, next_one = np.intersect1d(residue[here] + 1, residue[there], return_indices=True)
        pairs = np.stack([here[mine], there[next_one]], axis=1)
        bonds.append(pairs[open_residue[residue[pairs]].any(axis=1)])
    pairs = np.concatenate(bonds)
    of_polymer = np.array(
        [name in NUCLEIC or amino_acid(name) is not None for name in topology.residue_name[pairs].ravel().tolist()],
        bool,
    ).reshape(-1, 2)
    pairs = pairs[of_polymer.all(axis=1)]
    if by_molecule:
        pairs = pairs[topology.molecule[pairs[:, 0]] == topology.molecule[pairs[:, 1]]]
    return pairs


# --- distances ------------------------------------------------------------------------------


def _of_distances(
    topology: Topology,
    residue: NDArray[np.int64],
    is_open: Flags,
    known: Bonds,
    xyz: Floats,
    cell: Floats | None,
) -> Bonds:
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
    lengths = _lengths(pairs, xyz, cell)
    is_metal = ~np.isin(element, list(_NOT_METALS))
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


def _lengths(bonds: Bonds, xyz: Floats, cell: Floats | None) -> Floats:
    differences = xyz[bonds[:, 1]] - xyz[bonds[:, 0]]
    if cell is not None:
        differences = nearest_images(differences, cell)
    return np.sqrt(np.einsum("ij,ij->i", differences, differences))


def _near(xyz: Floats, cell: Floats | None, reach: float) -> Bonds:
    """Return the pairs of atoms that are nearer than `reach`, each once."""
    if cell is None:
        return cKDTree(xyz).query_pairs(reach, output_type="ndarray").astype(np.int64)
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
    return pairs[pairs[:, 0] != pairs[:, 1]].astype(np.int64)
