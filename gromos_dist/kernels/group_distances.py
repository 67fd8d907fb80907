"""Least distances between groups of atoms, such as residues: all of them, or those in reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.errors import check, new_where
from gromos_dist.kernels.arrays import Floats, aligned, as_frames, pointer, type_of
from gromos_dist.kernels.boxes import as_boxes

Integers = NDArray[np.int64]
Masks = NDArray[np.bool_]

# Rows of contacts that there is room for at first.
_ROOM = 2**16


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of atoms.

    Raises
    ------
    ValueError
        The sizes are not those of the atoms, or a group has none.
    """

    atoms: Integers
    """The atoms of the first group, then those of the second, ..., shape (sum of sizes,)."""
    sizes: Integers
    """How many atoms each group has, shape (groups,)."""
    identity: Integers
    """Groups of the same number are no partners, shape (groups,)."""
    sequence: Integers
    """Where in a sequence each group is, in another chain far away, shape (groups,)."""

    def __post_init__(self) -> None:
        n_groups = len(self.sizes)
        if not n_groups or self.sizes.min() < 1 or self.sizes.sum() != len(self.atoms):
            raise ValueError(
                f"groups: expected at least one, of one atom or more, and {self.sizes.sum()} "
                f"atoms in all, got {n_groups} groups and {len(self.atoms)} atoms"
            )
        if not len(self.identity) == len(self.sequence) == n_groups:
            raise ValueError(f"groups: expected identity and sequence of {n_groups} groups")

    def laid_out(self, step: int) -> tuple[Integers, Integers]:
        """Return atoms, each group filled up with its first one to a multiple of `step`.

        Returns
        -------
        atoms : (first[-1],) int64 array
        first : (groups + 1,) int64 array
            Where each group begins.
        """
        ends = np.cumsum(self.sizes)
        first = np.concatenate([[0], np.cumsum(-(-self.sizes // step) * step)])
        filled = np.repeat(self.atoms[ends - self.sizes], np.diff(first))
        place = np.arange(len(self.atoms)) + np.repeat(first[:-1] - (ends - self.sizes), self.sizes)
        filled[place] = self.atoms
        return filled, first


class GroupPairs:
    """Pairs of groups, laid out for many calls of the functions below.

    Immutable, picklable, and safe to share between threads.

    Parameters
    ----------
    groups : Groups
        The first of each pair.
    others : Groups, optional
        The second; None for the pairs of `groups`, each once.
    """

    __slots__ = ("_keep", "_structs", "groups", "n_atoms", "others", "size_of_work")

    def __init__(self, groups: Groups, others: Groups | None = None) -> None:
        self.groups, self.others = groups, others
        both = [groups] if others is None else [groups, others]
        self.n_atoms = int(max(of.atoms.max() for of in both)) + 1
        if min(of.atoms.min() for of in both) < 0:
            raise ValueError("groups: atoms count from 0")
        single = all((of.sizes == 1).all() for of in both)
        self._keep = []
        self._structs = []
        for of in both:
            atoms, first = of.laid_out(1 if single else lib.GD_GROUP_STEP)
            arrays = {
                "first": first,
                "size": of.sizes,
                "atoms": atoms,
                "identity": of.identity,
                "sequence": of.sequence,
            }
            struct = ffi.new("struct gd_atom_groups *")
            struct.n = len(of.sizes)
            for name, values in arrays.items():
                array = np.array(values, np.int64)
                held = pointer(array, "int64_t *")
                setattr(struct, name, held)
                self._keep.append(held)
            self._structs.append(struct)
        self.size_of_work = int(lib.gd_least_distances_size(*self._of([None, None])[0]))

    def __reduce__(self) -> tuple[Callable[..., GroupPairs], tuple[Any, ...]]:
        """Pickle what it was made from; the layout for the kernels is made anew."""
        return GroupPairs, (self.groups, self.others)

    @property
    def shape(self) -> tuple[int, int]:
        """How many groups there are, and how many others."""
        others = self.groups if self.others is None else self.others
        return len(self.groups.sizes), len(others.sizes)

    @property
    def differ(self) -> NDArray[np.bool_]:
        """Which pairs are of different groups, shape (groups, others)."""
        others = self.groups if self.others is None else self.others
        return np.asarray(self.groups.identity[:, None] != others.identity, bool)

    def apart(self, separation: int) -> NDArray[np.bool_]:
        """Return which pairs are at least so far apart in the sequence, shape (groups, others)."""
        others = self.groups if self.others is None else self.others
        return np.asarray(abs(self.groups.sequence[:, None] - others.sequence) >= separation, bool)

    def _of(self, masks: list[Masks | None]) -> tuple[list[Any], list[Any]]:
        """Return the structs of groups with masks, and what keeps these alive."""
        structs, alive = [ffi.NULL, ffi.NULL], []
        for i, (struct, mask) in enumerate(zip(self._structs, masks, strict=False)):
            structs[i] = ffi.new("struct gd_atom_groups *", struct[0])
            structs[i].chosen = pointer(mask, "uint8_t *")
            alive.append(structs[i].chosen)
        return structs, alive

    def call(
        self,
        function: Callable[..., int],
        frames: _Frames,
        *arguments: Any,
        first_frame: int = 0,
    ) -> None:
        """Call a function of the core; `first_frame` is where the frames begin."""
        n_frames, n_atoms, _ = frames.positions.shape
        structs, _alive = self._of(frames.masks)
        where = new_where()
        check(
            function(
                ffi.from_buffer(frames.positions),
                type_of(frames.positions),
                n_frames,
                n_atoms,
                pointer(frames.boxes),
                *structs,
                *arguments,
                where,
            ),
            where,
            first_frame=first_frame,
        )


class _Frames(NamedTuple):
    """Some frames, as the core reads them."""

    positions: Floats
    boxes: NDArray[np.float64] | None
    masks: list[Masks | None]

    def after(self, n: int) -> _Frames:
        boxes = None if self.boxes is None else self.boxes[n:]
        masks = [None if mask is None else mask[n:] for mask in self.masks]
        return _Frames(self.positions[n:], boxes, masks)


def _frames(
    positions: ArrayLike,
    pairs: GroupPairs,
    box: ArrayLike | None,
    chosen: Masks | None,
    chosen_others: Masks | None,
) -> _Frames:
    """Return checked frames."""
    frames = as_frames(positions)
    n_frames, n_atoms, _ = frames.shape
    if n_atoms < pairs.n_atoms:
        raise ValueError(f"groups: there is no atom {pairs.n_atoms - 1}, there are {n_atoms}")
    boxes = as_boxes(box, n_frames)
    masks: list[Masks | None] = []
    for name, mask in (("chosen", chosen), ("chosen_others", chosen_others)):
        if mask is not None and (mask.dtype != bool or mask.shape != (n_frames, n_atoms)):
            raise ValueError(
                f"{name}: expected bool of shape ({n_frames}, {n_atoms}), got {mask.dtype} of "
                f"shape {mask.shape}"
            )
        masks.append(None if mask is None else np.ascontiguousarray(mask))
    if pairs.others is None and chosen_others is not None:
        raise ValueError("chosen_others: there are no others")
    return _Frames(frames, boxes, masks)


def least_distances(
    positions: ArrayLike,
    pairs: GroupPairs,
    *,
    box: ArrayLike | None = None,
    chosen: Masks | None = None,
    chosen_others: Masks | None = None,
) -> NDArray[np.float64]:
    """Compute the least distance of the atoms of each pair of groups in every frame.

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm.
    pairs : GroupPairs
        The groups.
    box : array, shape (frames, 3, 3), optional
        Rows are lattice vectors, in nm: distances are those of nearest images, exact in any box.
        Frames with NaN or zeros have no box.
    chosen, chosen_others : array of bool, shape (frames, atoms), optional
        The atoms that count in each frame, of the groups and of the others.

    Returns
    -------
    array of float64, shape (frames, groups, others)
        In nm; zero for a group and itself; NaN where one has no atom in the frame.

    Raises
    ------
    ValueError
        Shapes that do not match.
    FrameError
        A coordinate is NaN or infinite, or a box has no volume.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels.group_distances import GroupPairs, Groups, least_distances
    >>> two = Groups(np.arange(3), np.array([1, 2]), np.arange(2), np.arange(2))
    >>> line = np.array([[[0.0, 0, 0], [3, 0, 0], [2, 0, 0]]])
    >>> least_distances(line, GroupPairs(two))[0]
    array([[0., 2.],
           [2., 0.]])
    """
    frames = _frames(positions, pairs, box, chosen, chosen_others)
    distances = np.empty((len(frames.positions), *pairs.shape))
    work = aligned(pairs.size_of_work)
    pairs.call(lib.gd_least_distances, frames, pointer(work), pointer(distances))
    return distances


def contacts(
    positions: ArrayLike,
    pairs: GroupPairs,
    cutoff: float,
    *,
    separation: int = 0,
    with_atoms: bool = True,
    box: ArrayLike | None = None,
    chosen: Masks | None = None,
    chosen_others: Masks | None = None,
) -> Mapping[str, NDArray[Any]]:
    """Find the pairs of groups whose least distance is less than a cutoff, in every frame.

    Parameters
    ----------
    positions, pairs, box, chosen, chosen_others
        As for `least_distances`.
    cutoff : float
        In nm.
    separation : int
        How far apart in the sequence two groups are at least.
    with_atoms : bool
        Whether to say which atoms are the closest.

    Returns
    -------
    dict
        A row a contact, in the order of frames, groups and others: ``frame``, ``group``,
        ``other_group`` (int64), ``distance`` (float64, nm), and, if asked for, ``atom`` and
        ``other_atom`` (int64), the closest ones.

    Raises
    ------
    ValueError, FrameError
        As for `least_distances`.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels.group_distances import GroupPairs, Groups, contacts
    >>> two = Groups(np.arange(3), np.array([1, 2]), np.arange(2), np.arange(2))
    >>> line = np.array([[[0.0, 0, 0], [3, 0, 0], [2, 0, 0]]])
    >>> found = contacts(line, GroupPairs(two), 2.5)
    >>> found["distance"], found["other_atom"]
    (array([2.]), array([2]))
    """
    frames = _frames(positions, pairs, box, chosen, chosen_others)
    n_frames = len(frames.positions)
    work = aligned(pairs.size_of_work)
    names = ["frame", "group", "other_group", *(["atom", "other_atom"] if with_atoms else [])]
    parts: list[dict[str, NDArray[Any]]] = []
    room, done = _ROOM, 0
    while done < n_frames or not parts:
        columns: dict[str, NDArray[Any]] = {name: np.empty(room, np.int64) for name in names}
        columns["distance"] = np.empty(room)
        rows = ffi.new("struct gd_contacts *")
        rows.room = room
        for name, column in columns.items():
            setattr(rows, name, pointer(column, "double *" if name == "distance" else "int64_t *"))
        arguments = (float(cutoff), separation, pointer(work), rows)
        pairs.call(lib.gd_contacts, frames.after(done), *arguments, first_frame=done)
        found = {name: column[: rows.found].copy() for name, column in columns.items()}
        found["frame"] += done
        parts.append(found)
        done += rows.frames
        # A frame may need more room than there was.
        room *= 2
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
