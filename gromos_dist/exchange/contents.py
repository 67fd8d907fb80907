"""What a Dataset has that another program is given: atoms, residues, chains, bonds, boxes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.analysis.connections import atoms_of, bonds_of, is_octahedron, numbers_of
from gromos_dist.kernels.boxes import octahedron_vectors, without_box
from gromos_dist.topology import Topology
from gromos_dist.topology.connectivity import starts_of_runs
from gromos_dist.variables import VARIABLES, validate

Floats = NDArray[np.float64]

# Programs that know lengths and angles have single precision.
_TILT = 1e-5


def topology_of(ds: xr.Dataset) -> Topology:
    """Return the atoms of a Dataset with the bonds between them.

    Raises
    ------
    TypeError
        It is no Dataset.
    ValueError
        It has no positions, or no atoms.
    """
    if not isinstance(ds, xr.Dataset):
        raise TypeError(f"expected a trajectory, a Dataset, got {type(ds).__name__}")
    if "positions" not in ds:
        raise ValueError(f"the Dataset has no positions, only {list(ds)}")
    validate(ds["positions"], "positions")
    if not ds.sizes["atom"]:
        raise ValueError("the Dataset has no atoms")
    bonds = numbers_of(ds).places(bonds_of(ds))
    return replace(atoms_of(ds["positions"]), bonds=bonds)


def chain_starts(topology: Topology) -> NDArray[np.bool_]:
    """Return where chains begin, shape (atoms,).

    They are runs of the same chain identifier and segment; where nothing tells these, molecules of
    several residues, and what lies between such molecules.
    """
    labels = [values for values in (topology.chain, topology.segment) if values is not None]
    if any((values != "").any() for values in labels):
        return starts_of_runs(*labels)
    of_molecules = starts_of_runs(topology.molecule)
    which = np.cumsum(of_molecules) - 1
    n_residues = np.bincount(which, topology.residue_starts)
    is_large = n_residues[which] > 1
    return starts_of_runs(np.where(is_large, which + 1, 0))


def cells_along_axes(ds: xr.Dataset, boxes: NDArray[Any], first_frame: int = 0) -> Floats:
    """Return box vectors of which the first lies along x and the second in the plane of x and y.

    So they are told by their lengths and angles. Those of truncated octahedra are vectors of their
    body-centred lattice: two edges of the cube, and the way from its corner to its centre.

    Parameters
    ----------
    ds : Dataset
        Whose boxes these are.
    boxes : (frame, 3, 3) array
        In nm; rows are the box vectors, NaN or zeros where there is no box.
    first_frame : int
        The number of the first, for messages.

    Returns
    -------
    (frame, 3, 3) array of float64
        In nm; NaN where there is no box.

    Raises
    ------
    ValueError
        Other vectors, whose orientation lengths and angles do not tell.
    """
    vectors = np.array(boxes, np.float64)
    missing = without_box(vectors)
    vectors[missing] = np.nan
    if is_octahedron(ds):
        octahedron_vectors(vectors)
        edges = vectors[:, 0, 0, np.newaxis, np.newaxis]
        cells: Floats = edges * np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.5, 0.5]])
        return cells
    sizes = np.abs(vectors).max(axis=(1, 2))
    tilts = np.abs(vectors[:, [0, 0, 1], [1, 2, 2]]).max(axis=1)
    diagonal = np.diagonal(vectors, axis1=1, axis2=2)
    wrong = np.flatnonzero(~missing & ((tilts > _TILT * sizes) | (diagonal <= 0.0).any(axis=1)))
    if wrong.size:
        frame = int(wrong[0])
        raise ValueError(
            f"frame {first_frame + frame}: the box vectors {vectors[frame].tolist()} (nm) do not "
            "lie along x and in the plane of x and y, and lengths and angles tell no other "
            "orientation: rotate box and positions, or leave the box out: ds.drop_vars('box')"
        )
    return vectors


def names_left_out(ds: xr.Dataset, taken: Collection[str]) -> list[str]:
    """Return the variables of a Dataset, of frames and of atoms, that another program has not."""
    known = {*taken, "atom_number", "bonds", "xyz"}
    return [
        str(name)
        for name, variable in ds.variables.items()
        if name not in known
        and name not in ds.dims
        and (name in VARIABLES or {"frame", "atom"} & set(variable.dims))
    ]
