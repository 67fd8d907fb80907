"""Pairs of atoms that are near each other, in any box: as a list, counted by distance, the nearest.

Distances are those of nearest images, computed in double; the same bits on every instruction set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.errors import FrameError, check, new_where
from gromos_dist.kernels.arrays import aligned, as_frames, pointer, type_of
from gromos_dist.kernels.boxes import as_boxes, described, volumes, without_box

AtomList = Sequence[int] | NDArray[Any]


# Memory that may be asked for before a pair is known, in pairs of 16 bytes.
_MOST_EXPECTED = 1 << 24


class NearPairs(NamedTuple):
    """Pairs of several frames."""

    frame: NDArray[np.int64]
    """Which frame of those given."""
    pairs: NDArray[np.int32]
    """Two atoms each, shape (n, 2)."""
    distances: NDArray[np.float64]
    """In nm."""


class NearestPairs(NamedTuple):
    """The nearest pair of every frame."""

    distances: NDArray[np.float64]
    """In nm; infinite where there is no pair."""
    pairs: NDArray[np.int64]
    """Two atoms each, shape (frames, 2); -1 where there is no pair."""


def neighbor_pairs(
    positions: ArrayLike,
    box: ArrayLike | None,
    first: AtomList,
    second: AtomList | None = None,
    *,
    cutoff: float,
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Find the pairs of atoms of one frame that are at most a cutoff apart.

    Parameters
    ----------
    positions : array of float32 or float64, shape (atoms, 3)
        Coordinates in nm; molecules need not be whole, nor atoms inside the box.
    box : array, shape (3, 3), optional
        Rows are the lattice vectors, in nm; None, NaN or zeros stand for no box.
    first, second : array of int
        The atoms of two sets; an atom listed twice counts once, one in both is no pair with itself.
        Without `second` pairs within the first, each once.
    cutoff : float
        The greatest distance, in nm; it may be longer than half the box: a distance is that of
        nearest images.

    Returns
    -------
    pairs : array of int32, shape (n, 2)
        An atom of the first set, one of the second; within one set the lower comes first. Sorted.
    distances : array of float64, shape (n,)
        In nm.

    Raises
    ------
    ValueError
        Shapes that do not match, an atom that is not there, a cutoff that is no distance.
    FrameError
        A coordinate of these atoms is NaN or infinite, or the box vectors lie in a plane.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels import neighbor_pairs
    >>> positions = np.array([[0.1, 0.0, 0.0], [2.9, 0.0, 0.0], [1.5, 0.0, 0.0]])
    >>> pairs, distances = neighbor_pairs(positions, 3.0 * np.eye(3), [0, 1, 2], cutoff=0.5)
    >>> pairs.tolist(), distances.round(9).tolist()
    ([[0, 1]], [0.2])
    """
    frame = np.asarray(positions)
    if frame.ndim != 2:
        raise ValueError(f"positions: expected shape (atoms, 3), got {frame.shape}")
    boxes = None if box is None else np.asarray(box, np.float64)[None]
    _, pairs, distances = neighbor_pairs_of_frames(frame[None], boxes, first, second, cutoff=cutoff)
    return pairs, distances


def neighbor_pairs_of_frames(
    positions: ArrayLike,
    box: ArrayLike | None,
    first: AtomList,
    second: AtomList | None = None,
    *,
    cutoff: float,
) -> NearPairs:
    """Find the pairs of atoms of some frames that are at most a cutoff apart.

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm.
    box : array, shape (frames, 3, 3), optional
        Lattice vectors, in nm; frames with NaN or zeros have none.
    first, second, cutoff
        As for `neighbor_pairs`.

    Returns
    -------
    NearPairs
        The frame, the atoms and the distance of every pair, sorted.

    Raises
    ------
    ValueError, FrameError
        As `neighbor_pairs`.
    """
    search = _Search(positions, box, first, second)
    cutoff = float(cutoff)
    if not cutoff >= 0.0:
        raise ValueError(f"cutoff: expected a distance in nm, got {cutoff}")
    n_frames = len(search.frames)
    first_pair = np.zeros(n_frames + 1, np.int64)
    room = search.expected_pairs(cutoff)
    while True:
        pairs = np.empty((room, 2), np.int32)
        distances = np.empty(room)
        search.call(
            lib.gd_neighbor_pairs,
            cutoff,
            pointer(search.work),
            room,
            pointer(pairs, "int32_t *"),
            pointer(distances),
            pointer(first_pair, "int64_t *"),
        )
        found = int(first_pair[-1])
        if found <= room:
            break
        room = found
    frame = np.repeat(np.arange(n_frames), np.diff(first_pair))
    pairs, distances = pairs[:found], distances[:found]
    order = np.argsort((frame * search.n_atoms + pairs[:, 0]) * search.n_atoms + pairs[:, 1])
    return NearPairs(frame, pairs[order], distances[order])


