"""What bonds are called: ``ARG5:N-H ... ASP10:OD1``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def labels_of_bonds(
    donors: NDArray[Any], hydrogens: NDArray[Any], *acceptors: NDArray[Any], names: Mapping[str, Any]
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
