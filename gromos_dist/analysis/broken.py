"""A look at the molecules that are measured: whole, or broken by the periodic box."""

from __future__ import annotations

import warnings
import weakref
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from gromos_dist.analysis.connections import (
    bonds_of,
    lattice_of,
    numbers_of,
    one_frame,
    reads_single_frames,
)
from gromos_dist.errors import BrokenMoleculesWarning
from gromos_dist.topology.lattice import nearest_images, reduced_vectors
from gromos_dist.topology.residue_kinds import RESIDUE_LABELS, residue_starts

Integers = NDArray[np.int64]
Indices = Integers | None
Floats = NDArray[np.float64]

# No bond is longer, not even between coarse grains.
_LONGEST_BOND = 0.5
# Atoms that follow each other in a residue, or in neighbouring ones of a chain, are not as far
# apart if some are left out: alpha carbons 0.38 nm, phosphorus 0.7 nm.
_LONGEST_STEP = 0.75
# Where more of a residue's atoms are farther from the next, it is several molecules: files are
# that call everything residue 1. The two tails of a lipid make one such step in fifty.
_MOST_LONG_STEPS = 0.1


# What tells which atoms are neighbours.
_KNOWN_BY = (*RESIDUE_LABELS, "atom_name", "atom_number", "bonds")
_looked_at: deque[tuple[Any, list[weakref.ref[NDArray[Any]]], str]] = deque(maxlen=8)


class Neighbours(NamedTuple):
    """Pairs of atoms that are near each other in whole molecules."""

    pairs: Integers
    reach: Floats
    """How far apart they can be, in nm."""
    residue: Integers
    """The residue that both are of, if that is all that tells that they are near; -1 for others."""


def warn_of_broken_molecules(
    call: str, data: xr.Dataset | xr.DataArray, *sets: Indices, stacklevel: int = 2
) -> None:
    """Warn if the box has broken the molecules that are to be measured.

    Looked at are the first, the middle and the last frame of `data` (of a Dask array that is not
    read from files, for which whole chunks are computed, the first), where its box and bonds are
    known and nothing says that its molecules are whole. Two atoms that are
    bonded, directly or by a few atoms that are not measured, or, where no bonds are known, that
    follow each other in a residue or in neighbouring residues of a molecule, are torn apart when
    they are farther from each other than half the shortest lattice vector and than bonds can reach,
    and an image of one is near the other.

    This is done when an analysis is called, not when it is computed: a task's warning reaches
    nobody on a cluster. A frame that cannot be read is left to the computation, which names it;
    where an atom is there twice or the box is none, nothing can be told.

    Parameters
    ----------
    call : str
        The analysis.
    data : Dataset or DataArray
        What it was given.
    *sets : indices
        The atoms it measures; None stands for all.
    stacklevel : int
        Of the warning: 2 is who has called this function.
    """
    if not isinstance(data, xr.Dataset) or "positions" not in data or "box" not in data:
        return
    try:
        said = _looked_at_once(data, sets)
    except (OSError, ValueError):
        return
    if said:
        warnings.warn(f"{call}: {said}", BrokenMoleculesWarning, stacklevel=stacklevel)


def _looked_at_once(data: xr.Dataset, sets: Sequence[Indices]) -> str:
    """Return what is broken; what several analyses of one trajectory ask is looked at once."""
    positions, box = data["positions"].data, data["box"].data
    if isinstance(positions, np.ndarray) or isinstance(box, np.ndarray):
        return _what_is_broken(data, sets, _frames_of(data))
    # The names of Dask's arrays tell their content.
    chosen = [None if indices is None else indices.tobytes() for indices in sets]
    state = (data.attrs.get("molecules"), data["box"].attrs.get("shape"))
    asked = (positions.name, box.name, state, chosen)
    columns = [data[name].values for name in _KNOWN_BY if name in data.variables]
    for known, same, said in tuple(_looked_at):
        is_same = known == asked and len(same) == len(columns)
        if is_same and all(one() is other for one, other in zip(same, columns, strict=True)):
            return said
    said = _what_is_broken(data, sets, _frames_of(data))
    _looked_at.append((asked, [weakref.ref(column) for column in columns], said))
    return said


def warn_of_a_broken_reference(
    what: str,
    reference: xr.Dataset,
    positions: Floats,
    data: xr.DataArray,
    *sets: Indices,
    stacklevel: int,
) -> None:
    """Warn if the box has broken the molecules of a reference.

    Parameters
    ----------
    what : str
        How the message calls it.
    reference : Dataset
        Of one frame or more, the first of which is meant, and its box.
    positions : array
        Its positions, shape (atom, xyz), in the order of `data`.
    data : DataArray
        The trajectory's positions, which know the bonds.
    *sets : indices
        The atoms that are measured; None stands for all.
    stacklevel : int
        Of the warning.
    """
    if reference.attrs.get("molecules") == "whole":
        return
    if "frame" not in reference.dims:
        reference = reference.expand_dims("frame")
    try:
        box = lattice_of(reference, 0)
        said = "" if box is None else _what_is_broken(data, sets, [(what, positions, box)])
    except (OSError, ValueError):
        return
    if said:
        warnings.warn(said, BrokenMoleculesWarning, stacklevel=stacklevel)


def _what_is_broken(
    data: xr.Dataset | xr.DataArray,
    sets: Sequence[Indices],
    looked_at: Sequence[tuple[str, Floats, Floats]],
) -> str:
    """Return what to say of the first frame with broken molecules; nothing if there is none."""
    if not looked_at:
        return ""
    neighbours = neighbours_of(data, _union(data.sizes["atom"], sets))
    for what, positions, box in looked_at:
        torn = torn_pairs(positions, box, neighbours)
        if len(torn):
            return _message(what, data, torn, positions)
    return ""


