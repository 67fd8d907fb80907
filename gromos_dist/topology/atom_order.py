"""Whether two lists of atoms are the same atoms in the same order, by their labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Labels = Mapping[str, NDArray[Any]]
"""Properties of atoms that name them, shape (atoms,): some of `LABELS`."""

LABELS = ("atom_name", "residue_name", "residue", "chain", "segment", "insertion_code")


@dataclass(frozen=True)
class Difference:
    """How one list of atoms differs from another."""

    kind: Literal["order", "ambiguous order", "names"]
    """``"order"``: the same atoms, and `places` says where they are. ``"ambiguous order"``: the
    same labels, of which several atoms have the same. ``"names"``: other names."""
    first: int
    """The first atom that has another name."""
    here: str
    there: str
    n_atoms: int
    """How many have another name."""
    places: NDArray[np.int64] | None = None
    """For each atom of the first list its place in the second."""

    def __str__(self) -> str:
        more = f" ({self.n_atoms} atoms differ)" if self.n_atoms > 1 else ""
        return f"atom {self.first} is {self.here} here and {self.there} there{more}"


def difference(
    here: Labels, there: Labels, atoms: NDArray[np.int64] | None = None
) -> Difference | None:
    """Compare the labels of two lists of as many atoms.

    Parameters
    ----------
    here, there : mapping of str to array
        What is known of the atoms; only what both have is compared.
    atoms : (n,) int64 array, optional
        The atoms that matter; all when None.

    Returns
    -------
    Difference or None
        None when these atoms have the same names, or one of the lists has no names. Residues that
        are named or numbered otherwise are a difference only when the same atoms are there in
        another order: force fields have names of their own.
    """
    names = [name for name in LABELS if name in here and name in there]
    if "atom_name" not in names:
        return None
    chosen = np.arange(len(here["atom_name"])) if atoms is None else atoms
    differs = {
        name: np.asarray(here[name])[chosen] != np.asarray(there[name])[chosen] for name in names
    }
    any_differs = np.any(list(differs.values()), axis=0)
    if not any_differs.any():
        return None
    keys = [
        list(zip(*(np.asarray(labels[name]).tolist() for name in names), strict=True))
        for labels in (here, there)
    ]
    place = {key: i for i, key in enumerate(keys[1])}
    kind: Literal["order", "ambiguous order", "names"] = "names"
    places = None
    if len(place) == len(keys[1]) and set(keys[0]) == place.keys():
        kind, places = "order", np.array([place[key] for key in keys[0]], np.int64)
    elif Counter(keys[0]) == Counter(keys[1]):
        kind = "ambiguous order"
    other = any_differs if kind != "names" else differs["atom_name"]
    if not other.any():
        return None
    first = int(chosen[np.argmax(other)])
    return Difference(
        kind,
        first,
        _named(here, first),
        _named(there, first),
        int(np.count_nonzero(other)),
        places,
    )


def _named(labels: Labels, atom: int) -> str:
    name = repr(str(labels["atom_name"][atom]))
    residue = [str(labels[label][atom]) for label in ("residue_name", "residue") if label in labels]
    chain = str(labels["chain"][atom]) if "chain" in labels else ""
    of = " ".join([*residue, *([f"in chain {chain}"] if chain else [])])
    return f"{name} of {of}" if of else name
