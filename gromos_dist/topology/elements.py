"""Chemical elements: their masses, and which element an atom is when its file does not say."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gromos_dist.topology.residue_names import NUCLEIC, PROTEIN, WATER

MASSES: Final[dict[str, float]] = {
    "H": 1.008, "D": 2.014, "He": 4.002602, "Li": 6.94, "Be": 9.0121831, "B": 10.81, "C": 12.011,
    "N": 14.007, "O": 15.999, "F": 18.998403, "Ne": 20.1797, "Na": 22.989769, "Mg": 24.305,
    "Al": 26.981538, "Si": 28.085, "P": 30.973762, "S": 32.06, "Cl": 35.45, "Ar": 39.95,
    "K": 39.0983, "Ca": 40.078, "Sc": 44.955908, "Ti": 47.867, "V": 50.9415, "Cr": 51.9961,
    "Mn": 54.938044, "Fe": 55.845, "Co": 58.933194, "Ni": 58.6934, "Cu": 63.546, "Zn": 65.38,
    "Ga": 69.723, "Ge": 72.630, "As": 74.921595, "Se": 78.971, "Br": 79.904, "Kr": 83.798,
    "Rb": 85.4678, "Sr": 87.62, "Y": 88.90584, "Zr": 91.224, "Nb": 92.90637, "Mo": 95.95,
    "Tc": 98.0, "Ru": 101.07, "Rh": 102.90550, "Pd": 106.42, "Ag": 107.8682, "Cd": 112.414,
    "In": 114.818, "Sn": 118.710, "Sb": 121.760, "Te": 127.60, "I": 126.90447, "Xe": 131.293,
    "Cs": 132.905452, "Ba": 137.327, "La": 138.90547, "Ce": 140.116, "Pr": 140.90766,
    "Nd": 144.242, "Pm": 145.0, "Sm": 150.36, "Eu": 151.964, "Gd": 157.25, "Tb": 158.92535,
    "Dy": 162.500, "Ho": 164.93033, "Er": 167.259, "Tm": 168.93422, "Yb": 173.045,
    "Lu": 174.9668, "Hf": 178.49, "Ta": 180.94788, "W": 183.84, "Re": 186.207, "Os": 190.23,
    "Ir": 192.217, "Pt": 195.084, "Au": 196.966569, "Hg": 200.592, "Tl": 204.38, "Pb": 207.2,
    "Bi": 208.98040, "Po": 209.0, "At": 210.0, "Rn": 222.0, "Fr": 223.0, "Ra": 226.0,
    "Ac": 227.0, "Th": 232.0377, "Pa": 231.03588, "U": 238.02891, "Np": 237.0, "Pu": 244.0,
    "Am": 243.0, "Cm": 247.0, "Bk": 247.0, "Cf": 251.0, "Es": 252.0, "Fm": 257.0, "Md": 258.0,
    "No": 259.0, "Lr": 262.0, "Rf": 267.0, "Db": 268.0, "Sg": 269.0, "Bh": 270.0, "Hs": 269.0,
    "Mt": 278.0, "Ds": 281.0, "Rg": 282.0, "Cn": 285.0, "Nh": 286.0, "Fl": 289.0, "Mc": 290.0,
    "Lv": 293.0, "Ts": 294.0, "Og": 294.0,
}  # fmt: skip
"""Atomic weights (u): IUPAC's conventional values, or the mass number of the isotope that lives
longest; D is deuterium."""

# An aliphatic carbon and its hydrogens as one atom: CH1, CH2, CH3, CH4.
_UNITED_ATOM_MASSES = (13.019, 14.027, 15.035, 16.043)
_UNITED_ATOM_TOLERANCE = 0.005
# Tables round masses differently (Zn 65.37 or 65.38); K, Ar and Ca still stay apart.
_MASS_TOLERANCE = 0.05
# Repartitioning takes mass from an atom for each hydrogen at it, and gives it to that.
_HEAVIEST_HYDROGEN = 4.05
_MOST_MASS_GIVEN = {"C": 12.2, "N": 12.2, "O": 9.2, "S": 6.2, "P": 3.1, "B": 9.2, "Si": 9.2}

_SYMBOLS: Final = {symbol.upper(): symbol for symbol in MASSES}
# What lives for hours at most, or is named like an atom of something else, is not guessed.
_NEVER_GUESSED = frozenset({"PO", "AT", "AC", "PA", "NP"})
_GUESSED: Final = {
    letters: symbol
    for letters, symbol in _SYMBOLS.items()
    if MASSES[symbol] <= MASSES["U"] and letters not in _NEVER_GUESSED
}
_ONE_LETTER = frozenset("HCNOSPFIBK")
# Two letters that begin no usual name of an atom whose element has one letter.
_TWO_LETTERS = (
    "CL",
    "CU",
    *(
        letters
        for letters in _GUESSED
        if len(letters) == 2
        and letters[0] not in "HDCNO"
        and letters not in ("BA", "BE", "FR", "IN", "KR", "PB", "SB", "SC", "SM", "SR")
    ),
)
# Those that programs write one column too far to the right.
_KNOWN_ANYWHERE = ("CL", "BR", "FE", "ZN", "MG", "MN", "CU", "SE", "SI", "LI", "AL")
# Charges without mass of water with four or five sites, in GROMACS, CHARMM and AMBER.
_MASSLESS_SITES = frozenset(
    {"MW", "M", "MW1", "MW2", "OM", "EP", "EPW", "EP1", "EP2", "LP1", "LP2", "L1", "L2"}
)
_CHARMM_IONS = {
    "SOD": "Na", "POT": "K", "CLA": "Cl", "CAL": "Ca", "CES": "Cs", "RUB": "Rb", "LIT": "Li",
    "BAR": "Ba", "CAD": "Cd",
}  # fmt: skip
_ANY_ION = frozenset({"ION", "IONS"})
_CHARGE = re.compile(r"[A-Za-z]+[0-9]*[+-][0-9]*")
_OF_KNOWN_RESIDUES = PROTEIN | NUCLEIC | WATER


@cache
def element_of_name(name: str, residue_name: str) -> str:
    """Guess an element from the names of an atom and its residue; empty when there is no telling.

    A residue with the name of its atom is an ion (``CA`` in ``CA2+`` is calcium, ``CA`` in
    ``ALA`` is carbon), and so are a name that ends with a charge (``NA+``) and an atom of a
    residue ``ION``. In residues of protein, nucleic acid and water, which have few elements, and
    for elements whose symbols begin with H, C, N or O, the first letter decides but for Cl, Cu and
    Se; elsewhere two letters that are a symbol do (``PT1``, ``SN``), unless they begin usual names
    (``SC``, ``PB``). Beads of coarse-grained models are not atoms: their guesses mean nothing.

    Examples
    --------
    >>> element_of_name("CA", "ALA"), element_of_name("CA", "CA2+"), element_of_name("1HB", "ALA")
    ('C', 'Ca', 'H')
    """
    letters = _letters(name)
    is_ion = _CHARGE.fullmatch(name) or residue_name.upper() in _ANY_ION
    if letters and (is_ion or letters == _letters(residue_name)):
        if letters in _CHARMM_IONS:
            return _CHARMM_IONS[letters]
        if letters in _SYMBOLS and letters != "D":
            return _SYMBOLS[letters]
    if is_massless_site(name, residue_name):
        return ""
    two = _KNOWN_ANYWHERE if residue_name in _OF_KNOWN_RESIDUES else _TWO_LETTERS
    if letters.startswith(two):
        return _SYMBOLS[letters[:2]]
    if letters[:1] == "D":
        is_deuterium = letters == "D" or residue_name in _OF_KNOWN_RESIDUES
        return "D" if is_deuterium else ""
    return letters[:1] if letters[:1] in _ONE_LETTER else ""


@cache
def element_of_columns(columns: str, residue_name: str) -> str:
    """Tell an element from the four columns of an atom's name in a PDB file, and its residue.

    The symbol stands on the right of the first two columns: `` CA `` is carbon, ``CA  `` calcium,
    ``PT1 `` platinum. Names of four characters begin in the first column all the same, and those of
    protein, nucleic acid and water are known, wherever they stand: there, and where the columns are
    no symbol, the name decides (`element_of_name`).

    Examples
    --------
    >>> element_of_columns("PD  ", "LIG"), element_of_columns(" PD ", "LIG")
    ('Pd', 'P')
    """
    name = columns.strip()
    by_name = element_of_name(name, residue_name)
    letters = _letters(name)
    if residue_name in _OF_KNOWN_RESIDUES or letters == _letters(residue_name):
        return by_name
    first = columns[:2].upper()
    if first in _GUESSED and len(first.strip()) == 2:
        is_full = len(name) >= 4 and first[0] in "HDCNO"
        return by_name if is_full else _GUESSED[first]
    # An ion that stands one column too far to the right is known by its charge.
    if _CHARGE.fullmatch(name):
        return by_name
    is_one_letter = columns[:1] == " " and not letters.startswith(_KNOWN_ANYWHERE)
    if is_one_letter and letters in ("U", "V", "W", "Y"):
        return letters
    return letters[0] if is_one_letter and letters[:1] in _ONE_LETTER else by_name


@cache
def element_of_mass(mass: float, name: str, residue_name: str) -> str:
    """Tell an element from an atom's mass (u), and from its name where that is not enough.

    A mass of 13.019, 14.027, 15.035 or 16.043 u (within 0.005) is a united atom: carbon. An atom
    of up to 4.05 u whose name begins with H is hydrogen, repartitioned or not. Another mass is the
    element with the nearest atomic weight, when that is within 0.05 u and begins with the same
    letter as the atom's name. Failing that, the name decides when the mass is one that its element
    can have, less what repartitioning gives to hydrogens; then the mass. Massless sites have no
    element.

    Examples
    --------
    >>> element_of_mass(14.027, "CB", "LEU"), element_of_mass(4.0, "HB1", "ALA")
    ('C', 'H')
    """
    if not mass > 0:
        return ""
    by_name = element_of_name(name, residue_name)
    if by_name == "H" and mass <= _HEAVIEST_HYDROGEN:
        return by_name
    by_mass = ""
    if any(abs(mass - united) < _UNITED_ATOM_TOLERANCE for united in _UNITED_ATOM_MASSES):
        by_mass = "C"
    else:
        nearest = min(_GUESSED.values(), key=lambda symbol: abs(MASSES[symbol] - mass))
        if abs(MASSES[nearest] - mass) < _MASS_TOLERANCE:
            by_mass = nearest
    if by_mass and (by_mass[0] == _letters(name)[:1] or not _can_weigh(by_name, mass)):
        return by_mass
    return by_name


def _can_weigh(symbol: str, mass: float) -> bool:
    """Tell whether an element's atom can have a mass, with hydrogen's repartitioned."""
    if not symbol:
        return False
    lightest = MASSES[symbol] - _MOST_MASS_GIVEN.get(symbol, 0.0)
    return lightest - _MASS_TOLERANCE <= mass <= MASSES[symbol] + _MASS_TOLERANCE


def is_massless_site(name: str, residue_name: str) -> bool:
    """Tell whether an atom is a charge without mass of a water model with four or five sites."""
    return residue_name in WATER and name in _MASSLESS_SITES


def elements_of_names(names: NDArray[np.str_], residue_names: NDArray[np.str_]) -> NDArray[np.str_]:
    """Apply `element_of_name` to arrays of shape (atoms,)."""
    pairs = zip(names.tolist(), residue_names.tolist(), strict=True)
    return _array([element_of_name(*pair) for pair in pairs])


def elements_of_columns(
    columns: NDArray[np.str_], residue_names: NDArray[np.str_]
) -> NDArray[np.str_]:
    """Apply `element_of_columns` to arrays of shape (atoms,), if their names are in columns.

    They are when a name of less than four characters begins in the second: programs that begin all
    names in the first column know nothing of this, and then names alone tell.
    """
    if not any(text[:1] == " " and text.strip() for text in set(columns.tolist())):
        return elements_of_names(np.char.strip(columns), residue_names)
    pairs = zip(columns.tolist(), residue_names.tolist(), strict=True)
    return _array([element_of_columns(*pair) for pair in pairs])


def elements_of_masses(
    masses: NDArray[np.float64], names: NDArray[np.str_], residue_names: NDArray[np.str_]
) -> NDArray[np.str_]:
    """Apply `element_of_mass` to arrays of shape (atoms,)."""
    atoms = zip(masses.tolist(), names.tolist(), residue_names.tolist(), strict=True)
    return _array([element_of_mass(*atom) for atom in atoms])


def masses_of_names(
    elements: NDArray[np.str_], names: NDArray[np.str_], residue_names: NDArray[np.str_]
) -> NDArray[np.float64]:
    """Return masses (u) of shape (atoms,) for atoms whose file has none.

    They are the elements' atomic weights, 0 for the massless sites of water, and NaN where the
    element is unknown.
    """
    masses = np.array([MASSES.get(symbol, np.nan) for symbol in elements.tolist()], np.float64)
    for atom in np.flatnonzero(np.isnan(masses)):
        if is_massless_site(names[atom], residue_names[atom]):
            masses[atom] = 0.0
    return masses


def element_symbol(text: str) -> str:
    """Return a symbol in its usual case (``"ZN"`` gives ``"Zn"``); empty when it is none."""
    return _SYMBOLS.get(text.upper(), "")


@cache
def _letters(name: str) -> str:
    """Return the first run of letters of a name, in capitals: ``"2HB'"`` gives ``"HB"``."""
    found = re.search("[A-Za-z]+", name)
    return found.group().upper() if found else ""


def _array(symbols: Iterable[str]) -> NDArray[np.str_]:
    return np.array(list(symbols), dtype="<U2")