def minimum_distances(
    positions: ArrayLike, box: ArrayLike | None, first: AtomList, second: AtomList | None = None
) -> NearestPairs:
    """Find the nearest pair of every frame.

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm.
    box : array, shape (frames, 3, 3), optional
        Lattice vectors, in nm; frames with NaN or zeros have none.
    first, second
        As for `neighbor_pairs`.

    Returns
    -------
    NearestPairs
        Of several pairs equally near that whose first atom, then second, is lowest.

    Raises
    ------
    ValueError, FrameError
        As `neighbor_pairs`.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels import minimum_distances
    >>> positions = np.array([[[0.0, 0.0, 0.0], [0.0, 3.0, 4.0], [0.0, 0.0, 9.0]]])
    >>> minimum_distances(positions, None, [0], [1, 2]).distances
    array([5.])
    """
    return _nearest(lib.gd_minimum_distances, _Search(positions, box, first, second))


def image_distances(positions: ArrayLike, box: ArrayLike, atoms: AtomList) -> NearestPairs:
    """Find the least distance of some atoms to their own periodic images, in every frame.

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm, of whole molecules.
    box : array, shape (frames, 3, 3)
        Lattice vectors, in nm.
    atoms : array of int
        The atoms that stay together as the positions say.

    Returns
    -------
    NearestPairs
        An atom and the one whose image it is next to: the same one where nothing is nearer than
        the shortest lattice vector.

    Raises
    ------
    ValueError
        As `neighbor_pairs`.
    FrameError
        As `neighbor_pairs`; a frame has no box.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels import image_distances
    >>> positions = np.array([[[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]])
    >>> image_distances(positions, 3.0 * np.eye(3)[None], [0, 1]).distances
    array([1.])
    """
    search = _Search(positions, box, atoms, None)
    missing = without_box(search.boxes) if search.boxes is not None else np.array([True])
    if missing.any():
        raise FrameError(
            "there is no box, and without it there are no images", int(missing.argmax()), argument=1
        )
    return _nearest(lib.gd_image_distances, search)


