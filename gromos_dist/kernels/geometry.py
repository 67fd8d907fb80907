"""Distances, angles and torsions between atoms, of every frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.errors import check, new_where
from gromos_dist.kernels.arrays import aligned, as_frames, pointer, type_of
from gromos_dist.kernels.boxes import as_boxes

Values = NDArray[np.float64]


def distances(
    positions: ArrayLike,
    pairs: ArrayLike,
    box: ArrayLike | None = None,
    *,
    out: Values | None = None,
) -> Values:
    """Compute distances of pairs of atoms.

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm.
    pairs : array of int, shape (n, 2)
        Atoms from 0. A pair whose first is negative gives NaN.
    box : array, shape (frames, 3, 3), optional
        Rows are the box vectors, in nm; frames with NaN or zeros have no box. Nearest images are
        taken where there is one.
    out : array of float64, shape (frames, n), optional
        Where the result is written.

    Returns
    -------
    array of float64, shape (frames, n)
        In nm.

    Raises
    ------
    ValueError
        Shapes that do not match, or an atom that is not there.
    FrameError
        A coordinate of one of the atoms that is NaN or infinite, or a box whose vectors lie in a
        plane.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels.geometry import distances
    >>> frames = np.array([[[0.0, 0.0, 0.0], [2.5, 0.0, 0.0]]])
    >>> distances(frames, [[0, 1]], 3.0 * np.eye(3)[None])
    array([[0.5]])
    """
    return _measured(lib.GD_MEASURE_DISTANCE, positions, box, pairs, "pairs", out)


def displacements(
    positions: ArrayLike,
    pairs: ArrayLike,
    box: ArrayLike | None = None,
    *,
    out: Values | None = None,
) -> Values:
    """Compute vectors from the first to the second atom of pairs.

    Parameters and errors are those of `distances`.

    Returns
    -------
    array of float64, shape (frames, n, 3)
        In nm.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels.geometry import displacements
    >>> displacements(np.array([[[0.0, 0.0, 0.0], [2.5, 0.0, 1.0]]]), [[0, 1]])
    array([[[2.5, 0. , 1. ]]])
    """
    return _measured(lib.GD_MEASURE_DISPLACEMENT, positions, box, pairs, "pairs", out)


def angles(
    positions: ArrayLike,
    triples: ArrayLike,
    box: ArrayLike | None = None,
    *,
    out: Values | None = None,
) -> Values:
    r"""Compute angles at the second of three atoms.

    .. math:: \operatorname{atan2}(|a \times b|, a \cdot b)

    of the vectors to the first and to the third, which is as exact near 0 and 180 degrees as
    elsewhere. Parameters and errors are those of `distances`.

    Returns
    -------
    array of float64, shape (frames, n)
        In degrees, 0 to 180; NaN where the second atom lies in the place of another.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels.geometry import angles
    >>> corner = np.array([[[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> angles(corner, [[0, 1, 2]])
    array([[90.]])
    """
    return _measured(lib.GD_MEASURE_ANGLE, positions, box, triples, "triples", out)


def dihedrals(
    positions: ArrayLike,
    quadruples: ArrayLike,
    box: ArrayLike | None = None,
    *,
    out: Values | None = None,
) -> Values:
    r"""Compute torsions about the line from the second to the third of four atoms.

    .. math:: \operatorname{atan2}(|b| \, a \cdot (b \times c), (a \times b) \cdot (b \times c))

    of the vectors :math:`a, b, c` from each atom to the next; clockwise, seen along :math:`b`, is
    positive, and trans is 180 degrees. Parameters and errors are those of `distances`.

    Returns
    -------
    array of float64, shape (frames, n)
        In degrees, in (-180, 180]; NaN where three neighbours lie in a line.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels.geometry import dihedrals
    >>> trans = np.array([[[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [-1.0, 0.0, 1.0]]])
    >>> dihedrals(trans, [[0, 1, 2, 3]])
    array([[180.]])
    """
    return _measured(lib.GD_MEASURE_TORSION, positions, box, quadruples, "quadruples", out)


_SIZES = {
    lib.GD_MEASURE_DISTANCE: 2,
    lib.GD_MEASURE_DISPLACEMENT: 2,
    lib.GD_MEASURE_ANGLE: 3,
    lib.GD_MEASURE_TORSION: 4,
}


def _measured(
    measure: int,
    positions: ArrayLike,
    box: ArrayLike | None,
    atoms: ArrayLike,
    name: str,
    out: Values | None,
) -> Values:
    frames = as_frames(positions)
    n_frames, n_atoms, _ = frames.shape
    boxes = as_boxes(box, n_frames)
    tuples = _as_tuples(atoms, _SIZES[measure], n_atoms, name)
    shape = (n_frames, len(tuples), *(3,) * (measure == lib.GD_MEASURE_DISPLACEMENT))
    if out is None:
        out = np.empty(shape)
    elif out.shape != shape or out.dtype != np.float64 or not out.flags.carray:
        raise ValueError(f"out: expected {shape} float64, contiguous, got {out.shape} {out.dtype}")
    used, places = _used(tuples, n_atoms)
    n_used = n_atoms if used is None else len(used)
    where = new_where()
    check(
        lib.gd_geometry(
            ffi.from_buffer(frames),
            type_of(frames),
            n_frames,
            n_atoms,
            pointer(boxes),
            pointer(used, "int64_t *"),
            n_used,
            pointer(places, "int64_t *"),
            len(places),
            measure,
            pointer(aligned(lib.gd_geometry_size(n_used))),
            pointer(out),
            where,
        ),
        where,
    )
    return out


def _as_tuples(atoms: ArrayLike, size: int, n_atoms: int, name: str) -> NDArray[np.int64]:
    array = np.asarray(atoms)
    if array.ndim != 2 or array.shape[1] != size:
        raise ValueError(f"{name}: expected shape (n, {size}), got {array.shape}")
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name}: expected atoms, integers from 0, got dtype {array.dtype}")
    tuples = np.require(array, dtype=np.int64, requirements=("C", "A"))
    known = tuples[tuples[:, 0] >= 0]
    outside = (known < 0) | (known >= n_atoms)
    if outside.any():
        raise ValueError(
            f"{name}: atom {known[outside][0]} is out of range: there are {n_atoms} atoms, counted "
            "from 0"
        )
    return tuples


def _used(tuples: NDArray[np.int64], n_atoms: int) -> tuple[NDArray[np.int64] | None, NDArray[Any]]:
    """Return the atoms of tuples, None where they are all, and the tuples as places in these."""
    is_used = np.zeros(n_atoms, bool)
    is_used[tuples[tuples[:, 0] >= 0]] = True
    if is_used.all():
        return None, tuples
    places = np.cumsum(is_used) - 1
    return np.flatnonzero(is_used), np.where(tuples[:, :1] >= 0, places[tuples], -1)
