"""Which atoms of a Dataset are bonded, and the box that they lie in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.errors import TopologyError
from gromos_dist.io.atoms import ATOMS_IN_FILE, atom_numbers, bond_coordinate
from gromos_dist.io.graphs import chosen_atoms, source_of, values_of
from gromos_dist.kernels.boxes import lattice_vectors
from gromos_dist.topology import Topology
from gromos_dist.topology.connectivity import places_of_bonds

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class Numbers(NamedTuple):
    """Which atoms of a file a Dataset has."""

    of_atoms: Integers
    """The number in the file of each atom of the Dataset, from 0."""
    n_in_file: int

    @property
    def are_all(self) -> bool:
        """Whether the Dataset has all atoms of the file, in order."""
        n_atoms = len(self.of_atoms)
        return n_atoms == self.n_in_file and np.array_equal(self.of_atoms, np.arange(n_atoms))

    def places(self, bonds: Integers) -> Integers:
        """Return those bonds whose atoms the Dataset has, as places in it.

        Raises
        ------
        ValueError
            An atom is there twice.
        """
        return places_of_bonds(bonds, self.of_atoms)


def numbers_of(data: xr.Dataset | xr.DataArray) -> Numbers:
    """Return which atoms of the file these are; all if nothing says otherwise.

    That is said by the coordinate ``atom_number``, or without it by what an array reads.
    """
    if "atom_number" not in data.coords:
        positions = data["positions"] if isinstance(data, xr.Dataset) else data
        n_atoms = data.sizes["atom"]
        n_in_file, chosen = chosen_atoms(positions.data) or (n_atoms, None)
        return Numbers(np.arange(n_atoms) if chosen is None else chosen, n_in_file)
    numbers = np.asarray(data["atom_number"].values, np.int64)
    n_in_file = int(data["atom_number"].attrs.get(ATOMS_IN_FILE, 0))
    return Numbers(numbers, max(n_in_file, int(numbers.max(initial=-1)) + 1))


def bonds_of(data: xr.Dataset | xr.DataArray) -> Integers:
    """Return the bonds that a Dataset knows, between numbers of atoms in the file."""
    if not isinstance(data, xr.Dataset) or "bonds" not in data:
        return np.empty((0, 2), np.int64)
    return np.asarray(data["bonds"].values, np.int64).reshape(-1, 2)


def atoms_of(data: xr.DataArray) -> Topology:
    """Return the atoms of a Dataset as a topology without bonds."""
    n_atoms = data.sizes["atom"]

    def values(name: str, unknown: Any, dtype: Any) -> NDArray[Any]:
        if name not in data.coords:
            return np.full(n_atoms, unknown, dtype)
        return np.asarray(data[name].values, dtype)

    return Topology(
        atom_name=values("atom_name", "", np.str_),
        residue_name=values("residue_name", "", np.str_),
        residue=values("residue", 1, np.int64),
        molecule=values("molecule", 1, np.int64),
        element=values("element", "", np.str_),
        mass=values("mass", np.nan, np.float64),
        charge=values("charge", np.nan, np.float64),
        chain=values("chain", "", np.str_),
        segment=values("segment", "", np.str_),
        insertion_code=values("insertion_code", "", np.str_),
    )


def lattice_of(data: xr.Dataset | xr.DataArray, frame: int) -> Floats | None:
    """Return the lattice vectors of one frame, rows, in nm; None where there is no box."""
    boxes, octahedra = box_of(data)
    if not boxes or not data.sizes["frame"]:
        return None
    box = np.asarray(one_frame(boxes[0], frame), np.float64)
    if not np.isfinite(box).all() or not box.any():
        return None
    return lattice_vectors(box, octahedra)


def box_of(
    data: xr.Dataset | xr.DataArray, periodic: bool = True
) -> tuple[tuple[xr.DataArray, ...], bool]:
    """Return what a record is given of the box, and whether octahedra are cut from it.

    That is the box where images count (`periodic`) and there is one, else nothing.
    """
    if not (periodic and isinstance(data, xr.Dataset) and "box" in data):
        return (), False
    return (data["box"],), is_octahedron(data)


def is_octahedron(data: xr.Dataset) -> bool:
    """Say whether the box of a Dataset is the cube that truncated octahedra are cut from."""
    return bool(data["box"].attrs.get("shape") == "truncated octahedron")


def one_frame(array: xr.DataArray, frame: int) -> NDArray[Any]:
    """Return one frame in memory."""
    values: NDArray[Any] = values_of(array.isel(frame=slice(frame, frame + 1)).data)[0]
    return values


def reads_single_frames(array: xr.DataArray) -> bool:
    """Say whether one frame can be had without computing the chunk around it."""
    return isinstance(array.data, np.ndarray) or source_of(array.data) is not None


def topology_of_file(topology: Topology, data: xr.Dataset) -> tuple[Topology, Numbers]:
    """Return the topology of the whole file that `data` has atoms of, and which these are.

    Raises
    ------
    TopologyError
        It is not that of so many atoms.
    """
    if "atom_number" not in data.coords:
        topology = topology.with_n_atoms(data.sizes["atom"])
        return topology, Numbers(np.arange(topology.n_atoms), topology.n_atoms)
    numbers = numbers_of(data)
    return topology.with_n_atoms(numbers.n_in_file), numbers


def some_atoms(topology: Topology, numbers: Numbers) -> Topology:
    """Return some atoms of a topology, without bonds."""
    chosen = numbers.of_atoms
    columns = (
        *("atom_name", "residue_name", "residue", "molecule", "element", "mass", "charge"),
        *("chain", "segment", "insertion_code"),
    )
    known = {name: getattr(topology, name) for name in columns}
    return Topology(
        **{name: values[chosen] for name, values in known.items() if values is not None},
        bond_origin=topology.bond_origin,
    )


def topology_of_atoms(topology: Topology, data: xr.Dataset) -> Topology:
    """Return the topology of the atoms of `data`, given that of their whole file, or of them.

    Raises
    ------
    TopologyError
        It is neither.
    """
    whole, numbers = _of_file_or_atoms(topology, data)
    if numbers.are_all:
        return whole
    return replace(some_atoms(whole, numbers), bonds=numbers.places(whole.bonds))


def labelled_by(topology: Topology, data: xr.Dataset) -> xr.Dataset:
    """Return data whose atoms have the names, masses, ... and bonds of a topology.

    Raises
    ------
    TopologyError
        As `topology_of_atoms`.
    """
    whole, numbers = _of_file_or_atoms(topology, data)
    coords = {
        **(whole if numbers.are_all else some_atoms(whole, numbers)).coordinates(),
        **bond_coordinate(whole.bonds, numbers.of_atoms, numbers.n_in_file),
        "atom_number": atom_numbers(numbers.of_atoms, numbers.n_in_file),
    }
    return data.drop_vars("bonds", errors="ignore").assign_coords(coords)


def _of_file_or_atoms(topology: Topology, data: xr.Dataset) -> tuple[Topology, Numbers]:
    try:
        return topology_of_file(topology, data)
    except TopologyError:
        if topology.n_atoms != data.sizes["atom"]:
            raise
        return topology, Numbers(np.arange(topology.n_atoms), topology.n_atoms)
