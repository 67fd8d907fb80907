"""Bonds of amino acids, nucleotides and water, told by the names of atoms and residues."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from gromos_dist.topology.bond_templates import LINKS, NUCLEOTIDE, amino_acid
from gromos_dist.topology.residue_names import ANY_SOLVENT, NUCLEIC, WATER
from gromos_dist.topology.topology import Topology

Bonds = NDArray[np.int64]
Flags = NDArray[np.bool_]


def bonds_of_waters(topology: Topology, residue: NDArray[np.int64], is_open: Flags) -> Bonds:
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


def bonds_of_polymers(topology: Topology, residue: NDArray[np.int64], is_open: Flags) -> Bonds:
    """Bond the atoms of amino acids and nucleotides, residue by residue."""
    first = np.flatnonzero(np.diff(residue, prepend=-1) > 0)
    last = np.append(first[1:], topology.n_atoms)
    bonds = []
    for start, stop in zip(first.tolist(), last.tolist(), strict=True):
        name = str(topology.residue_name[start])
        if is_open[start] and _is_known(name):
            names = tuple(topology.atom_name[start:stop].tolist())
            elements = tuple(topology.element[start:stop].tolist())
            bonds.append(np.array(_of_residue(name, names, elements), np.int64) + start)
    return np.concatenate([np.empty((0, 2), np.int64), *(b for b in bonds if len(b))])


def _is_known(residue_name: str) -> bool:
    """Say whether a residue is a nucleotide or an amino acid whose bonds the names tell."""
    return residue_name in NUCLEIC or amino_acid(residue_name) is not None


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
    number = "".join(filter(str.isdigit, rest))[:1]
    # CHARMM calls the hydrogen of the hydroxyl H2' and that of the carbon H2''.
    hydroxyl = {"HO2'", "HO'2", "HO2"}
    is_hydroxyl = rest == "2'" and "H2''" in hydrogens and not hydroxyl & {*hydrogens}
    if rest.startswith("O") or rest[1:2] == "T" or (is_hydroxyl and "O2'" in heavy):
        wanted = [f"O{number}'"]
    elif "'" in rest:
        wanted = [f"C{number}'"]
    elif len(rest) > 1 and number in "57":
        wanted = ["C5M", "C7"]
    elif len(rest) > 1 or number in "13":
        wanted = [f"N{number}"]
    else:
        wanted = [f"C{number}"]
    return _first_of(wanted, heavy)


def _first_of(wanted: list[str], names: list[str]) -> str | None:
    return next((name for name in wanted if name in names), None)


def links_of_polymers(
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
    known = [_is_known(name) for name in topology.residue_name[pairs].ravel().tolist()]
    pairs = pairs[np.array(known, bool).reshape(-1, 2).all(axis=1)]
    if by_molecule:
        pairs = pairs[topology.molecule[pairs[:, 0]] == topology.molecule[pairs[:, 1]]]
    return pairs
