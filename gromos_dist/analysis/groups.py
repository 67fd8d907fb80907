"""Groups of atoms, such as residues, and the pairs of them that contacts and distances are of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist import kernels
from gromos_dist.analysis.connections import box_of, numbers_of
from gromos_dist.analysis.per_frame import ChosenInFrames, chosen_in_frames, read_only_needed
from gromos_dist.analysis.residues import By, check_by, of_which, residues_are_known
from gromos_dist.analysis.system import positions_of
from gromos_dist.errors import SelectionError
from gromos_dist.kernels import GroupPairs, Groups
from gromos_dist.kernels.boxes import lattice_vectors
from gromos_dist.selection import select
from gromos_dist.selection.known_atoms import KnownAtoms

Integers = NDArray[np.int64]
Chosen = Integers | ChosenInFrames

Criteria = Literal["closest-heavy", "closest", "ca"]

CUTOFFS: Mapping[str, float] = {"closest-heavy": 0.45, "closest": 0.45, "ca": 0.8}
"""What is near (nm), by which atoms count."""
_ATOMS = {"closest-heavy": "heavy", "ca": "protein and name CA"}
# Places of one chain are farther than this from those of another.
_ANOTHER_CHAIN = 2**32
_LABELS = {
    "atom": ("atom_number", "atom_name", "residue_name", "residue", "chain"),
    "residue": ("residue", "residue_name", "chain"),
    "molecule": ("molecule",),
}


@dataclass(frozen=True, eq=False)
class PairsOfGroups:
    """Pairs of groups of atoms, in blocks of frames.

    Large groups are looked at in pieces, since what is far from one is not far from its middle.
    """

    pieces: GroupPairs
    wholes: tuple[Integers, Integers] | None
    """Which group each piece is of, and each other piece; None: pieces are groups."""
    atoms: ChosenInFrames | None
    """What chooses those of the atoms that count in a frame."""
    other: ChosenInFrames | None
    octahedra: bool

    @property
    def shape(self) -> tuple[int, int]:
        """How many groups there are, and how many others."""
        if self.wholes is None:
            return self.pieces.shape
        return int(self.wholes[0].max()) + 1, int(self.wholes[1].max()) + 1

    @property
    def are_of_one_set(self) -> bool:
        """Whether there are no others."""
        return self.pieces.others is None

    def which_count(self, separation: int) -> NDArray[np.bool_]:
        """Return the pairs that are of different groups, so far apart in the sequence; each once.

        Shape (groups, others).
        """
        counts = self.pieces.differ & self.pieces.apart(separation)
        if self.wholes is not None:
            firsts = [np.unique(whole, return_index=True)[1] for whole in self.wholes]
            counts = counts[np.ix_(*firsts)]
        return np.triu(counts) if self.are_of_one_set else counts

    def contacts(
        self,
        positions: NDArray[Any],
        box: NDArray[Any] | None,
        *,
        cutoff: float,
        separation: int,
        with_atoms: bool = False,
    ) -> Mapping[str, NDArray[Any]]:
        """Find the pairs that are nearer than a cutoff; as `kernels.contacts`."""
        found = kernels.contacts(
            positions,
            self.pieces,
            cutoff,
            separation=separation,
            with_atoms=with_atoms,
            **self._of(positions, box),
        )
        if self.wholes is None:
            return found
        one = self.wholes[0][found["group"]]
        another = self.wholes[1][found["other_group"]]
        turned = (one > another) & self.are_of_one_set
        columns = {**found, "group": one, "other_group": another}
        for name in ("group", "atom")[: 1 + with_atoms]:
            first, second = columns[name], columns[f"other_{name}"]
            columns[name] = np.where(turned, second, first)
            columns[f"other_{name}"] = np.where(turned, first, second)
        keys = [columns[name] for name in ("other_group", "group", "frame")]
        order = np.lexsort([columns["distance"], *keys])
        # Of the pieces of two groups the closest.
        nearest = np.any([np.diff(key[order], prepend=-1) != 0 for key in keys], axis=0)
        return {name: values[order[nearest]] for name, values in columns.items()}

    def distances(self, positions: NDArray[Any], box: NDArray[Any] | None) -> NDArray[np.float64]:
        """Return the least distances of all pairs; as `kernels.least_distances`."""
        found = kernels.least_distances(positions, self.pieces, **self._of(positions, box))
        for axis, whole in enumerate(self.wholes or (), start=1):
            order = np.argsort(whole, kind="stable")
            starts = np.flatnonzero(np.diff(whole[order], prepend=-1))
            # A piece without an atom in this frame has no distance.
            found = np.fmin.reduceat(found.take(order, axis), starts, axis)
        return found

    def _of(self, positions: NDArray[Any], box: NDArray[Any] | None) -> dict[str, Any]:
        chosen, other = (
            None if one is None else one.masks(positions, box) for one in (self.atoms, self.other)
        )
        return {
            "box": lattice_vectors(box, self.octahedra),
            "chosen": chosen,
            "chosen_others": other,
        }


class GroupsOfFrames(NamedTuple):
    """Pairs of groups of a trajectory, and what a record needs to look at them."""

    pairs: PairsOfGroups
    inputs: tuple[xr.DataArray, ...]
    """Positions of the atoms needed, and the box where images count; the dim of atoms is another
    one than that of results."""
    labels: Mapping[str, tuple[str, NDArray[Any]]]
    """What is known of the groups and of the others (``other_...``), as coordinates."""
    numbers: Integers
    """The ``atom_number`` of the atoms of a block."""
    attrs: Mapping[str, Any]
    """What was chosen."""


def groups_of(
    ds: xr.Dataset | xr.DataArray,
    atoms: Any,
    other: Any = None,
    *,
    by: By,
    criteria: Criteria,
    periodic: bool,
) -> GroupsOfFrames:
    """Divide atoms into groups, and prepare the pairs of them.

    Parameters
    ----------
    ds : Dataset or DataArray
        The trajectory.
    atoms, other : selection
        The two sets, also by distance; None: all atoms, and the pairs of `atoms`.
    by : {"atom", "residue", "molecule"}
        What a group is.
    criteria : {"closest-heavy", "closest", "ca"}
        Which atoms count.
    periodic : bool
        Whether images count, where there is a box.

    Raises
    ------
    SelectionError
        A selection cannot be read or is empty, or none of its atoms counts; residues, molecules or
        elements are not known.
    ValueError
        There is no such group, or there are no such criteria.
    """
    check_by(by)
    positions = positions_of(ds)
    given = [chosen_in_frames(ds, one) for one in ([atoms] if other is None else [atoms, other])]
    sets = [
        counted(ds, one, criteria, name)
        for one, name in zip(given, ("atoms", "other"), strict=False)
    ]
    group, sequence = of_which(ds, by), sequence_of(ds)
    # Molecules are looked at by their residues.
    piece = of_which(ds, "residue") if by == "molecule" and residues_are_known(ds) else group
    moving = [one if isinstance(one, ChosenInFrames) else None for one in given]
    if by != "atom":
        sets = [atoms[np.argsort(piece[atoms], kind="stable")] for atoms in sets]
    in_frames = (one for one in moving if one is not None)
    fewer, read = read_only_needed(positions, *sets, *in_frames, always=True)
    rest = iter(read[len(sets) :])
    moving = [None if one is None else next(rest) for one in moving]
    made, wholes = [], []
    labels: dict[str, tuple[str, NDArray[Any]]] = {}
    for own, places, prefix in zip(sets, read[: len(sets)], ("", "other_"), strict=False):
        number = np.arange(len(own)) if by == "atom" else piece[own]
        first = np.flatnonzero(np.diff(number, prepend=-1))
        sizes = np.diff(np.append(first, len(own)))
        made.append(Groups(places, sizes, group[own[first]], sequence[own[first]]))
        _, of_whole, whole = np.unique(
            first if by == "atom" else group[own[first]], return_index=True, return_inverse=True
        )
        wholes.append(whole.reshape(-1))
        labels |= _labels(positions, by, own[first[of_whole]], prefix)
    if other is None:
        labels |= {f"other_{name}": (f"other_{dim}", of) for name, (dim, of) in labels.items()}
    box, octahedra = box_of(ds, periodic)
    pairs = PairsOfGroups(
        GroupPairs(*made),
        (wholes[0], wholes[-1]) if by == "molecule" else None,
        moving[0],
        moving[1] if len(moving) > 1 else None,
        octahedra,
    )
    anonymous = fewer.drop_vars([name for name, of in fewer.coords.items() if "atom" in of.dims])
    numbers = numbers_of(fewer).of_atoms
    # Errors name atoms by their numbers.
    named = anonymous.rename(atom="place").assign_coords(atom_number=("place", numbers))
    return GroupsOfFrames(
        pairs,
        (named, *box),
        labels,
        numbers,
        {"by": by, "criteria": criteria, "periodic": len(box)},
    )


def counted(
    ds: xr.Dataset | xr.DataArray, chosen: Chosen, criteria: Criteria, name: str
) -> Integers:
    """Return which of some atoms count by criteria; `name` is the parameter that chose them.

    Raises
    ------
    SelectionError
        None does, or elements are not known.
    ValueError
        There are no such criteria.
    """
    _check_criteria(criteria)
    atoms = chosen.candidates if isinstance(chosen, ChosenInFrames) else chosen
    if criteria not in _ATOMS:
        return atoms
    found = atoms[np.isin(atoms, select(ds, _ATOMS[criteria]))]
    if not len(found):
        raise SelectionError(
            f"{name}: none of the {len(atoms)} chosen atoms counts by the criteria {criteria!r}; "
            "criteria='closest' takes all"
        )
    return found


def check_separation(ds: xr.Dataset | xr.DataArray, by: By, min_separation: int) -> int:
    """Return how far apart in the sequence groups are at least; molecules have no sequence.

    Raises
    ------
    ValueError
        It is negative or no whole number, or residues are not known.
    """
    is_whole = isinstance(min_separation, int | np.integer)
    if not is_whole or not 0 <= min_separation < _ANOTHER_CHAIN:
        raise ValueError(f"min_separation: expected a number of residues, got {min_separation!r}")
    if by == "molecule":
        return 0
    if min_separation and not residues_are_known(ds):
        raise ValueError(
            "min_separation needs residues: open the trajectory with a topology, or give "
            "min_separation=0"
        )
    return int(min_separation)


def check_cutoff(cutoff: float | None, criteria: Criteria) -> float:
    """Return the cutoff given, or that of the criteria.

    Raises
    ------
    ValueError
        It is not positive, or there are no such criteria.
    """
    _check_criteria(criteria)
    cutoff = CUTOFFS[criteria] if cutoff is None else float(cutoff)
    if not 0.0 < cutoff < np.inf:
        raise ValueError(f"cutoff: expected a distance in nm, got {cutoff}")
    return cutoff


def _check_criteria(criteria: str) -> None:
    if criteria not in CUTOFFS:
        expected = ", ".join(map(repr, CUTOFFS))
        raise ValueError(f"criteria: expected one of {expected}, got {criteria!r}")


def sequence_of(ds: xr.Dataset | xr.DataArray) -> Integers:
    """Return where in its sequence the residue of each atom is; in another chain far away.

    Residues count in their order, and so do those that are missing from it by their numbers. A
    chain is what has one chain identifier, segment and molecule. Where no residues are known, all
    atoms are in one place.
    """
    if not residues_are_known(ds):
        return np.zeros(ds.sizes["atom"], np.int64)
    known = KnownAtoms(ds)
    _, first, of_atom = np.unique(of_which(ds, "residue"), return_index=True, return_inverse=True)
    labels = [known.coordinate(name) for name in ("chain", "segment", "molecule")]
    keys = [np.unique(of[first], return_inverse=True)[1] for of in labels if of is not None]
    order = np.lexsort([first, *keys])
    another = np.zeros(len(first), bool)
    for key in keys:
        another[1:] |= np.diff(key[order]) != 0
    numbers = known.coordinate("residue")
    steps = np.ones(len(first), np.int64)
    if numbers is not None:
        steps[1:] = np.maximum(1, np.diff(numbers[first][order]))
    steps[another] = _ANOTHER_CHAIN
    place = np.empty(len(first), np.int64)
    place[order] = np.cumsum(steps)
    return np.asarray(place[of_atom.reshape(-1)], np.int64)


def _labels(
    positions: xr.DataArray, by: By, first: Integers, prefix: str
) -> dict[str, tuple[str, NDArray[Any]]]:
    """Return what is known of groups by the first atom of each."""
    found = {}
    for name in _LABELS[by]:
        if name not in positions.coords:
            continue
        values = positions[name].values[first]
        if values.dtype.kind != "U" or (values != "").any():
            found[f"{prefix}{name}"] = (f"{prefix}{by}", values)
    if by == "atom" and f"{prefix}atom_number" not in found:
        numbers = numbers_of(positions).of_atoms[first]
        found[f"{prefix}atom_number"] = (f"{prefix}atom", numbers)
    return found
