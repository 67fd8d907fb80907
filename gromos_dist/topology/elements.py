"""Chemical elements: their masses, and which element an atom is when its file does not say."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gromos_dist.topology.residue_names import WATER

MASSES: Final[dict[str, float]] = {
    "H": 1.008, "D": 2.014, "He": 4.002602, "Li": 6.94, "Be": 9.0121831, "B": 10.81, "C": 12.011,
    "N": 14.007, "O": 15.999, "F": 18.998403, "Ne": 20.1797, "Na": 22.989769, "Mg": 24.305,
    "Al": 26.981538, "Si": 28.085, "P": 30.973762, "S": 32.06, "Cl": 35.45, "Ar": 39.95,
    "K": 39.0983, "Ca": 40.078, "Sc": 44.955908, "Ti": 47.867, "V": 50.9415, "Cr": 51.9961,
    "Mn": 54.938044, "Fe": 55.845, "Co": 58.933194, "Ni": 58.6934, "Cu": 63.546, "Zn": 65.38,
    "Ga": 69.723, "Ge": 72.630, "As": 74.921595, "Se": 78.971, "Br": 79.904, "Kr": 83.798,
    "Rb": 85.4678, "Sr": 87.62, "Y": 88.90584, "Zr": 91.224, "Nb": 92.90637, "Mo": 95.95,
    "Ru": 101.07, "Rh": 102.90550, "Pd": 106.42, "Ag": 107.8682, "Cd": 112.414, "In": 114.818,
    "Sn": 118.710, "Sb": 121.760, "Te": 127.60, "I": 126.90447, "Xe": 131.293, "Cs": 132.905452,
    "Ba": 137.327, "La": 138.90547, "Ce": 140.116, "Pr": 140.90766, "Nd": 144.242, "Sm": 150.36,
    "Eu": 151.964, "Gd": 157.25, "Tb": 158.92535, "Dy": 162.500, "Ho": 164.93033, "Er": 167.259,
    "Tm": 168.93422, "Yb": 173.045, "Lu": 174.9668, "Hf": 178.49, "Ta": 180.94788, "W": 183.84,
    "Re": 186.207, "Os": 190.23, "Ir": 192.217, "Pt": 195.084, "Au": 196.966569, "Hg": 200.592,
    "Tl": 204.38, "Pb": 207.2, "Bi": 208.98040, "Th": 232.0377, "U": 238.02891,
}  # fmt: skip
"""Standard atomic weights (u), IUPAC's conventional values; D is deuterium."""

# An aliphatic carbon and its hydrogens as one atom: CH1, CH2, CH3, CH4.
_UNITED_ATOM_MASSES = (13.019, 14.027, 15.035, 16.043)
_UNITED_ATOM_TOLERANCE = 0.005
# Tables round masses differently (Zn 65.37 or 65.38); K, Ar and Ca still stay apart.
_MASS_TOLERANCE = 0.05

_SYMBOLS: Final = {symbol.upper(): symbol for symbol in MASSES}
_ONE_LETTER = frozenset("HCNOSPFIBK")
# Two letters that begin no usual name of an atom of H, C, N or O.
_TWO_LETTERS = ("CL", "BR", "FE", "ZN", "MG", "MN", "CU", "SE", "SI", "LI", "AL")
# Charges without mass of water with four or five sites, in GROMACS, CHARMM and AMBER.
_MASSLESS_SITES = frozenset(
    {"MW", "M", "MW1", "MW2", "OM", "EP", "EPW", "EP1", "EP2", "LP1", "LP2", "L1", "L2"}
)
_CHARMM_IONS = {
    "SOD": "Na", "POT": "K", "CLA": "Cl", "CAL": "Ca", "CES": "Cs", "RUB": "Rb", "LIT": "Li",
    "BAR": "Ba", "CAD": "Cd",
}  # fmt: skip


@cache
def element_of_name(name: str, residue_name: str) -> str:
    """Guess an element from the names of an atom and its residue; empty when there is no telling.

    A residue with the name of its atom is an ion (``CA`` in ``CA2+`` is calcium, ``CA`` in
    ``ALA`` is carbon). Otherwise Cl, Br, Fe, Zn, Mg, Mn, Cu, Se, Si, Li and Al are known by two
    letters and H, C, N, O, S, P, F, I, B and K by the first. Beads of coarse-grained models are
    not atoms: their guesses mean nothing.

    Examples
    --------
    >>> element_of_name("CA", "ALA"), element_of_name("CA", "CA2+"), element_of_name("1HB", "ALA")
    ('C', 'Ca', 'H')
    """
    letters = _letters(name)
    if letters and letters == _letters(residue_name):
        if letters in _CHARMM_IONS:
            return _CHARMM_IONS[letters]
        if letters in _SYMBOLS and letters != "D":
            return _SYMBOLS[letters]
    if is_massless_site(name, residue_name):
        return ""
    if letters.startswith(_TWO_LETTERS):
        return _SYMBOLS[letters[:2]]
    return letters[:1] if letters[:1] in _ONE_LETTER else ""


@cache
def element_of_mass(mass: float, name: str, residue_name: str) -> str:
    """Tell an element from an atom's mass (u), and from its name where that is not enough.

    A mass of 13.019, 14.027, 15.035 or 16.043 u (within 0.005) is a united atom: carbon. Another
    mass is the element with the nearest atomic weight, when that is within 0.05 u and begins with
    the same letter as the atom's name. Failing that (hydrogen mass repartitioning, coarse
    grains), the name decides; when that says nothing, the mass. Massless sites have no element.

    Examples
    --------
    >>> element_of_mass(14.027, "CB", "LEU"), element_of_mass(14.0067, "N", "LEU")
    ('C', 'N')
    """
    if not mass > 0:
        return ""
    by_mass = ""
    if any(abs(mass - united) < _UNITED_ATOM_TOLERANCE for united in _UNITED_ATOM_MASSES):
        by_mass = "C"
    else:
        nearest = min(MASSES, key=lambda symbol: abs(MASSES[symbol] - mass))
        if abs(MASSES[nearest] - mass) < _MASS_TOLERANCE:
            by_mass = nearest
    if by_mass and by_mass[0] == _letters(name)[:1]:
        return by_mass
    return element_of_name(name, residue_name) or by_mass


def is_massless_site(name: str, residue_name: str) -> bool:
    """Tell whether an atom is a charge without mass of a water model with four or five sites."""
    return residue_name in WATER and name in _MASSLESS_SITES


def elements_of_names(names: NDArray[np.str_], residue_names: NDArray[np.str_]) -> NDArray[np.str_]:
    """Apply `element_of_name` to arrays of shape (atoms,)."""
    pairs = zip(names.tolist(), residue_names.tolist(), strict=True)
    return _array([element_of_name(*pair) for pair in pairs])


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
