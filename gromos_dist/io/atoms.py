"""What a Dataset says of its atoms: their properties, their numbers in the file, their bonds."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gromos_dist.io.source import Source
from gromos_dist.topology import Topology, guess_bonds
from gromos_dist.topology.connectivity import molecules_of_bonds
from gromos_dist.variables import VARIABLES

GuessBonds = Literal["auto", False]

ATOMS_IN_FILE = "atoms_in_file"
"""The attribute of ``atom_number`` that says how many atoms the file has."""


def atom_numbers(numbers: NDArray[np.int64], n_atoms: int) -> tuple[Any, ...]:
    """Return the coordinate ``atom_number`` for atoms of a file of `n_atoms`."""
    attrs = {**VARIABLES["atom_number"].attrs, ATOMS_IN_FILE: n_atoms}
    return ("atom", np.asarray(numbers, np.int64), attrs)


def bond_coordinate(
    bonds: NDArray[np.int64], numbers: NDArray[np.int64] | None, n_atoms: int
) -> dict[str, Any]:
    """Return the coordinate ``bonds``: those of the molecules that have one of these atoms."""
    if numbers is not None and len(bonds):
        molecule = molecules_of_bonds(bonds, n_atoms)
        is_read = np.isin(molecule, molecule[numbers])
        bonds = bonds[is_read[bonds[:, 0]]]
    if not len(bonds):
        return {}
    dims = VARIABLES["bonds"].dims
    return {"bonds": (dims, np.asarray(bonds, np.int64), dict(VARIABLES["bonds"].attrs))}


def with_guessed_bonds(topology: Topology, source: Source, guess: GuessBonds) -> Topology:
    """Return a topology with bonds guessed in the first frame of `source`, if they are wanted.

    Raises
    ------
    ValueError
        `guess` is neither "auto" nor False.
    """
    check_guess_bonds(guess)
    if not guess:
        return topology
    if not source.n_frames or "positions" not in source.fields:
        return guess_bonds(topology)
    fields = [name for name in ("positions", "box") if name in source.fields]
    frame = source.read(fields, 0, 1)
    box = frame["box"][0] if "box" in frame else None
    return guess_bonds(topology, frame["positions"][0], box)


def check_guess_bonds(guess: GuessBonds) -> None:
    """Raise a ValueError for what is no value of `guess_bonds`."""
    if guess not in ("auto", False):
        raise ValueError(f"guess_bonds: expected 'auto' or False, got {guess!r}")
