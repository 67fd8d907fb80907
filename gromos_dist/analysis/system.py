"""What analyses take from a Dataset: positions, atoms, masses, a reference."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.analysis.broken import Indices, warn_of_a_broken_reference
from gromos_dist.analysis.connections import numbers_of
from gromos_dist.analysis.labels import places_of_atoms
from gromos_dist.errors import SelectionError
from gromos_dist.io.graphs import as_read, source_of, values_of
from gromos_dist.io.presence import require_in_all_frames
from gromos_dist.io.trajectory import open_trajectory
from gromos_dist.selection import Selection, resolve
from gromos_dist.variables import validate

# Who has called the analysis that asks for a reference: whom a warning tells.
_CALLER = 5

Reference = int | str | os.PathLike[str] | xr.Dataset | xr.DataArray | NDArray[Any]


def positions_of(data: xr.Dataset | xr.DataArray) -> xr.DataArray:
    """Return the positions of a Dataset, or the array itself, validated.

    Raises
    ------
    TypeError
        It is neither.
    ValueError
        There are none, or not in every frame, or of no atom, or their dims or dtype are not those
        of positions.
    """
    if not isinstance(data, xr.Dataset | xr.DataArray):
        raise TypeError(
            f"expected a trajectory, a Dataset, got {type(data).__name__}; open_trajectory(path) "
            "gives one"
        )
    if isinstance(data, xr.Dataset):
        if "positions" not in data:
            raise ValueError(f"the Dataset has no positions, only {list(data)}")
        data = data["positions"]
    validate(data, "positions")
    if not data.sizes["atom"]:
        raise SelectionError("no atoms are left in this Dataset; choose at least one")
    require_in_all_frames(data, "positions")
    read = as_read(data.data)
    return data if read is data.data else data.copy(deep=False, data=read)


def selected(data: xr.Dataset | xr.DataArray, selection: Selection) -> Indices:
    """Resolve a selection to indices from 0; None stands for all atoms."""
    return None if selection is None else resolve(selection, data)


def narrow(
    positions: xr.DataArray, *sets: Indices, always: bool = False
) -> tuple[xr.DataArray, NDArray[np.int64] | slice, list[Indices]]:
    """Have no other atoms read than those of the sets.

    Parameters
    ----------
    positions : DataArray
        Of the trajectory.
    *sets : indices or None
        The atoms that are needed; None stands for all.
    always : bool
        Leave others out of what is in memory, too: for reductions, whose blocks, and so whose sums,
        follow from how many atoms a frame has.

    Returns
    -------
    positions : DataArray
        Of the atoms needed where that can be passed down to the files, or always; as they were
        otherwise.
    kept : indices or slice
        Which of the former atoms these are.
    sets : list of indices
        The sets as indices into the atoms kept.
    """
    given = [indices for indices in sets if indices is not None]
    as_they_are = source_of(positions.data) is None and not always
    if as_they_are or len(given) < len(sets):
        return positions, slice(None), list(sets)
    kept = np.unique(np.concatenate(given))
    within = [np.searchsorted(kept, indices) for indices in given]
    everything = np.arange(len(kept))
    return (
        positions.isel(atom=kept),
        kept,
        [None if np.array_equal(indices, everything) else indices for indices in within],
    )


def masses_of(positions: xr.DataArray, indices: Indices) -> NDArray[np.float64]:
    """Return the masses (u) of all atoms, once those of the chosen ones are known.

    Raises
    ------
    ValueError
        There are none, or some of the chosen ones are not known.
    """
    return _known_of_atoms(positions, indices, "mass", "masses", "u", "mass-weighting")


def charges_of(positions: xr.DataArray, indices: Indices) -> NDArray[np.float64]:
    """Return the charges (e) of all atoms, once those of the chosen ones are known.

    Raises
    ------
    ValueError
        There are none, or some of the chosen ones are not known.
    """
    return _known_of_atoms(positions, indices, "charge", "charges", "e", "a dipole moment")


def _known_of_atoms(
    positions: xr.DataArray, indices: Indices, name: str, several: str, unit: str, what: str
) -> NDArray[np.float64]:
    if name not in positions.coords:
        raise ValueError(
            f"{what} needs {several}: open the trajectory with a topology, "
            f"or assign the coordinate '{name}' (atom,) in {unit}"
        )
    values = np.asarray(positions[name].data, np.float64)
    chosen = np.arange(len(values)) if indices is None else indices
    unknown = chosen[~np.isfinite(values[chosen])]
    if unknown.size:
        first = int(unknown[0])
        label = (
            f" ({positions['atom_name'].data[first]})" if "atom_name" in positions.coords else ""
        )
        raise ValueError(
            f"the {name} of {unknown.size} of {chosen.size} atoms is not known, the first is atom "
            f"{first}{label}: give a topology that has {several}, or assign the coordinate '{name}'"
        )
    return values


def reference_positions(
    positions: xr.DataArray, reference: Reference, *sets: Indices
) -> NDArray[np.float64]:
    """Return the reference, shape (atom, xyz), in nm.

    Parameters
    ----------
    positions : DataArray
        Of the trajectory.
    reference : int, path, Dataset, DataArray or array
        A frame number of the trajectory (negative ones count from its end); a file, of which the
        first frame is taken; or the positions themselves. Where it names its atoms, they are
        brought into the order of the trajectory (`gromos_dist.analysis.labels`).
    *sets : indices or None
        The atoms that are used; None stands for all.

    Raises
    ------
    ValueError
        There is no such frame, the numbers of atoms differ, or the order of the atoms does, and
        nothing tells which is which.

    Warns
    -----
    BrokenMoleculesWarning
        The box has broken the molecules of the reference.
    """
    given = [indices for indices in sets if indices is not None]
    used = np.unique(np.concatenate(given)) if given and len(given) == len(sets) else None
    places: Indices = None
    dataset: xr.Dataset | None = None
    n_atoms = positions.sizes["atom"]
    if isinstance(reference, int | np.integer):
        n_frames = positions.sizes["frame"]
        if not -n_frames <= reference < n_frames:
            raise ValueError(f"reference: there is no frame {reference}, there are {n_frames}")
        frame = int(reference) % n_frames
        values = values_of(positions.data[frame : frame + 1])
        what = f"frame {frame}"
    elif isinstance(reference, str | os.PathLike):
        dataset = open_trajectory(reference, stop=1, dtype=np.float64)
        opened = dataset.positions
        values = values_of(opened.data)
        what = os.fspath(reference)
        among: Indices = None
        numbers = numbers_of(positions)
        if values.shape[-2] == numbers.n_in_file != n_atoms:
            among = numbers.of_atoms
            values = values[:, among]
        places = places_of_atoms(
            positions, opened, what, among=among, atoms=used, stacklevel=_CALLER
        )
    else:
        dataset = reference if isinstance(reference, xr.Dataset) else None
        array = reference if dataset is None else dataset["positions"]
        values = array.data if isinstance(array, xr.DataArray) else np.asarray(array)
        what = "the reference"
        if isinstance(array, xr.DataArray):
            places = places_of_atoms(positions, array, what, atoms=used, stacklevel=_CALLER)
    if values.ndim == 3 and values.shape[0] >= 1:
        values = values[0]
    if values.shape != (n_atoms, 3):
        raise ValueError(
            f"reference: {what} has shape {tuple(values.shape)}, the trajectory needs "
            f"({n_atoms}, 3): give a reference of the same {n_atoms} atoms"
        )
    target = np.ascontiguousarray(values if places is None else values[places], np.float64)
    if dataset is not None:
        named = what if what == "the reference" else f"the reference {what}"
        warn_of_a_broken_reference(named, dataset, target, positions, *sets, stacklevel=_CALLER)
    return target
