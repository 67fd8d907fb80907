"""The parameters of a GROMOS force field for one solute and its solvent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gromos_dist.topology.frozen_arrays import FrozenArrays, frozen

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Floats = NDArray[np.float64]
Strings = NDArray[np.str_]


class PhysicalConstants(NamedTuple):
    """The constants of PHYSICALCONSTANTS."""

    coulomb: float
    """1/(4 pi eps0) (kJ nm mol-1 e-2)."""
    hbar: float
    """Planck's constant over 2 pi (kJ ps mol-1)."""
    speed_of_light: float
    """nm ps-1."""
    boltzmann: float
    """kJ mol-1 K-1."""


@dataclass(frozen=True, eq=False)
class Terms(FrozenArrays):
    """All bonded terms of one kind.

    Raises
    ------
    ValueError
        The arrays do not belong together.
    """

    atoms: Int32s
    """Atoms of each term, from 0, shape (terms, 2, 3, 4 or 8)."""
    kind: Int32s
    """Rows of `parameters`, shape (terms,)."""
    parameters: Floats
    """As in the file, shape (kinds, columns); NaN where the file has none. Bonds: quartic
    (kJ mol-1 nm-4) and harmonic (kJ mol-1 nm-2) force constant, length (nm). Angles: force
    constant of the cosine form (kJ mol-1), of the harmonic form (kJ mol-1 degree-2), angle
    (degree). Impropers: force constant (kJ mol-1 degree-2), angle (degree). Dihedrals and cross
    dihedrals: force constant (kJ mol-1), phase (degree), multiplicity."""
    n_with_hydrogen: int
    """So many terms, the first ones, involve hydrogen atoms (BONDH and its kin)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "atoms", frozen(self.atoms, np.int32))
        object.__setattr__(self, "kind", frozen(self.kind, np.int32))
        object.__setattr__(self, "parameters", frozen(self.parameters, np.float64))
        n_terms = len(self.atoms)
        if self.atoms.ndim != 2 or self.parameters.ndim != 2 or self.kind.shape != (n_terms,):
            raise ValueError(
                f"expected atoms (terms, n), kind (terms,), parameters (kinds, n); got "
                f"{self.atoms.shape}, {self.kind.shape}, {self.parameters.shape}"
            )
        if n_terms and not (self.kind.min() >= 0 and self.kind.max() < len(self.parameters)):
            raise ValueError(
                f"kind: expected 0 to {len(self.parameters) - 1}, got {self.kind.min()} to "
                f"{self.kind.max()}"
            )
        if not 0 <= self.n_with_hydrogen <= n_terms:
            raise ValueError(
                f"n_with_hydrogen: expected 0 to {n_terms}, got {self.n_with_hydrogen}"
            )

    def __len__(self) -> int:
        return len(self.atoms)


_TERM_WIDTHS = {"bonds": 2, "angles": 3, "impropers": 4, "dihedrals": 4, "cross_dihedrals": 8}
_TERM_COLUMNS = {"bonds": 3, "angles": 3, "impropers": 2, "dihedrals": 3, "cross_dihedrals": 3}

_DTYPES: dict[str, type] = {
    "type_name": np.str_,
    "residue_name": np.str_,
    "lj_type": np.int32,
    "c6": np.float64,
    "c12": np.float64,
    "cs6": np.float64,
    "cs12": np.float64,
    "exclusion_first": np.int64,
    "exclusion_partner": np.int32,
    "one_four_first": np.int64,
    "one_four_partner": np.int32,
    "charge_group_first": np.int64,
    "lj_exception_pairs": np.int32,
    "lj_exception_c6": np.float64,
    "lj_exception_c12": np.float64,
    "molecule_end": np.int64,
    "temperature_group_end": np.int64,
    "pressure_group_end": np.int64,
    "solvent_lj_type": np.int32,
    "solvent_constraints": np.int32,
    "solvent_constraint_lengths": np.float64,
}


@dataclass(frozen=True, eq=False, repr=False)
class ForceField(FrozenArrays):
    """What a GROMOS topology says of the interactions: immutable, picklable, hashed by content.

    The solute stands here atom by atom, the solvent as one molecule: how many of them there are
    is the `Topology`'s business, so that a million atoms of water cost nothing. Atoms and types
    count from 0. Names, masses and charges are the `Topology`'s.

    Pairs of atoms are stored for the lower atom of each: those of atom ``i`` are
    ``partner[first[i]:first[i + 1]]``, in rising order, all greater than ``i``. All pairs within a
    solvent molecule are excluded.

    Raises
    ------
    ValueError
        The arrays do not belong together, or an index is out of range.
    """

    constants: PhysicalConstants
    type_name: Strings
    """Names of the van der Waals types, shape (types,)."""
    residue_name: Strings
    """Names of the solute's residues, shape (residues,)."""
    lj_type: Int32s
    """Van der Waals types of the solute, shape (atoms,)."""
    c6: Floats
    """Lennard-Jones r**-6 coefficients (kJ mol-1 nm6), shape (types, types), symmetric."""
    c12: Floats
    """Lennard-Jones r**-12 coefficients (kJ mol-1 nm12), shape (types, types)."""
    cs6: Floats
    """`c6` between third neighbours (1-4)."""
    cs12: Floats
    """`c12` between third neighbours (1-4)."""
    exclusion_first: Int64s
    """Where an atom's excluded atoms begin, shape (atoms + 1,)."""
    exclusion_partner: Int32s
    """Excluded atoms."""
    one_four_first: Int64s
    """Where an atom's third neighbours begin, shape (atoms + 1,)."""
    one_four_partner: Int32s
    """Third neighbours."""
    charge_group_first: Int64s
    """First atoms of the solute's charge groups, and at the end the number of solute atoms."""
    bonds: Terms
    angles: Terms
    impropers: Terms
    dihedrals: Terms
    cross_dihedrals: Terms
    lj_exception_pairs: Int32s
    """Pairs with Lennard-Jones coefficients of their own (i < j), shape (pairs, 2)."""
    lj_exception_c6: Floats
    lj_exception_c12: Floats
    molecule_end: Int64s
    """For each solute molecule the atom after its last (SOLUTEMOLECULES)."""
    temperature_group_end: Int64s
    """The same for TEMPERATUREGROUPS."""
    pressure_group_end: Int64s
    """The same for PRESSUREGROUPS, the groups of the molecular virial."""
    solvent_lj_type: Int32s
    """Van der Waals types of a solvent molecule; empty when there is none."""
    solvent_constraints: Int32s
    """Pairs of atoms of a solvent molecule at a fixed distance, shape (constraints, 2)."""
    solvent_constraint_lengths: Floats
    """nm."""
    other_blocks: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Names and lines of blocks that are kept but not used."""

    def __post_init__(self) -> None:
        for name, dtype in _DTYPES.items():
            object.__setattr__(self, name, frozen(getattr(self, name), dtype))
        object.__setattr__(self, "constants", PhysicalConstants(*self.constants))
        n_atoms, n_types = self.n_solute_atoms, len(self.type_name)
        for name in ("c6", "c12", "cs6", "cs12"):
            matrix = getattr(self, name)
            if matrix.shape != (n_types, n_types) or not np.array_equal(matrix, matrix.T):
                raise ValueError(
                    f"{name}: expected a symmetric matrix of shape ({n_types}, {n_types}), got "
                    f"shape {matrix.shape}"
                )
        _check_range("lj_type", self.lj_type, n_types)
        _check_range("solvent_lj_type", self.solvent_lj_type, n_types)
        _check_pairs("exclusion", self.exclusion_first, self.exclusion_partner, n_atoms)
        _check_pairs("one_four", self.one_four_first, self.one_four_partner, n_atoms)
        for name, width in _TERM_WIDTHS.items():
            terms = getattr(self, name)
            wanted = (width, _TERM_COLUMNS[name])
            found = (terms.atoms.shape[1], terms.parameters.shape[1])
            if found != wanted:
                raise ValueError(f"{name}: expected {wanted} atoms and parameters, got {found}")
            _check_range(name, terms.atoms, n_atoms)
        self._check_lists(n_atoms)

    def _check_lists(self, n_atoms: int) -> None:
        n_exceptions = len(self.lj_exception_c6)
        n_constraints = len(self.solvent_constraint_lengths)
        shapes = {
            "lj_exception_pairs": (n_exceptions, 2),
            "lj_exception_c12": (n_exceptions,),
            "solvent_constraints": (n_constraints, 2),
        }
        for name, shape in shapes.items():
            found = getattr(self, name).shape
            if found != shape:
                raise ValueError(f"{name}: expected shape {shape}, got {found}")
        pairs = self.lj_exception_pairs
        _check_range("lj_exception_pairs", pairs, n_atoms)
        if (pairs[:, 0] >= pairs[:, 1]).any():
            raise ValueError("lj_exception_pairs: expected the lower atom of each pair first")
        _check_range("solvent_constraints", self.solvent_constraints, len(self.solvent_lj_type))
        first = self.charge_group_first
        if not len(first) or first[0] != 0 or first[-1] != n_atoms or (np.diff(first) < 1).any():
            raise ValueError(f"charge_group_first: expected to rise from 0 to {n_atoms}")
        for name in ("molecule_end", "temperature_group_end", "pressure_group_end"):
            end = getattr(self, name)
            last = end[-1] if len(end) else 0
            if last != n_atoms or (np.diff(end, prepend=0) < 1).any():
                raise ValueError(f"{name}: expected to rise to {n_atoms}, the last solute atom")

    @property
    def n_solute_atoms(self) -> int:
        """Number of solute atoms."""
        return len(self.lj_type)

    def __repr__(self) -> str:
        terms = ", ".join(
            f"{len(getattr(self, name))} {name.replace('_', ' ')}" for name in _TERM_WIDTHS
        )
        text = (
            f"ForceField: {len(self.type_name)} van der Waals types, {terms}, "
            f"{len(self.exclusion_partner)} exclusions, {len(self.one_four_partner)} 1-4 pairs"
        )
        if len(self.lj_exception_c6):
            text += f", {len(self.lj_exception_c6)} Lennard-Jones exceptions"
        if self.other_blocks:
            text += f"; not used: {', '.join(name for name, _ in self.other_blocks)}"
        return text

    def lj_types(self, n_solvent_molecules: int) -> Int32s:
        """Return the van der Waals types of solute and solvent, shape (atoms,)."""
        return np.concatenate([self.lj_type, np.tile(self.solvent_lj_type, n_solvent_molecules)])

    def variables(self) -> dict[str, tuple[tuple[str, ...], NDArray[Any], dict[str, str]]]:
        """Return terms and Lennard-Jones coefficients as ``xarray.Dataset.assign`` takes them."""
        found: dict[str, tuple[tuple[str, ...], NDArray[Any], dict[str, str]]] = {}
        singular = {name: name.removesuffix("s") for name in _TERM_WIDTHS}
        for name, one in singular.items():
            if name != "bonds":
                attrs = {"long_name": f"atoms of {name.replace('_', ' ')}, from 0"}
                found[name] = ((one, f"{one}_atom"), getattr(self, name).atoms, attrs)
        for name, what in (("exclusion", "excluded pairs"), ("one_four", "1-4 pairs")):
            first, partner = getattr(self, f"{name}_first"), getattr(self, f"{name}_partner")
            pairs = np.stack([np.repeat(np.arange(len(first) - 1), np.diff(first)), partner], 1)
            key = "exclusions" if name == "exclusion" else name
            found[key] = ((f"{name}_pair", "pair"), pairs, {"long_name": f"{what}, from 0"})
        for name, power in (("c6", 6), ("c12", 12), ("cs6", 6), ("cs12", 12)):
            which = " between third neighbours" if name.startswith("cs") else ""
            attrs = {
                "units": f"kJ mol-1 nm{power}",
                "long_name": f"Lennard-Jones r**-{power} coefficient{which}",
            }
            found[name] = (("lj_type_1", "lj_type_2"), getattr(self, name), attrs)
        return found


def _check_range(name: str, values: NDArray[Any], stop: int) -> None:
    if values.size and not (values.min() >= 0 and values.max() < stop):
        raise ValueError(f"{name}: expected 0 to {stop - 1}, got {values.min()} to {values.max()}")


def _check_pairs(name: str, first: Int64s, partner: Int32s, n_atoms: int) -> None:
    if (
        first.shape != (n_atoms + 1,)
        or first[0] != 0
        or first[-1] != len(partner)
        or (np.diff(first) < 0).any()
    ):
        raise ValueError(
            f"{name}_first: expected {n_atoms + 1} numbers that rise from 0 to {len(partner)}"
        )
    _check_range(f"{name}_partner", partner, n_atoms)
    owner = np.repeat(np.arange(n_atoms), np.diff(first))
    # One list for all: it rises when every atom's partners do.
    if (partner <= owner).any() or (np.diff(owner * n_atoms + partner) <= 0).any():
        raise ValueError(
            f"{name}_partner: expected atoms greater than their partner's, in rising order"
        )


def pairs_by_lower_atom(pairs: NDArray[np.int64], n_atoms: int) -> tuple[Int64s, Int32s]:
    """Return pairs (i < j), shape (pairs, 2), as `ForceField` stores them: first, partner."""
    ordered = np.unique(pairs.reshape(-1, 2), axis=0)
    first = np.zeros(n_atoms + 1, dtype=np.int64)
    np.cumsum(np.bincount(ordered[:, 0], minlength=n_atoms), out=first[1:])
    return first, ordered[:, 1].astype(np.int32)
