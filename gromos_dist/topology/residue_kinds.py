"""What residues are: by their names, and by their atoms where the name is in no list."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist.topology.connectivity import starts_of_runs
from gromos_dist.topology.residue_names import ION, NUCLEIC, PROTEIN, WATER

Mask = NDArray[np.bool_]
Strings = NDArray[np.str_]

RESIDUE_LABELS = ("residue", "residue_name", "chain", "segment", "insertion_code", "molecule")
"""The properties of atoms of which one differs between neighbouring residues."""

# Each is there under one of its names: the oxygens of a chain's end have many.
_PROTEIN_ATOMS = (
    {"N"}, {"CA"}, {"C"}, {"O", "OXT", "OT", "OT1", "OT2", "O1", "O2", "OC1", "OC2"},
)  # fmt: skip
_NUCLEIC_ATOMS = tuple(
    {f"{name}'", f"{name}*"} for name in ("C1", "C2", "C3", "C4", "C5", "O4", "O5")
)
_MOST_SITES = 5  # of a model of water
# Elements that are ions when nothing is bonded to them.
_IONS = frozenset(
    {
        *("Li", "Na", "K", "Rb", "Cs", "Be", "Mg", "Ca", "Sr", "Ba", "Al", "Ga", "In", "Tl", "Pb"),
        *("Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ag", "Cd", "Hg", "Y", "La", "Ce", "Pr", "Nd"),
        *("Sm", "Eu", "Gd", "Tb", "Dy", "Er", "Tm", "Yb", "Lu", "Th", "U", "F", "Cl", "Br", "I"),
    }
)


def residue_starts(known: Callable[[str], NDArray[Any] | None]) -> Mask:
    """Return where residues begin, shape (atoms,).

    Parameters
    ----------
    known : callable
        Gives each of `RESIDUE_LABELS`, shape (atoms,), or None where it is not known; one of them
        is.
    """
    labels = map(known, RESIDUE_LABELS)
    return starts_of_runs(*(values for values in labels if values is not None))


def is_protein(starts: Mask, residue_name: Strings, atom_name: Strings | None) -> Mask:
    """Tell which atoms are of protein: by residue name, or by a backbone of N, CA, C and O.

    Parameters
    ----------
    starts : (atoms,) bool array
        Where residues begin.
    residue_name, atom_name : (atoms,) array of str
        Names; without those of atoms, names of residues alone decide.
    """
    return _of_names_or_atoms(starts, residue_name, atom_name, PROTEIN, _PROTEIN_ATOMS)


def is_nucleic(starts: Mask, residue_name: Strings, atom_name: Strings | None) -> Mask:
    """Tell which atoms are of nucleic acid: by residue name, or by the sugar of the backbone.

    Parameters are those of `is_protein`.
    """
    return _of_names_or_atoms(starts, residue_name, atom_name, NUCLEIC, _NUCLEIC_ATOMS)


def is_water(starts: Mask, residue_name: Strings, element: Strings | None) -> Mask:
    """Tell which atoms are of water: by residue name, or by one O and two H, and sites at most.

    Parameters
    ----------
    starts : (atoms,) bool array
        Where residues begin.
    residue_name, element : (atoms,) array of str
        Names and elements; without elements, names alone decide.
    """
    water = among(residue_name, WATER)
    if element is None or water.all():
        return water
    first = np.flatnonzero(starts)
    size = np.diff(np.append(first, len(starts)))
    counts = [
        np.add.reduceat(np.isin(element, symbols), first)
        for symbols in (["O"], ["H", "D"], ["O", "H", "D", ""])
    ]
    is_like_water = (
        (counts[0] == 1) & (counts[1] == 2) & (counts[2] == size) & (size <= _MOST_SITES)
    )
    return np.asarray(water | np.repeat(is_like_water, size), bool)


def is_ion(starts: Mask, residue_name: Strings, element: Strings | None) -> Mask:
    """Tell which atoms are ions: by residue name, or in residues of metals and halogens alone.

    Parameters are those of `is_water`.
    """
    ion = among(residue_name, ION)
    if element is None:
        return ion
    first = np.flatnonzero(starts)
    others = np.add.reduceat(~among(element, _IONS), first)
    return np.asarray(ion | np.repeat(others == 0, np.diff(np.append(first, len(starts)))), bool)


def is_polymer(starts: Mask, residue_name: Strings, atom_name: Strings | None) -> Mask:
    """Tell which atoms are of protein or nucleic acid; parameters are those of `is_protein`."""
    protein = is_protein(starts, residue_name, atom_name)
    return protein | is_nucleic(starts, residue_name, atom_name)


def among(values: NDArray[Any], names: Collection[str]) -> Mask:
    """Tell which of many strings are among some names."""
    return np.fromiter(map(names.__contains__, values.tolist()), bool, len(values))


def _of_names_or_atoms(
    starts: Mask,
    residue_name: Strings,
    atom_name: Strings | None,
    names: frozenset[str],
    atoms: tuple[set[str], ...],
) -> Mask:
    known = among(residue_name, names)
    if atom_name is None or known.all():
        return known
    residue = np.cumsum(starts) - 1
    has_all = np.ones(int(residue[-1]) + 1, bool)
    for alternatives in atoms:
        has = np.zeros(len(has_all), bool)
        has[residue[among(atom_name, alternatives)]] = True
        has_all &= has
    return np.asarray(known | has_all[residue], bool)