def _frames_of(data: xr.Dataset) -> list[tuple[str, Floats, Floats]]:
    """Return the frames to look at, with their boxes."""
    if "box" not in data or data.attrs.get("molecules") == "whole":
        return []
    n_frames = data.sizes["frame"]
    places = {0, n_frames // 2, n_frames - 1} if reads_single_frames(data["positions"]) else {0}
    found = []
    for frame in sorted(places) if n_frames else ():
        box = lattice_of(data, frame)
        if box is not None:
            positions = np.asarray(one_frame(data["positions"], frame), np.float64)
            found.append((f"frame {frame}", positions, box))
    return found


def _union(n_atoms: int, sets: Sequence[Indices]) -> Integers:
    if any(indices is None for indices in sets) or not sets:
        return np.arange(n_atoms)
    chosen: Integers = np.unique(np.concatenate([some for some in sets if some is not None]))
    return chosen


def neighbours_of(data: xr.Dataset | xr.DataArray, chosen: Integers) -> Neighbours:
    """Return pairs of chosen atoms that are near each other in a whole molecule."""
    pairs, reach = _along_bonds(data, chosen)
    if "residue" not in data.coords:
        return Neighbours(pairs, reach, np.full(len(pairs), -1))
    has_bonds = np.zeros(data.sizes["atom"], bool)
    has_bonds[pairs] = True
    labels = {
        name: np.asarray(data[name].values)[chosen]
        for name in RESIDUE_LABELS
        if name in data.coords
    }
    starts = residue_starts(labels.get)
    residue = np.where(starts[1:], -1, np.cumsum(starts)[1:])
    joined = ~starts[1:]
    if "molecule" in labels:
        # Molecules of atoms without bonds are told by chains and names of residues.
        joined |= (np.diff(labels["molecule"]) == 0) & (np.diff(labels["residue"]) == 1)
    joined &= ~(has_bonds[chosen[1:]] & has_bonds[chosen[:-1]])
    steps = np.stack([chosen[:-1], chosen[1:]], axis=1)[joined]
    return Neighbours(
        np.concatenate([pairs, steps]),
        np.append(reach, np.full(len(steps), _LONGEST_STEP)),
        np.append(np.full(len(pairs), -1), residue[joined]),
    )


def _along_bonds(data: xr.Dataset | xr.DataArray, chosen: Integers) -> tuple[Integers, Floats]:
    """Return pairs of chosen atoms that bonds connect with no chosen atom between."""
    bonds = bonds_of(data)
    if not len(bonds):
        return np.empty((0, 2), np.int64), np.empty(0)
    numbers = numbers_of(data)
    if len(chosen) == numbers.n_in_file:
        return numbers.places(bonds), np.full(len(bonds), _LONGEST_BOND)
    n_atoms = numbers.n_in_file
    graph = coo_array((np.ones(len(bonds)), (bonds[:, 0], bonds[:, 1])), shape=(n_atoms, n_atoms))
    steps, _, nearest = dijkstra(
        *(graph.tocsr(),),
        directed=False,
        indices=numbers.of_atoms[chosen],
        unweighted=True,
        min_only=True,
        return_predecessors=True,
    )
    ends = nearest[bonds]
    between = (ends[:, 0] != ends[:, 1]) & (ends >= 0).all(axis=1)
    reach = _LONGEST_BOND * (1.0 + steps[bonds[between]].sum(axis=1))
    return numbers.places(ends[between].astype(np.int64)), reach


def torn_pairs(positions: Floats, box: Floats, neighbours: Neighbours) -> Integers:
    """Return those neighbours that are torn apart."""
    pairs, reach, residue = neighbours
    differences = positions[pairs[:, 1]] - positions[pairs[:, 0]]
    length = np.sqrt(np.einsum("ij,ij->i", differences, differences))
    half = 0.5 * np.linalg.norm(reduced_vectors(box)[0])
    far = np.flatnonzero((length > half) & (length > reach))
    nearest = np.linalg.norm(nearest_images(differences[far], box), axis=1)
    # Whether a residue is one molecule, its other steps tell.
    steps = np.isin(residue, np.unique(residue[far])) & (residue >= 0)
    apart = np.linalg.norm(nearest_images(differences[steps], box), axis=1) > reach[steps]
    count, long = (np.bincount(residue[steps], some) for some in (np.ones(len(apart)), apart))
    several = np.flatnonzero(long > _MOST_LONG_STEPS * count)
    torn: Integers = pairs[
        far[
            (nearest < reach[far])
            & (nearest < length[far] - 1e-3)
            & ~np.isin(residue[far], several)
        ]
    ]
    return torn


def _message(
    what: str,
    data: xr.Dataset | xr.DataArray,
    torn: Integers,
    positions: Floats,
) -> str:
    one, other = torn[0].tolist()
    apart = np.linalg.norm(positions[other] - positions[one])
    names = " and ".join(_named(data, atom) for atom in (one, other))
    return (
        f"the periodic box has broken molecules: in {what}, {names} are neighbours and lie "
        f"{apart:.3g} nm apart ({len(torn)} such pairs), so that the numbers mean little. Put the "
        "molecules together first: gd.make_whole(ds), which guesses bonds where none are known; on "
        'the command line --whole. (attrs["molecules"] = "whole" says that they are.)'
    )


def _named(data: xr.Dataset | xr.DataArray, atom: int) -> str:
    columns = [name for name in ("residue_name", "residue", "atom_name") if name in data.coords]
    name = " ".join(str(data[name].values[atom]) for name in columns)
    return f"atom {atom} ({name})" if name else f"atom {atom}"
