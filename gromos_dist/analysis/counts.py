"""How many atoms, residues or molecules a selection chooses in every frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.analysis.connections import box_of
from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.per_frame import (
    ChosenInFrames,
    FrameSelection,
    chosen_in_frames,
    read_only_needed,
)
from gromos_dist.analysis.residues import By, of_which
from gromos_dist.analysis.system import positions_of
from gromos_dist.mapping import Map
from gromos_dist.variables import Variable

COUNT = Variable("n_atoms", ("frame",), "i", "", "number of chosen atoms")


def _counts(
    positions: NDArray[Any],
    box: NDArray[Any] | None = None,
    *,
    chosen: NDArray[np.int64] | ChosenInFrames,
    groups: NDArray[np.int64],
) -> NDArray[np.int64]:
    if not isinstance(chosen, ChosenInFrames):
        return np.full(len(positions), len(np.unique(groups)))
    masks = chosen.masks(positions, box)[:, chosen.places]
    return np.array([len(np.unique(groups[mask])) for mask in masks], np.int64)


_COUNTS = Map(_counts, COUNT, np.int64)


@analysis(COUNT, view="time series", topic="Structure")
def n_atoms(
    ds: xr.Dataset | xr.DataArray,
    *,
    atoms: FrameSelection = None,
    by: By = "atom",
    periodic: bool = True,
) -> xr.DataArray:
    """Count the atoms that a selection chooses in every frame, or their residues or molecules.

    It is for selections by distance: how many waters a ligand has around it. They are evaluated in
    every frame, and only the atoms are read that they speak of.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm and, for nearest images, ``box``.
    atoms : str or sequence of int, optional
        The atoms, also by distance; all when None.
    by : {"atom", "residue", "molecule"}
        What is counted: atoms, or residues or molecules of which at least one atom is chosen.
    periodic : bool
        Distances are those of nearest images, where the trajectory has a box; False: of the
        coordinates as they are.

    Returns
    -------
    DataArray
        ``n_atoms`` (frame,) int64; lazy if `ds` is.

    Raises
    ------
    SelectionError
        The selection cannot be read, asks for what is not known or can choose no atom; residues or
        molecules are not known.
    ValueError
        `by` is none of these.
    FrameError
        When computed: a frame has coordinates that are not finite, or a box without volume.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import GRO, XTC
    >>> ds = gd.open_trajectory(XTC, GRO, stop=2)
    >>> gd.n_atoms(ds, atoms="name OW and within 0.35 of protein").values
    array([856, 882])

    How many waters are within 0.5 nm of the solute, as GROMOS says it::

        gromos-dist n-atoms butane.trc -t butane.top -a 's:OW and within 0.5 of 1:a' --plot n.png

    In other words, of a ligand::

        gromos-dist n-atoms md.xtc -t md.tpr -a 'water and within 0.5 of resname DRG' --by residue
    """
    positions = positions_of(ds)
    chosen = chosen_in_frames(ds, atoms)
    groups = of_which(ds, by)
    if isinstance(chosen, ChosenInFrames):
        groups = groups[chosen.atoms]
        positions, (chosen,) = read_only_needed(positions, chosen)
    else:
        # Nothing has to be read to count the same atoms in all frames.
        groups = groups[chosen]
        positions = positions.isel(atom=chosen[:1])
    box, _ = box_of(ds, periodic)
    result = _COUNTS(positions, *box, chosen=chosen, groups=groups)
    long_name = COUNT.long_name.replace("atoms", f"{by}s")
    return result.assign_attrs(long_name=long_name, periodic=len(box))
