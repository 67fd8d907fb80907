"""What selections can ask of atoms, be they those of a Topology, a Dataset or an array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.errors import SelectionError
from gromos_dist.topology import Topology
from gromos_dist.topology.connectivity import places_of_bonds
from gromos_dist.topology.residue_kinds import residue_starts

Atoms = Topology | xr.Dataset | xr.DataArray
Mask = NDArray[np.bool_]

# Property -> the coordinate of atoms that it is; `index` is none, but the place.
TEXTS: Final = {
    "name": "atom_name",
    "resname": "residue_name",
    "element": "element",
    "chain": "chain",
    "segid": "segment",
}
INTEGERS: Final = {"resid": "residue", "molecule": "molecule", "index": "index"}
REALS: Final = {"mass": "mass", "charge": "charge"}
PROPERTIES: Final = {**TEXTS, **INTEGERS, **REALS}
"""What is known of atoms, and the coordinate of the Dataset that holds it."""


@dataclass(frozen=True, eq=False)
class KnownAtoms:
    """Atoms, and what is known of them.

    Raises
    ------
    SelectionError
        An xarray object has no dimension ``atom``.
    """

    atoms: Atoms

    def __post_init__(self) -> None:
        if not isinstance(self.atoms, Topology) and "atom" not in self.atoms.sizes:
            raise SelectionError(f"there is no dimension 'atom', only {tuple(self.atoms.sizes)}")

    @property
    def n_atoms(self) -> int:
        """How many there are."""
        if isinstance(self.atoms, Topology):
            return self.atoms.n_atoms
        return int(self.atoms.sizes["atom"])

    @property
    def is_dataset(self) -> bool:
        """Whether the atoms are those of an xarray object, of which some may have been left out."""
        return not isinstance(self.atoms, Topology)

    def coordinate(self, name: str) -> NDArray[Any] | None:
        """Return a coordinate of the atoms, shape (atoms,); None where it is not known."""
        if isinstance(self.atoms, Topology):
            values = getattr(self.atoms, name)
            return None if values is None else np.asarray(values)
        if name not in self.atoms.coords:
            return None
        return np.asarray(self.atoms.coords[name].values)

    def property(self, name: str) -> NDArray[Any] | None:
        """Return one of `PROPERTIES`, shape (atoms,); None where it is not known."""
        return np.arange(self.n_atoms) if name == "index" else self.coordinate(PROPERTIES[name])

    def residue_starts(self) -> Mask:
        """Return where residues begin, shape (atoms,); their names or numbers are known."""
        return residue_starts(self.coordinate)

    def bonds(self) -> NDArray[np.int64] | None:
        """Return the bonds between these atoms, as places; None where none are known.

        Raises
        ------
        ValueError
            An atom is there twice.
        """
        if isinstance(self.atoms, Topology):
            return self.atoms.bonds if len(self.atoms.bonds) else None
        if not isinstance(self.atoms, xr.Dataset) or "bonds" not in self.atoms:
            return None
        bonds = np.asarray(self.atoms["bonds"].values, np.int64).reshape(-1, 2)
        numbers = self.coordinate("atom_number")
        return places_of_bonds(bonds, np.arange(self.n_atoms) if numbers is None else numbers)
