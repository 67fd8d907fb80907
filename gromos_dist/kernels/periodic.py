"""Atoms in a periodic box: into the cell, and out of it along their ways in time."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.errors import FrameError, check, new_where
from gromos_dist.kernels.arrays import as_frames, pointer, type_of
from gromos_dist.kernels.boxes import as_boxes, without_box

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

Scheme = Literal["toroidal", "lattice"]
SCHEMES: dict[str, int] = {"toroidal": lib.GD_TOROIDAL, "lattice": lib.GD_LATTICE}

# How many groups the core treats at a time.
_TILE = lib.gd_unwrap_size(1) // 3
# Whole numbers below it, and sums of two of them, are exact in double precision.
_LARGEST_STATE = 2.0**52


def unwrap_begin(
    positions: ArrayLike, box: ArrayLike, *, scheme: Scheme, group: Integers | None = None
) -> Floats:
    """Return the state with which `unwrap` leaves every group where it is in a frame.

    Parameters
    ----------
    positions : array of float32 or float64, shape (1, atoms, 3)
        The first frame, in nm.
    box : array, shape (1, 3, 3)
        Its box vectors.
    scheme, group
        As for `unwrap`.

    Returns
    -------
    array of float64
        Whole numbers, in the order of the core.

    Raises
    ------
    ValueError, FrameError
        As for `unwrap`.
    """
    frames, boxes = _frames_and_boxes(positions, box)
    groups = _Groups(group, frames.shape[1])
    state = groups.empty()
    _begin(frames, boxes[0], groups, scheme, groups.empty(), state)
    return state


def unwrap_total(
    positions: ArrayLike,
    box: ArrayLike,
    previous: ArrayLike,
    previous_box: ArrayLike,
    *,
    scheme: Scheme,
    group: Integers | None = None,
) -> Floats:
    """Return what the state of `unwrap` grows by in some frames.

    Parameters, returns and errors are those of `unwrap` and `unwrap_begin`.
    """
    return _unwrap(positions, box, previous, previous_box, None, scheme, group, None)


def unwrap(
    positions: ArrayLike,
    box: ArrayLike,
    previous: ArrayLike,
    previous_box: ArrayLike,
    state: ArrayLike,
    *,
    scheme: Scheme,
    group: Integers | None = None,
) -> NDArray[Any]:
    """Follow groups of atoms out of the box: each goes to the image nearest to where it was before.

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm; not changed.
    box : array, shape (frames, 3, 3)
        Rows are the box vectors, in nm.
    previous, previous_box : array, shape (1, atoms, 3) and (1, 3, 3)
        The frame before.
    state : array
        From `unwrap_begin` at the first frame, with `unwrap_total` of the frames between added.
    scheme : {"toroidal", "lattice"}
        What a group that has crossed the box is moved by: the box vectors at the time when it
        crossed, or those of each frame.
    group : array of int, shape (atoms,), optional
        The groups, from 0, that atoms move with; each atom is one when None.

    Returns
    -------
    array of the dtype of `positions`, shape (frames, atoms, 3)
        In nm, computed in double and rounded once. Frames in several calls give the same bits.

    Raises
    ------
    ValueError
        Shapes that do not match.
    FrameError
        A frame without box, or one without volume; a coordinate that is not finite, or lies
        farther from the origin than any box.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels.periodic import unwrap, unwrap_begin
    >>> frames = np.array([2.8, 0.1, 0.4])[:, None, None] * np.ones((1, 1, 3))
    >>> boxes = np.tile(3.0 * np.eye(3), (3, 1, 1))
    >>> state = unwrap_begin(frames[:1], boxes[:1], scheme="lattice")
    >>> unwrap(frames, boxes, frames[:1], boxes[:1], state, scheme="lattice")[:, 0, 0].round(9)
    array([2.8, 3.1, 3.4])
    """
    frames = as_frames(positions)
    moved = np.empty_like(frames)
    _unwrap(frames, box, previous, previous_box, state, scheme, group, moved)
    return moved


def add_states(one: Floats, other: Floats) -> Floats:
    """Add states of `unwrap`: exactly, in any order.

    Raises
    ------
    ValueError
        Something has moved too far for that.
    """
    both = one + other
    if (np.abs(both) >= _LARGEST_STATE).any():
        raise ValueError(
            "unwrap: something has moved farther than 16384 nm; are the units of the files nm?"
        )
    return both


def state_of_images(images: Floats) -> Floats:
    """Return the state, with the scheme "lattice", of groups that are so many boxes away.

    Parameters
    ----------
    images : array, shape (groups, 3)
        How many of each box vector.
    """
    tiles = -(-len(images) // _TILE)
    padded = np.zeros((tiles * _TILE, 3))
    padded[: len(images)] = images
    return np.ascontiguousarray(padded.reshape(tiles, _TILE, 3).swapaxes(1, 2))


def wrap(
    positions: ArrayLike,
    box: ArrayLike,
    middle: ArrayLike,
    *,
    group: Integers | None = None,
    compact: bool = False,
) -> NDArray[Any]:
    """Move groups of atoms by box vectors, so that their centres are in the cell around a point.

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm; not changed.
    box : array, shape (frames, 3, 3)
        Rows are the box vectors, in nm.
    middle : array, shape (frames, 3)
        The middle of the cell in each frame, in nm.
    group : array of int, shape (atoms,), optional
        The groups, from 0, that atoms move with; each atom is one when None.
    compact : bool
        The cell is made of the points that are nearer to the middle than to its images, instead of
        being spanned by the box vectors.

    Returns
    -------
    array of the dtype of `positions`, shape (frames, atoms, 3)
        In nm, computed in double and rounded once; what stays keeps its bits.

    Raises
    ------
    ValueError, FrameError
        As for `unwrap`.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels.periodic import wrap
    >>> wrap([[[3.5, -0.5, 1.0]]], 3.0 * np.eye(3)[None], [[1.5, 1.5, 1.5]])
    array([[[0.5, 2.5, 1. ]]])
    """
    frames, boxes = _frames_and_boxes(positions, box)
    middles = np.require(middle, dtype=np.float64, requirements=("C", "A"))
    if middles.shape != (len(frames), 3):
        raise ValueError(f"middle: expected shape ({len(frames)}, 3), got {middles.shape}")
    groups = _Groups(group, frames.shape[1])
    moved = np.empty_like(frames)
    where = new_where()
    check(
        lib.gd_wrap(
            ffi.from_buffer(frames),
            type_of(frames),
            *frames.shape[:2],
            groups.struct,
            pointer(boxes),
            pointer(middles),
            compact,
            ffi.from_buffer(moved),
            where,
        ),
        where,
    )
    return moved


def _unwrap(
    positions: ArrayLike,
    box: ArrayLike,
    previous: ArrayLike,
    previous_box: ArrayLike,
    state: ArrayLike | None,
    scheme: Scheme,
    group: Integers | None,
    moved: NDArray[Any] | None,
) -> Floats:
    frames, boxes = _frames_and_boxes(positions, box)
    before_frames, before_boxes = _frames_and_boxes(previous, previous_box)
    groups = _Groups(group, frames.shape[1])
    before = groups.empty()
    try:
        _begin(before_frames, before_boxes[0], groups, scheme, before, None)
    except FrameError as error:
        # At the very start, the frame before is the first one itself.
        is_first = len(frames) and np.array_equal(before_frames[0], frames[0], equal_nan=True)
        raise error.located(0 if is_first else -1) from None
    own = groups.empty() if state is None else np.array(state, np.float64)
    where = new_where()
    check(
        lib.gd_unwrap(
            ffi.from_buffer(frames),
            type_of(frames),
            *frames.shape[:2],
            groups.struct,
            pointer(boxes),
            SCHEMES[scheme],
            pointer(before),
            pointer(own),
            ffi.NULL if moved is None else ffi.from_buffer(moved),
            where,
        ),
        where,
    )
    return own


def _begin(
    frames: NDArray[Any],
    box: Floats,
    groups: _Groups,
    scheme: Scheme,
    before: Floats,
    state: Floats | None,
) -> None:
    where = new_where()
    check(
        lib.gd_unwrap_begin(
            ffi.from_buffer(frames),
            type_of(frames),
            frames.shape[1],
            groups.struct,
            pointer(box),
            SCHEMES[scheme],
            pointer(before),
            pointer(state),
            where,
        ),
        where,
    )


def _frames_and_boxes(positions: ArrayLike, box: ArrayLike) -> tuple[NDArray[Any], Floats]:
    """Return frames and their boxes as the core reads them.

    Raises
    ------
    FrameError
        A frame has no box.
    """
    frames = as_frames(positions)
    boxes = as_boxes(box, len(frames))
    if boxes is None or (missing := without_box(boxes)).any():
        frame = 0 if boxes is None else int(np.argmax(missing))
        raise FrameError("it has no box, so that there are no periodic images", frame)
    return frames, boxes


class _Groups:
    """What moves together, and memory to work in."""

    def __init__(self, group: Integers | None, n_atoms: int) -> None:
        self.n_groups = n_atoms
        self._group = group
        if group is not None:
            self._group = np.require(group, dtype=np.int64, requirements=("C", "A"))
            if self._group.shape != (n_atoms,):
                raise ValueError(f"group: expected shape ({n_atoms},), got {self._group.shape}")
            self.n_groups = int(self._group.max()) + 1
            if self._group.min() < 0:
                raise ValueError(f"group: expected numbers from 0, got {self._group.min()}")
        size = 0 if group is None else 2 * lib.gd_unwrap_size(self.n_groups) + self.n_groups
        self._scratch = np.empty(size)
        self.struct = ffi.new("struct gd_groups *")
        self.struct.group = pointer(self._group, "int64_t *")
        self.struct.n_groups = self.n_groups
        self.struct.scratch = pointer(self._scratch)

    def empty(self) -> Floats:
        """Return zeros for each group, as the core orders and pads them."""
        return np.zeros((lib.gd_unwrap_size(self.n_groups) // (3 * _TILE), 3, _TILE))
