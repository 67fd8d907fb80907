"""A Dataset as a Universe of MDAnalysis."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.exchange.contents import names_left_out, topology_of
from gromos_dist.topology import Topology

# Attributes of a Universe's atoms, and of its residues, by our names.
_OF_ATOMS = {
    "atom_name": "names",
    "element": "elements",
    "mass": "masses",
    "charge": "charges",
    "chain": "chainIDs",
}
_OF_RESIDUES = {"residue_name": "resnames", "residue": "resids", "insertion_code": "icodes"}
_OTHERS = ("molecule", "segment")


def to_mdanalysis(ds: xr.Dataset) -> Any:
    """Return a Universe of MDAnalysis with the atoms and frames of a Dataset.

    Frames are read from the Dataset when the Universe comes to them, some megabytes at a time, so
    that a trajectory of any size can be handed over, and what is lazy (whole molecules, superposed
    frames) is computed then.

    Parameters
    ----------
    ds : Dataset
        With ``positions`` (frame, atom, xyz) in nm.

    Returns
    -------
    MDAnalysis Universe
        In Å and ps, with the names, residues, chains, segments, molecules, elements, masses,
        charges and bonds that the Dataset has; ``ids`` are the numbers of the atoms in their file,
        from 1. Frames have positions, velocities (Å ps-1), forces (kJ mol-1 Å-1) and box, in single
        precision; what else the Dataset has of a frame stands in ``ts.data``. Truncated octahedra
        have the box of their body-centred lattice. ``universe.trajectory.dataset`` is the Dataset.

    Raises
    ------
    ImportError
        MDAnalysis is not installed.
    ValueError
        There are no positions; or, when a frame is read, the box does not lie along the axes.

    Warns
    -----
    UserWarning
        A Universe has no place for what the Dataset knows of its atoms: charge groups, for one.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.open_trajectory(DCD, PSF, atoms="name CA")
    >>> universe = ds.gromos.to_mdanalysis()
    >>> universe.select_atoms("resname LYS").n_atoms, universe.trajectory.n_frames
    (18, 98)
    """
    try:
        mdanalysis = import_module("MDAnalysis")
    except ImportError as error:
        raise ImportError(
            "to_mdanalysis needs MDAnalysis, which is not installed: "
            "pip install 'gromos_dist[mdanalysis]'"
        ) from error
    reader = import_module("gromos_dist.exchange.dataset_reader")
    topology = topology_of(ds)
    starts = topology.residue_starts
    first = np.flatnonzero(starts)
    segments, of_residues = _segments(topology, first)
    universe = mdanalysis.Universe.empty(
        topology.n_atoms,
        n_residues=len(first),
        n_segments=len(segments),
        atom_resindex=np.cumsum(starts) - 1,
        residue_segindex=of_residues,
        trajectory=False,
    )
    universe.add_TopologyAttr("segids", segments)
    for name, attribute in _OF_ATOMS.items():
        if name in ds.coords:
            universe.add_TopologyAttr(attribute, _plain(getattr(topology, name)))
    if "element" in ds.coords:
        universe.add_TopologyAttr("types", _plain(topology.element))
    for name, attribute in _OF_RESIDUES.items():
        if name in ds.coords:
            universe.add_TopologyAttr(attribute, _plain(getattr(topology, name)[first]))
    if "molecule" in ds.coords:
        numbers = np.unique(topology.molecule[first], return_inverse=True)[1]
        universe.add_TopologyAttr("molnums", numbers)
    if "atom_number" in ds.coords:
        universe.add_TopologyAttr("ids", ds["atom_number"].values + 1)
    if len(topology.bonds):
        universe.add_TopologyAttr("bonds", [tuple(bond) for bond in topology.bonds.tolist()])
    universe.trajectory = reader.DatasetReader(ds)
    of_frames = [str(name) for name, v in ds.variables.items() if v.dims[:1] == ("frame",)]
    left_out = names_left_out(ds, [*_OF_ATOMS, *_OF_RESIDUES, *_OTHERS, *of_frames])
    if left_out:
        warnings.warn(
            f"to_mdanalysis: a Universe has no place for {', '.join(left_out)}", stacklevel=2
        )
    return universe


def _segments(topology: Topology, first: NDArray[np.int64]) -> tuple[Any, NDArray[np.int64]]:
    """Return the names of segments, in their order, and which one each residue is of."""
    for labels in (topology.segment, topology.chain):
        if labels is not None and (labels != "").any():
            names, places, which = np.unique(labels[first], return_index=True, return_inverse=True)
            order = np.argsort(places)
            rank = np.argsort(order)
            return _plain(names[order]), rank[which]
    return _plain(np.array(["SYSTEM"])), np.zeros(len(first), np.int64)


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Return text as the objects that MDAnalysis has, numbers as they are."""
    return values.astype(object) if values.dtype.kind == "U" else values.copy()
