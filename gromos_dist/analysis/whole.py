"""Making molecules whole that the periodic box has broken."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist import kernels
from gromos_dist.analysis.inputs import derived_history, positions_of
from gromos_dist.io.graphs import atoms_of
from gromos_dist.io.presence import require_in_all_frames
from gromos_dist.kernels.boxes import octahedron_vectors
from gromos_dist.mapping import FrameMap, map_frames
from gromos_dist.topology import Topology, load_topology
from gromos_dist.topology.connectivity import links_along_bonds


def _whole_in_octahedra(
    positions: NDArray[Any], cubes: NDArray[Any], links: NDArray[np.int64]
) -> NDArray[Any]:
    """`kernels.make_whole` in the truncated octahedra that are cut from cubes."""
    return kernels.make_whole(positions, octahedron_vectors(cubes), links)


_WHOLE = FrameMap(kernels.make_whole, "positions", dtype=None)
_WHOLE_IN_OCTAHEDRA = FrameMap(_whole_in_octahedra, "positions", dtype=None)


def make_whole(ds: xr.Dataset, topology: Topology | str | os.PathLike[str]) -> xr.Dataset:
    """Put molecules together that lie on several sides of the periodic box.

    Programs that simulate keep every atom inside the box and so break molecules. RMSD, radius of
    gyration and centres need them whole. Atoms are moved by box vectors, along the bonds; the
    first atom of each molecule stays where it is (gromos++'s gather method gbond).

    Parameters
    ----------
    ds : Dataset
        With ``positions`` (frame, atom, xyz) and ``box`` (frame, box_vector, xyz) in nm. Where
        ``box.attrs["shape"]`` is "truncated octahedron", as in GROMOS files of that kind, the box
        holds the edges of the cube and atoms are moved by the lattice vectors of the octahedra.
    topology : Topology or path
        Where the bonds come from: a GROMOS topology or PSF.

    Returns
    -------
    Dataset
        `ds` with whole molecules, lazy if `ds` is; ``attrs["molecules"]`` is "whole".

    Raises
    ------
    ValueError
        There is no box, there are no bonds, or atoms are missing between those of `ds`.
    TopologyError
        Topology and trajectory have different numbers of atoms.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD_TRICLINIC, PSF_TRICLINIC
    >>> ds = gd.make_whole(gd.open_trajectory(DCD_TRICLINIC), PSF_TRICLINIC)
    >>> ds.attrs["molecules"]
    'whole'
    """
    positions = positions_of(ds)
    if "box" not in ds:
        raise ValueError("make_whole needs the box, and this trajectory has none")
    require_in_all_frames(ds, "box")
    loaded = topology if isinstance(topology, Topology) else load_topology(Path(topology))
    bonds = _bonds_within(loaded, positions)
    parameters = {"bonds": bonds}
    history = derived_history(positions, "make_whole", parameters)
    links = links_along_bonds(bonds, positions.sizes["atom"])
    is_octahedron = ds["box"].attrs.get("shape") == "truncated octahedron"
    record = _WHOLE_IN_OCTAHEDRA if is_octahedron else _WHOLE
    whole = map_frames(record, positions, ds["box"], history=history, links=links)
    return ds.assign(positions=whole).assign_attrs(history=history, molecules="whole")


def _bonds_within(topology: Topology, positions: xr.DataArray) -> NDArray[np.int64]:
    """Return the bonds between the atoms that are read, as indices into these."""
    n_atoms, chosen = atoms_of(positions.data) or (positions.sizes["atom"], None)
    topology = topology.with_n_atoms(n_atoms)
    if chosen is None:
        chosen = np.arange(n_atoms)
    place = np.full(topology.n_atoms, -1, np.int64)
    place[chosen] = np.arange(len(chosen))
    bonds = place[topology.bonds]
    within = bonds[(bonds >= 0).all(axis=1)]
    # As many links as in the whole molecules less those of atoms that are not read: a tree of n
    # atoms has n - 1.
    molecules = topology.molecule[chosen]
    if len(links_along_bonds(within, len(chosen))) != len(chosen) - len(np.unique(molecules)):
        raise ValueError(
            "make_whole: the atoms that are read are not connected by bonds (some between them "
            "are left out, or the topology has no bonds); read whole molecules, then select"
        )
    return np.ascontiguousarray(within)
