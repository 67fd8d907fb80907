"""What a trajectory's atoms are: names, residues, molecules, masses, charges and bonds."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from gromos_dist.errors import TopologyError
from gromos_dist.topology.force_field import ForceField
from gromos_dist.topology.frozen_arrays import FrozenArrays, frozen
from gromos_dist.topology.residue_kinds import residue_starts
from gromos_dist.variables import VARIABLES

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Strings = NDArray[np.str_]

_DTYPES: dict[str, type] = {
    "atom_name": np.str_,
    "residue_name": np.str_,
    "residue": np.int64,
    "molecule": np.int64,
    "element": np.str_,
    "mass": np.float64,
    "charge": np.float64,
    "charge_group": np.int64,
    "chain": np.str_,
    "segment": np.str_,
    "insertion_code": np.str_,
}
_OPTIONAL = ("charge_group", "chain", "segment", "insertion_code")

SOLVENT_RESIDUE_NAME = "SOLV"


def _nothing() -> NDArray[Any]:
    return np.empty(0)


def _bond_pairs(bonds: ArrayLike, n_atoms: int) -> Integers:
    pairs = frozen(np.reshape(bonds, (-1, 2)), np.int64)
    if pairs.size and not (pairs.min() >= 0 and pairs.max() < n_atoms):
        raise ValueError(
            f"bonds: expected atoms from 0 to {n_atoms - 1}, got {pairs.min()} to {pairs.max()}"
        )
    return pairs


@dataclass(frozen=True, eq=False)
class Solvent(FrozenArrays):
    """One molecule of the solvent; arrays have shape (atoms of the molecule,)."""

    atom_name: Strings
    element: Strings
    mass: Floats
    """Masses (u)."""
    charge: Floats
    """Charges (e)."""
    bonds: Integers
    """Bonded atoms of the molecule, from 0, shape (bonds, 2)."""

    def __post_init__(self) -> None:
        for name in ("atom_name", "element", "mass", "charge"):
            object.__setattr__(self, name, frozen(getattr(self, name), _DTYPES[name]))
        object.__setattr__(self, "bonds", _bond_pairs(self.bonds, self.n_atoms))

    @property
    def n_atoms(self) -> int:
        """Atoms of one molecule."""
        return len(self.atom_name)


@dataclass(frozen=True, eq=False, repr=False)
class Topology(FrozenArrays):
    """The atoms of a system: immutable, picklable, and equal when the content is equal.

    Arrays have shape (atoms,) and are read-only. Atoms count from 0, as in Python; residues have
    the numbers of their file; molecules and charge groups count from 1, as in GROMOS. Topologies
    are read by `load_topology`; without arguments there are no atoms.

    Parameters
    ----------
    atom_name, residue_name : array of str
        Names as in the file.
    residue : array of int64
        Residue numbers as in the file (PDB: resSeq; 52 and 52A are both 52, told apart by
        `insertion_code`). Solvent that `solvate` adds goes on after the solute's highest number.
    molecule : array of int64
        Molecule numbers, from 1.
    element : array of str
        Chemical symbols; empty where unknown.
    mass : array of float64
        Masses (u); NaN where unknown.
    charge : array of float64
        Partial charges (e); NaN where unknown.
    bonds : array of int64, shape (bonds, 2)
        Pairs of bonded atoms, from 0, as the file lists them: PSF and GROMOS all, GRO none, PDB
        those of CONECT records, which are seldom all.
    charge_group : array of int64, optional
        Charge group numbers, from 1; None when the file has none.
    solvent : Solvent, optional
        One solvent molecule, when the file tells the solvent apart from the solute.
    n_solvent_molecules : int
        How many of them the arrays end with.
    force_field : ForceField, optional
        The parameters of the interactions of solute and solvent molecule; None when the file has
        none (PSF, PDB, GRO).
    chain, segment, insertion_code : array of str, optional
        Chain identifiers, segment names and what PDB files put behind residue numbers; empty where
        an atom has none, None when the file has none.
    bond_origin : str
        How many bonds come from where, once some were guessed: see `guess_bonds`.

    Raises
    ------
    ValueError
        The arrays do not belong together.
    """

    atom_name: Strings = field(default_factory=_nothing)
    residue_name: Strings = field(default_factory=_nothing)
    residue: Integers = field(default_factory=_nothing)
    molecule: Integers = field(default_factory=_nothing)
    element: Strings = field(default_factory=_nothing)
    mass: Floats = field(default_factory=_nothing)
    charge: Floats = field(default_factory=_nothing)
    bonds: Integers = field(default_factory=_nothing)
    charge_group: Integers | None = None
    solvent: Solvent | None = None
    n_solvent_molecules: int = 0
    force_field: ForceField | None = None
    chain: Strings | None = None
    segment: Strings | None = None
    insertion_code: Strings | None = None
    bond_origin: str = ""

    def __post_init__(self) -> None:
        n_atoms = len(self.atom_name)
        for name, dtype in _DTYPES.items():
            values = getattr(self, name)
            if values is None and name in _OPTIONAL:
                continue
            array = frozen(values, dtype)
            if array.shape != (n_atoms,):
                raise ValueError(f"{name}: expected shape ({n_atoms},), got {array.shape}")
            object.__setattr__(self, name, array)
        object.__setattr__(self, "bonds", _bond_pairs(self.bonds, n_atoms))
        solvent_atoms = self.n_solvent_molecules * (self.solvent.n_atoms if self.solvent else 0)
        if not 0 <= solvent_atoms <= n_atoms or (self.n_solvent_molecules and not self.solvent):
            raise ValueError(
                f"n_solvent_molecules: {self.n_solvent_molecules} do not fit into {n_atoms} atoms"
            )
        if self.force_field is not None:
            self._check_force_field(self.force_field)

    def _check_force_field(self, force_field: ForceField) -> None:
        counts = {
            "solute atoms": (self.n_solute_atoms, force_field.n_solute_atoms),
            "atoms of a solvent molecule": (
                self.solvent.n_atoms if self.solvent else 0,
                len(force_field.solvent_lj_type),
            ),
        }
        for what, (own, other) in counts.items():
            if own != other:
                raise ValueError(f"force_field: expected {own} {what}, got {other}")

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.atom_name)

    @property
    def n_solute_atoms(self) -> int:
        """Number of atoms before the solvent."""
        per_molecule = self.solvent.n_atoms if self.solvent else 0
        return self.n_atoms - self.n_solvent_molecules * per_molecule

    @cached_property
    def residue_starts(self) -> NDArray[np.bool_]:
        """Where residues begin, shape (atoms,)."""
        return residue_starts(partial(getattr, self))

    @cached_property
    def n_residues(self) -> int:
        """Number of residues: runs of atoms of one residue, chain and molecule."""
        return int(np.count_nonzero(self.residue_starts))

    @cached_property
    def n_molecules(self) -> int:
        """Number of molecules."""
        return len(np.unique(self.molecule))

    @property
    def unsolvated(self) -> Topology:
        """What `solvate` made it from; itself if nothing was made of another."""
        made_from: Topology = self.__dict__.get("_unsolvated", self)
        return made_from

    def __reduce__(self) -> tuple[Any, ...]:
        if self.unsolvated is self:
            return super().__reduce__()
        return Topology.solvate, (self.unsolvated, self.n_solvent_molecules)

    def __repr__(self) -> str:
        text = (
            f"Topology: {self.n_atoms} atoms, {self.n_residues} residues, "
            f"{self.n_molecules} molecules"
        )
        if self.solvent is None:
            return text
        return (
            f"{text}; {self.n_solute_atoms} solute atoms + {self.n_solvent_molecules} "
            f"solvent molecules of {self.solvent.n_atoms}"
        )

    def solvate(self, n_molecules: int) -> Topology:
        """Return the topology with this many solvent molecules after the solute.

        Each is a residue ``SOLV``, a molecule and a charge group of its own, numbered on from the
        solute's highest number.

        Parameters
        ----------
        n_molecules : int
            Number of solvent molecules; those that are there already are not added to it.

        Raises
        ------
        TopologyError
            The topology has no solvent molecule.
        ValueError
            `n_molecules` is negative.
        """
        if n_molecules < 0:
            raise ValueError(f"n_molecules: expected 0 or more, got {n_molecules}")
        if n_molecules == self.n_solvent_molecules:
            return self
        if self.solvent is None:
            raise TopologyError(
                f"cannot add {n_molecules} solvent molecules: this topology has no solvent "
                "molecule; in a GROMOS topology the blocks SOLVENTATOM and SOLVENTCONSTR define it"
            )
        solvent, solute = self.solvent, slice(0, self.n_solute_atoms)
        count = n_molecules * solvent.n_atoms
        number = np.repeat(np.arange(1, n_molecules + 1), solvent.n_atoms)

        def numbered_on(values: Integers) -> Integers:
            head = values[solute]
            return np.concatenate([head, number + head.max(initial=0)])

        starts = self.n_solute_atoms + solvent.n_atoms * np.arange(n_molecules)
        solvent_bonds = (starts[:, None, None] + solvent.bonds[None]).reshape(-1, 2)
        solute_bonds = self.bonds[(self.bonds < self.n_solute_atoms).all(axis=1)]
        solvated = Topology(
            atom_name=np.concatenate(
                [self.atom_name[solute], np.tile(solvent.atom_name, n_molecules)]
            ),
            residue_name=np.concatenate(
                [self.residue_name[solute], np.full(count, SOLVENT_RESIDUE_NAME)]
            ),
            residue=numbered_on(self.residue),
            molecule=numbered_on(self.molecule),
            element=np.concatenate([self.element[solute], np.tile(solvent.element, n_molecules)]),
            mass=np.concatenate([self.mass[solute], np.tile(solvent.mass, n_molecules)]),
            charge=np.concatenate([self.charge[solute], np.tile(solvent.charge, n_molecules)]),
            bonds=np.concatenate([solute_bonds, solvent_bonds]),
            charge_group=None if self.charge_group is None else numbered_on(self.charge_group),
            solvent=solvent,
            n_solvent_molecules=n_molecules,
            force_field=self.force_field,
            bond_origin=self.bond_origin,
            **{
                name: np.concatenate([values[solute], np.full(count, "")])
                for name in ("chain", "segment", "insertion_code")
                if (values := getattr(self, name)) is not None
            },
        )
        # Not a field: what is pickled instead of a million equal molecules.
        object.__setattr__(solvated, "_unsolvated", self.unsolvated)
        return solvated

    def with_n_atoms(self, n_atoms: int) -> Topology:
        """Return the topology with as many solvent molecules as make up `n_atoms` atoms.

        Parameters
        ----------
        n_atoms : int
            Number of atoms of the trajectory.

        Raises
        ------
        TopologyError
            No number of solvent molecules gives `n_atoms`.

        Examples
        --------
        >>> from gromos_dist.topology import load_topology
        >>> topology = load_topology("tests/data/spc.top")
        >>> topology.with_n_atoms(9)
        Topology: 9 atoms, 3 residues, 3 molecules; 0 solute atoms + 3 solvent molecules of 3
        """
        if n_atoms == self.n_atoms:
            return self
        if self.solvent is None:
            raise TopologyError(
                f"the trajectory has {n_atoms} atoms, the topology {self.n_atoms} and no solvent "
                "to add; give the topology of this trajectory"
            )
        found = (
            f"the trajectory has {n_atoms} atoms, the topology {self.n_solute_atoms} solute atoms "
            f"and solvent molecules of {self.solvent.n_atoms}"
        )
        n_molecules, rest = divmod(n_atoms - self.n_solute_atoms, self.solvent.n_atoms)
        if n_molecules < 0:
            raise TopologyError(
                f"{found}: atoms of the solute are missing; give the topology of this trajectory, "
                "or the trajectory of the whole solute"
            )
        if rest:
            raise TopologyError(
                f"{found}: the difference {n_atoms - self.n_solute_atoms} is not a multiple of the "
                f"{self.solvent.n_atoms} atoms of a solvent molecule; give the topology of this "
                "trajectory"
            )
        return self.solvate(n_molecules)

    def coordinates(self) -> dict[str, tuple[tuple[str], NDArray[Any], dict[str, str]]]:
        """Return the atoms' properties as ``xarray.Dataset.assign_coords`` takes them.

        What is unknown of every atom (the charges of a PDB file, for one) is left out.
        """
        coordinates: dict[str, tuple[tuple[str], NDArray[Any], dict[str, str]]] = {}
        for name in _DTYPES:
            values = getattr(self, name)
            if values is None or (values.dtype.kind == "f" and np.isnan(values).all()):
                continue
            coordinates[name] = (("atom",), values, VARIABLES[name].attrs)
        return coordinates

    def to_dataset(self) -> xr.Dataset:
        """Return a Dataset with the atoms' properties as coordinates and ``bonds`` (bond, pair).

        With a force field also its terms, which have the atoms of the solute: ``angles`` (angle,
        3), ``impropers``, ``dihedrals``, ``cross_dihedrals``, ``exclusions`` and ``one_four``
        (pairs), and, for every pair of van der Waals types (``lj_name``), ``c6``, ``c12``,
        ``cs6`` and ``cs12``; ``lj_type`` (atom) counts from 0.
        """
        bonds = (("bond", "pair"), self.bonds, {"long_name": "bonded atoms, from 0"})
        dataset = xr.Dataset({"bonds": bonds}, coords=self.coordinates())
        if self.force_field is None:
            return dataset
        lj_type = self.force_field.lj_types(self.n_solvent_molecules)
        dataset = dataset.assign_coords(
            lj_type=("atom", lj_type, {"long_name": "van der Waals type, from 0"})
        )
        return dataset.assign(self.force_field.variables()).assign_coords(
            lj_name=("lj_type_1", self.force_field.type_name)
        )