def distance_histogram(
    positions: ArrayLike,
    box: ArrayLike | None,
    first: AtomList,
    second: AtomList | None = None,
    *,
    edges: ArrayLike,
    labels: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Count the pairs of atoms in bins of distance, in every frame, without a list of them.

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm.
    box : array, shape (frames, 3, 3), optional
        Lattice vectors, in nm; frames with NaN or zeros have none.
    first, second
        As for `neighbor_pairs`.
    edges : array, shape (bins + 1,)
        Of the bins, in nm, in equal steps; the lower edge belongs to a bin, the upper does not.
    labels : array of int, shape (atoms,), optional
        Atoms that have the same are not counted: the number of their molecule, for example.
    excluded : array of int, shape (n, 2), optional
        Pairs, of those that are counted, which shall not be.

    Returns
    -------
    array of int64, shape (frames, bins)

    Raises
    ------
    ValueError
        As `neighbor_pairs`; edges that are negative or do not rise in equal steps.
    FrameError
        As `neighbor_pairs`; the last edge is beyond half the shortest lattice vector.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels import distance_histogram
    >>> positions = np.array([[[0.0, 0.0, 0.0], [0.3, 0.0, 0.0], [0.0, 0.0, 0.4]]])
    >>> distance_histogram(positions, None, [0, 1, 2], edges=[0.0, 0.25, 0.5, 0.75])
    array([[0, 2, 1]])
    """
    search = _Search(positions, box, first, second, labels)
    steps = np.require(edges, np.float64, ("C", "A"))
    if steps.ndim != 1 or len(steps) < 2 or not np.isfinite(steps).all() or steps[0] < 0:
        raise ValueError(f"edges: expected distances in nm that rise in equal steps, got {edges}")
    widths = np.diff(steps)
    if not (widths > 0).all() or np.ptp(widths) > 1e-9 * steps[-1]:
        raise ValueError(f"edges: expected distances in nm that rise in equal steps, got {edges}")
    pairs = np.empty((0, 2), np.int64) if excluded is None else excluded
    pairs = np.require(pairs, np.int64, ("C", "A"))
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"excluded: expected shape (n, 2), got {pairs.shape}")
    if len(pairs) and not (pairs.min() >= 0 and pairs.max() < search.n_atoms):
        raise ValueError(f"excluded: expected atoms 0 to {search.n_atoms - 1}")
    counts = np.empty((len(search.frames), len(widths)), np.int64)
    search.call(
        lib.gd_distance_histogram,
        pointer(pairs, "int64_t *"),
        len(pairs),
        pointer(steps),
        len(widths),
        pointer(search.work),
        pointer(counts, "int64_t *"),
    )
    return counts


class _Search:
    """What every search is given."""

    def __init__(
        self,
        positions: ArrayLike,
        box: ArrayLike | None,
        first: AtomList,
        second: AtomList | None,
        labels: ArrayLike | None = None,
    ) -> None:
        self.frames = as_frames(positions)
        n_frames, self.n_atoms, _ = self.frames.shape
        self.boxes = as_boxes(box, n_frames)
        self._first = _as_set(first, self.n_atoms, "first")
        self._second = None if second is None else _as_set(second, self.n_atoms, "second")
        self._labels = None if labels is None else np.require(labels, np.int32, ("C", "A"))
        if self._labels is not None and self._labels.shape != (self.n_atoms,):
            raise ValueError(f"labels: expected shape ({self.n_atoms},), got {self._labels.shape}")
        self.sets: Any = ffi.new("struct gd_neighbor_sets *")
        # The pointers keep the arrays alive.
        self._kept = [
            pointer(self._first, "int64_t *"),
            pointer(self._second, "int64_t *"),
            pointer(self._labels, "int32_t *"),
        ]
        self.sets.first, self.sets.second, self.sets.labels = self._kept
        self.sets.n_first = len(self._first)
        self.sets.n_second = 0 if self._second is None else len(self._second)
        self.work = aligned(lib.gd_neighbor_work(self.sets))

    def expected_pairs(self, cutoff: float) -> int:
        """Return a little more pairs than there would be if atoms were spread over the box."""
        n_first = len(self._first)
        n_second = (n_first - 1) / 2 if self._second is None else len(self._second)
        if self.boxes is None:
            share = 8.0 / max(n_second, 1.0)
        else:
            with np.errstate(divide="ignore", invalid="ignore"):
                spheres = 4.0 / 3.0 * np.pi * cutoff**3 / volumes(self.boxes)
            share = float(np.where(spheres < 1.0, spheres, 1.0).mean()) if len(spheres) else 0.0
        likely = 1.2 * min(share, 1.0) * n_first * n_second * len(self.frames)
        return min(int(likely), _MOST_EXPECTED) + 1024

    def call(self, function: Any, *arguments: Any) -> None:
        """Call a function of the core that searches these frames."""
        where = new_where()
        status = function(
            ffi.from_buffer(self.frames),
            type_of(self.frames),
            len(self.frames),
            self.n_atoms,
            pointer(self.boxes),
            self.sets,
            *arguments,
            where,
        )
        if status == lib.GD_SMALL_BOX and self.boxes is not None:
            raise FrameError(
                f"distances reach beyond half the shortest vector of the box's lattice "
                f"({described(self.boxes[where.frame])}), where spheres overlap their own images: "
                "choose a lower r_max",
                where.frame,
                argument=1,
            )
        check(status, where)


def _as_set(atoms: AtomList, n_atoms: int, name: str) -> NDArray[np.int64]:
    array = np.asarray(atoms)
    if array.size == 0:
        return np.empty(0, np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: expected a one-dimensional array of atom indices (int), got dtype "
            f"{array.dtype} and shape {array.shape}"
        )
    # Each once, in order.
    chosen = array.astype(np.int64)
    if not (np.diff(chosen) > 0).all():
        chosen = np.unique(chosen)
    if chosen[0] < 0 or chosen[-1] >= n_atoms:
        wrong = chosen[0] if chosen[0] < 0 else chosen[-1]
        raise ValueError(
            f"{name}: index {wrong} is out of range; a frame has {n_atoms} atoms, 0 to "
            f"{n_atoms - 1}"
        )
    return chosen


def _nearest(function: Any, search: _Search) -> NearestPairs:
    n_frames = len(search.frames)
    pairs = np.empty((n_frames, 2), np.int64)
    distances = np.empty(n_frames)
    search.call(function, pointer(search.work), pointer(pairs, "int64_t *"), pointer(distances))
    return NearestPairs(distances, pairs)
