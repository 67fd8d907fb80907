"""What bonds are called: ``ARG5:N-H ... ASP10:OD1``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

ATOMS_OF_BONDS = ("donor", "hydrogen", "acceptor", "other_acceptor")
"""The columns that tell bonds apart."""


def labels_of_bonds(
    donors: NDArray[Any],
    hydrogens: NDArray[Any],
    *acceptors: NDArray[Any],
    names: Mapping[str, Any],
) -> Sequence[str]:
    """Return what bonds are called: by residues and names of atoms, or by the atoms' numbers.

    Parameters
    ----------
    donors, hydrogens, *acceptors : array of int
        Places of atoms.
    names : mapping
        ``atom_name``, ``residue``, ``residue_name`` and ``chain``, of all atoms, as far as known;
        values, or tuples of dims, values and attributes.
    """
    known = {name: _values(of) for name, of in names.items()}
    atom = known.get("atom_name")
    residues = _residues(known)

    def name(place: int) -> str:
        return str(place) if atom is None else str(atom[place])

    def whole(place: int) -> str:
        residue = residues(place)
        return f"{residue}:{name(place)}" if residue else name(place)

    return [
        f"{whole(donor)}-{name(hydrogen)} ... {', '.join(map(whole, taken))}"
        for donor, hydrogen, *taken in zip(donors, hydrogens, *acceptors, strict=True)
    ]


def _residues(known: Mapping[str, NDArray[Any]]) -> Any:
    number, residue, chain = (known.get(name) for name in ("residue", "residue_name", "chain"))
    several = chain is not None and len(np.unique(chain)) > 1

    def of(place: int) -> str:
        text = f"{residue[place] if residue is not None else ''}"
        text += f"{number[place] if number is not None else ''}"
        return f"{chain[place]}/{text}" if chain is not None and several and chain[place] else text

    return of


def _values(of: Any) -> NDArray[Any]:
    return np.asarray(of[1] if isinstance(of, tuple) else getattr(of, "values", of))


def most_frequent(events: xr.Dataset, most: int) -> xr.DataArray:
    """Return in which frames the most frequent bonds are there: (bond, frame), with their names.

    Parameters
    ----------
    events : Dataset
        What `hydrogen_bonds` gives, computed.
    most : int
        How many bonds at most.

    Returns
    -------
    DataArray
        ``bonded`` (bond, frame) bool, the most frequent first; with the time where all frames have
        bonds.
    """
    atoms = [name for name in ATOMS_OF_BONDS if name in events]
    rows = np.stack([np.asarray(events[name].values) for name in atoms], axis=1)
    bonds, of_event, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:most]
    first = np.asarray(events["first"].values)
    bonded = np.zeros((len(order), len(first) - 1), bool)
    frames = np.asarray(events["frame"].values)
    for row, bond in enumerate(order):
        bonded[row, frames[of_event.ravel() == bond]] = True
    names = labels_of_bonds(
        *bonds[order].T, names={str(name): of for name, of in events.coords.items()}
    )
    found = xr.DataArray(bonded, {"bond": ("bond", names)}, ("bond", "frame"), "bonded")
    if "time" in events.coords and (np.diff(first) > 0).all():
        found = found.assign_coords(time=("frame", events["time"].values[first[:-1]]))
    return found
