"""Superposition: put frames onto a reference, or move them by given rotations and translations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.errors import check
from gromos_dist.kernels.arrays import as_frames, pointer, type_of
from gromos_dist.kernels.rmsd import AtomList, PreparedReference, fit_transform


def superpose(
    positions: ArrayLike,
    reference: ArrayLike | PreparedReference,
    *,
    atoms: AtomList = None,
    weights: ArrayLike | None = None,
) -> NDArray[Any]:
    """Put every frame onto a reference by the best rotation and translation.

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm; not changed.
    reference : array, shape (atoms, 3), or PreparedReference
        The reference, in nm, with the same atoms as the frames. A prepared one is superposed with
        its fitted atoms.
    atoms : array of int or bool, optional
        The atoms that are superposed; all if None. All atoms are moved.
    weights : array, shape (atoms,), optional
        A weight (a mass, for example) for every atom of a frame; equal ones if None.

    Returns
    -------
    array of the dtype of `positions`, shape (frames, atoms, 3)
        In nm, computed in double and rounded once.

    Raises
    ------
    ValueError
        As `gromos_dist.kernels.rmsd.rmsd`.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels.superpose import superpose
    >>> frame = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]])
    >>> turned = frame[:, [1, 2, 0]] + 5.0
    >>> bool(np.allclose(superpose(turned[None], frame)[0], frame))
    True
    """
    frames = as_frames(positions)
    rotations, translations = fit_transform(frames, reference, atoms=atoms, weights=weights)
    return transform(frames, rotations, translations)


def transform(positions: ArrayLike, rotations: ArrayLike, translations: ArrayLike) -> NDArray[Any]:
    """Rotate and move frames: ``rotations[f] @ x + translations[f]`` for every atom.

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm; not changed. Numbers that are not finite are passed on.
    rotations : array, shape (frames, 3, 3)
        Rotation matrices.
    translations : array, shape (frames, 3)
        In nm.

    Returns
    -------
    array of the dtype of `positions`, shape (frames, atoms, 3)
        In nm, computed in double and rounded once.

    Raises
    ------
    ValueError
        Shapes that do not match.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels.superpose import transform
    >>> quarter_turn = np.array([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]])
    >>> transform(np.array([[[1.0, 2.0, 3.0]]]), quarter_turn, np.array([[0.0, 0.0, 1.0]]))
    array([[[-2.,  1.,  4.]]])
    """
    frames = as_frames(positions)
    n_frames, n_atoms, _ = frames.shape
    turns = np.require(rotations, dtype=np.float64, requirements=("C", "A"))
    moves = np.require(translations, dtype=np.float64, requirements=("C", "A"))
    for name, array, shape in (
        ("rotations", turns, (n_frames, 3, 3)),
        ("translations", moves, (n_frames, 3)),
    ):
        if array.shape != shape:
            raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
    moved = np.empty_like(frames)
    check(
        lib.gd_transform(
            ffi.from_buffer(frames),
            type_of(frames),
            n_frames,
            n_atoms,
            pointer(turns),
            pointer(moves),
            ffi.from_buffer(moved),
        )
    )
    return moved
