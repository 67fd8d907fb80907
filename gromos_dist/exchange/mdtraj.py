"""Datasets from trajectories of mdtraj, and back."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.analysis.connections import numbers_of
from gromos_dist.analysis.system import positions_of
from gromos_dist.distributed import compute
from gromos_dist.exchange.contents import (
    cells_along_axes,
    chain_starts,
    names_left_out,
    topology_of,
)
from gromos_dist.io.atoms import atom_numbers, bond_coordinate
from gromos_dist.provenance import array_hash, record_of
from gromos_dist.topology import Topology
from gromos_dist.topology.mdtraj import topology_of_mdtraj
from gromos_dist.variables import VARIABLES

_TAKEN = (
    *("positions", "box", "time", "atom_name", "residue_name", "residue", "element"),
    *("chain", "segment", "molecule"),
)


def from_mdtraj(trajectory: Any) -> xr.Dataset:
    """Return a trajectory of mdtraj as a Dataset in memory.

    Parameters
    ----------
    trajectory : mdtraj Trajectory
        Whose arrays are copied. Without a topology, atoms have no names.

    Returns
    -------
    Dataset
        As `gromos_dist.open_trajectory` gives it, in nm and ps: ``positions`` in float32, ``box``
        where there is a unit cell, and the names, residues, chains, segments, elements and bonds of
        the topology. Masses are those of the elements; there are no charges. Molecules are what the
        bonds connect; where there are few, they follow from chains and residues.

    Raises
    ------
    TypeError
        This is no trajectory of mdtraj.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> import mdtraj  # doctest: +SKIP
    >>> ds = gd.from_mdtraj(mdtraj.load("md.xtc", top="md.gro"))  # doctest: +SKIP
    """
    missing = [name for name in ("xyz", "topology", "time") if not hasattr(trajectory, name)]
    if missing:
        raise TypeError(
            f"expected a trajectory of mdtraj, got {type(trajectory).__name__}, which has no "
            f"{' and no '.join(missing)}"
        )
    known = trajectory.topology is not None
    topology = topology_of_mdtraj(trajectory.topology) if known else Topology()
    positions = np.array(trajectory.xyz, np.float32)
    variables = {"positions": positions}
    if trajectory.unitcell_vectors is not None:
        variables["box"] = np.array(trajectory.unitcell_vectors, np.float64)
    n_atoms = positions.shape[1]
    coords: dict[str, Any] = {
        "xyz": ("xyz", ["x", "y", "z"]),
        "atom_number": atom_numbers(np.arange(n_atoms), n_atoms),
        **(topology.coordinates() if known else {}),
        **bond_coordinate(topology.bonds, None, n_atoms),
        "time": ("frame", np.array(trajectory.time, np.float64), dict(VARIABLES["time"].attrs)),
    }
    content = {"positions": array_hash(positions), "topology": topology}
    attrs = record_of("from_mdtraj", content, [], defaults=content).attributes
    return xr.Dataset(
        {
            name: (VARIABLES[name].dims, values, dict(VARIABLES[name].attrs))
            for name, values in variables.items()
        },
        coords,
        attrs,
    )


def to_mdtraj(ds: xr.Dataset) -> Any:
    """Return a trajectory of mdtraj with the atoms and frames of a Dataset, all in memory.

    Parameters
    ----------
    ds : Dataset
        With ``positions`` (frame, atom, xyz) in nm; what is lazy is computed.

    Returns
    -------
    mdtraj Trajectory
        In nm and ps, in single precision, with names, residues, chains, segments, elements, bonds
        and the unit cell. Chains are runs of the same chain identifier and segment; where there
        are none, molecules of several residues, and what lies between these. Truncated octahedra
        have the cell of their body-centred lattice.

    Raises
    ------
    ImportError
        mdtraj is not installed.
    ValueError
        There are no positions, or not in every frame; some frames alone have a box, or a box does
        not lie along the axes.

    Warns
    -----
    UserWarning
        mdtraj has no place for velocities, forces, charges, masses other than those of the
        elements, or whatever else the Dataset has; or it does not know an element.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> ds = gd.open_trajectory("md.xtc", "md.gro")  # doctest: +SKIP
    >>> trajectory = ds.gromos.to_mdtraj()  # doctest: +SKIP
    """
    try:
        mdtraj = import_module("mdtraj")
    except ImportError as error:
        raise ImportError(
            "to_mdtraj needs mdtraj, which is not installed: pip install 'gromos_dist[mdtraj]'"
        ) from error
    topology = topology_of(ds)
    positions_of(ds)
    made, unknown = _topology(mdtraj, topology, numbers_of(ds).of_atoms)
    loaded = compute(ds[[name for name in ("positions", "box") if name in ds]], progress=False)
    time = ds["time"].values if "time" in ds.coords else None
    trajectory = mdtraj.Trajectory(np.asarray(loaded["positions"], np.float32), made, time)
    if "box" in ds:
        cells = cells_along_axes(ds, loaded["box"].values)
        there = np.isfinite(cells).all(axis=(1, 2))
        if there.any() and not there.all():
            raise ValueError(
                f"frame {int(np.flatnonzero(~there)[0])} has no box, others have: mdtraj has one "
                "in all frames or in none"
            )
        if there.all() and len(cells):
            trajectory.unitcell_vectors = cells.astype(np.float32)
    left_out = names_left_out(ds, [*_TAKEN, "mass", "step"])
    if "mass" in ds.coords and _has_other_masses(made, topology):
        left_out.append("masses other than those of the elements")
    if left_out:
        warnings.warn(f"to_mdtraj: mdtraj has no place for {', '.join(left_out)}", stacklevel=2)
    if unknown:
        warnings.warn(
            f"to_mdtraj: {len(unknown)} atoms without an element that mdtraj knows, the first is "
            f"atom {unknown[0]}, are virtual sites there",
            stacklevel=2,
        )
    return trajectory


def _topology(mdtraj: Any, topology: Topology, numbers: NDArray[np.int64]) -> tuple[Any, list[int]]:
    """Return a topology of mdtraj, and the atoms of no element that it knows."""
    made = mdtraj.Topology()
    elements = mdtraj.element.Element
    starts_chain, starts_residue = chain_starts(topology), topology.residue_starts
    symbols = {str(symbol) for symbol in np.unique(topology.element)}
    known: dict[str, Any] = {}
    for symbol in symbols:
        try:
            known[symbol] = elements.getBySymbol(symbol)
        except KeyError:
            continue
    unknown, atoms = [], []
    chain = residue = None
    labels = [
        values.tolist() if values is not None else [""] * topology.n_atoms
        for values in (topology.chain, topology.segment)
    ]
    for i in range(topology.n_atoms):
        if starts_chain[i]:
            chain = made.add_chain(labels[0][i] or None)
        if starts_chain[i] or starts_residue[i]:
            residue = made.add_residue(
                str(topology.residue_name[i]), chain, int(topology.residue[i]), labels[1][i]
            )
        symbol = str(topology.element[i])
        if symbol not in known and topology.mass[i] != 0.0:
            unknown.append(i)
        element = known.get(symbol, mdtraj.element.virtual)
        atoms.append(
            made.add_atom(str(topology.atom_name[i]), element, residue, int(numbers[i]) + 1)
        )
    for i, j in topology.bonds.tolist():
        made.add_bond(atoms[i], atoms[j])
    return made, unknown


def _has_other_masses(made: Any, topology: Topology) -> bool:
    masses = np.array([atom.element.mass for atom in made.atoms])
    return bool((np.abs(masses - topology.mass) > 0.02).any())
