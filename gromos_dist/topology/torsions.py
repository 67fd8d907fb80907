"""Which atoms make the torsions of amino acids: phi, psi, omega and those of side chains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from gromos_dist.topology.lattice import nearest_images
from gromos_dist.topology.residue_kinds import residue_starts

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

# Atoms of the residue before and after have their place before and after the name.
_BACKBONE = MappingProxyType(
    {
        "phi": ("-C", "N", "CA", "C"),
        "psi": ("N", "CA", "C", "+N"),
        "omega": ("CA", "C", "+N", "+CA"),
    }
)
# By the names of atoms, so that they hold for every protonation state, for the ends of chains and
# for modified residues; the first whose atoms are all there counts. Isoleucine ends in CD1 or, in
# GROMOS and CHARMM, in CD; selenium stands for sulfur.
_SIDE_CHAIN = MappingProxyType(
    {
        "chi1": tuple(
            ("N", "CA", "CB", last) for last in ("CG", "CG1", "OG", "OG1", "SG", "SE", "SEG")
        ),
        "chi2": (
            *(("CA", "CB", "CG", last) for last in ("CD", "CD1", "OD1", "ND1", "SD", "SE", "ND")),
            *(("CA", "CB", "CG1", last) for last in ("CD1", "CD")),
        ),
        "chi3": (
            *(("CB", "CG", "CD", last) for last in ("NE", "CE", "OE1")),
            *(("CB", "CG", middle, "CE") for middle in ("SD", "SE")),
        ),
        "chi4": (("CG", "CD", "NE", "CZ"), ("CG", "CD", "CE", "NZ")),
        "chi5": (("CD", "NE", "CZ", "NH1"),),
    }
)
Kind = Literal["phi", "psi", "omega", "chi1", "chi2", "chi3", "chi4", "chi5"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""All kinds of torsions."""

# Of a peptide bond of 0.133 nm; carbon and nitrogen of neighbours that are not bonded are farther.
_LONGEST_PEPTIDE_BOND = 0.2


class Torsions(NamedTuple):
    """The torsions of the amino acids of a system."""

    first_atom: Integers
    """Where each amino acid begins, shape (residues,)."""
    quadruples: Integers
    """Their atoms, shape (kinds, residues, 4); -1 for torsions that there are not."""
    residue_of_atom: Integers
    """Which of the amino acids an atom is of, shape (atoms,); -1 for others."""


def torsions_of(
    kinds: Sequence[str],
    atom_name: NDArray[np.str_],
    known: Callable[[str], NDArray[Any] | None],
    bonds: Integers,
    look: Callable[[], tuple[Floats, Floats | None]] | None = None,
) -> Torsions:
    """Return the atoms of torsions.

    Amino acids are the residues that have atoms N, CA and C. Two are neighbours in a chain where
    a bond leads from C to N; where none is known of either of these atoms, where they follow each
    other, of one chain, and C and N are near each other or, without positions, have numbers that
    follow each other.

    Parameters
    ----------
    kinds : sequence of str
        Of `KINDS`.
    atom_name : (atoms,) array of str
        Names.
    known : callable
        Gives the labels of residues, as for `residue_starts`.
    bonds : (n, 2) int64 array
        The bonds that are known.
    look : callable, optional
        Gives the positions (atoms, 3) of one frame, in nm, and its lattice vectors (3, 3) or None;
        called where bonds do not tell.

    Returns
    -------
    Torsions
    """
    starts = residue_starts(known)
    residue = np.cumsum(starts) - 1
    of_residue = {
        name: _first_of_each(residue, np.flatnonzero(atom_name == name), len(np.unique(residue)))
        for name in _names(kinds)
    }
    n_residues = len(of_residue["N"])
    after = _residue_after(of_residue, starts, known, bonds, look)
    before = np.full(n_residues, -1, np.int64)
    before[after[after >= 0]] = np.flatnonzero(after >= 0)

    def atoms(name: str) -> Integers:
        if name[0] not in "+-":
            return of_residue[name]
        other = after if name[0] == "+" else before
        return np.where(other >= 0, of_residue[name[1:]][other], -1)

    is_amino = (of_residue["N"] >= 0) & (of_residue["CA"] >= 0) & (of_residue["C"] >= 0)
    quadruples = np.full((len(kinds), n_residues, 4), -1, np.int64)
    for kind, found in zip(kinds, quadruples, strict=True):
        # Backwards: the first choice is written last.
        for names in reversed(_alternatives(kind)):
            chosen = np.stack([atoms(name) for name in names], axis=1)
            complete = is_amino & (chosen >= 0).all(axis=1)
            found[complete] = chosen[complete]
    place = np.where(is_amino, np.cumsum(is_amino) - 1, -1)
    return Torsions(np.flatnonzero(starts)[is_amino], quadruples[:, is_amino], place[residue])


def _alternatives(kind: str) -> tuple[tuple[str, ...], ...]:
    return (_BACKBONE[kind],) if kind in _BACKBONE else _SIDE_CHAIN[kind]


def _names(kinds: Sequence[str]) -> set[str]:
    quadruples = [names for kind in kinds for names in _alternatives(kind)]
    return {"N", "CA", "C", *(name.lstrip("+-") for names in quadruples for name in names)}


def _first_of_each(residue: Integers, atoms: Integers, n_residues: int) -> Integers:
    """Return the first of some atoms in each residue; -1 where there is none."""
    found = np.full(n_residues, -1, np.int64)
    found[residue[atoms[::-1]]] = atoms[::-1]
    return found


def _residue_after(
    of_residue: dict[str, Integers],
    starts: NDArray[np.bool_],
    known: Callable[[str], NDArray[Any] | None],
    bonds: Integers,
    look: Callable[[], tuple[Floats, Floats | None]] | None,
) -> Integers:
    """Return which residue follows each in its chain; -1 where a chain ends or is broken."""
    residue = np.cumsum(starts) - 1
    carbon, nitrogen = of_residue["C"], of_residue["N"]
    after = np.full(len(carbon), -1, np.int64)
    has_bonds = np.zeros(len(starts), bool)
    has_bonds[bonds] = True
    both = np.concatenate([bonds, bonds[:, ::-1]])
    one, other = residue[both[:, 0]], residue[both[:, 1]]
    peptide = (carbon[one] == both[:, 0]) & (nitrogen[other] == both[:, 1]) & (one != other)
    after[one[peptide]] = other[peptide]
    here = np.flatnonzero((carbon[:-1] >= 0) & (nitrogen[1:] >= 0))
    unknown = ~has_bonds[carbon[here]] & ~has_bonds[nitrogen[here + 1]]
    here = here[unknown]
    first = np.flatnonzero(starts)
    for name in ("chain", "segment", "molecule"):
        values = known(name)
        if values is not None:
            of_each = values[first]
            here = here[of_each[here] == of_each[here + 1]]
    if not len(here):
        return after
    if look is not None:
        positions, box = look()
        steps = positions[nitrogen[here + 1]] - positions[carbon[here]]
        if box is not None:
            steps = nearest_images(steps, box)
        near = np.linalg.norm(steps, axis=1) < _LONGEST_PEPTIDE_BOND
    else:
        number = known("residue")
        steps = np.ones(len(here)) if number is None else np.diff(number[first])[here]
        near = (steps == 0) | (steps == 1)
    after[here[near]] = here[near] + 1
    return after
