"""The lattice of a periodic box: its shortest vectors, and nearest images in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def has_lattice(box: ArrayLike) -> bool:
    """Say whether there is a box (NaN or zeros stand for none), shape (3, 3).

    Raises
    ------
    ValueError
        Its vectors lie in one plane.
    """
    vectors = np.asarray(box, np.float64)
    if not np.isfinite(vectors).all() or not vectors.any():
        return False
    if not abs(np.linalg.det(vectors)) > 0:
        raise ValueError(f"the box has no volume: its vectors are {vectors.tolist()} (nm)")
    return True


def reduced_vectors(box: ArrayLike) -> Floats:
    """Return the shortest vectors of the lattice of a box, by length.

    From the longer of each pair what it has of the shorter is subtracted, and from the longest the
    sums of the others, while any gets shorter: in three dimensions that ends with the shortest
    vectors there are (I. Semaev, Cryptography and Lattices (2001) 181).

    Parameters
    ----------
    box : array, shape (3, 3)
        Rows are the box vectors, in nm, not in one plane.

    Returns
    -------
    array of float64, shape (3, 3)
        Rows are vectors of the same lattice.

    Examples
    --------
    >>> from gromos_dist.topology.lattice import reduced_vectors
    >>> reduced_vectors([[2.0, 0.0, 0.0], [5.0, 3.0, 0.0], [0.0, 0.0, 4.0]])
    array([[2., 0., 0.],
           [1., 3., 0.],
           [0., 0., 4.]])
    """
    vectors = np.array(box, np.float64)
    # Ties are left alone: no vector is taken for a shorter one because of rounding.
    gain = 1.0 - 1e-12
    shorter = True
    while shorter:
        shorter = False
        vectors = vectors[np.argsort(np.einsum("ij,ij->i", vectors, vectors), kind="stable")]
        for i in (1, 2):
            others = vectors[:i]
            guess = np.rint(np.linalg.lstsq(others.T, vectors[i], rcond=None)[0])
            around = np.stack(np.meshgrid(*[[-1, 0, 1]] * i, indexing="ij"), -1).reshape(-1, i)
            moved = vectors[i] - (guess + around) @ others
            best = moved[np.argmin(np.einsum("ij,ij->i", moved, moved))]
            if best @ best < gain * (vectors[i] @ vectors[i]):
                vectors[i] = best
                shorter = True
    return vectors


def nearest_images(differences: ArrayLike, box: ArrayLike) -> Floats:
    """Move differences of two positions to their nearest images.

    Parameters
    ----------
    differences : array, shape (n, 3)
        In nm.
    box : array, shape (3, 3)
        Rows are the box vectors, in nm; NaN or zeros stand for no box.

    Returns
    -------
    array of float64, shape (n, 3)
        In nm; those that are the nearest already keep their bits.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.topology.lattice import nearest_images
    >>> nearest_images([[2.5, 0.0, 0.5]], 3.0 * np.eye(3))
    array([[-0.5,  0. ,  0.5]])
    """
    nearest = np.array(differences, np.float64)
    vectors = np.asarray(box, np.float64)
    if not has_lattice(vectors):
        return nearest
    vectors = reduced_vectors(vectors)
    # Nearer than half the shortest vector there is no other image.
    far = np.flatnonzero(np.einsum("ij,ij->i", nearest, nearest) > 0.25 * vectors[0] @ vectors[0])
    given = nearest[far]
    cells = np.rint(given @ np.linalg.inv(vectors))
    steps = np.stack(np.meshgrid(*[[0, -1, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)
    shortest = np.einsum("ij,ij->i", given, given)
    for step in steps:
        moved = given - (cells + step) @ vectors
        square = np.einsum("ij,ij->i", moved, moved)
        better = square < shortest * (1.0 - 1e-12)
        shortest = np.where(better, square, shortest)
        nearest[far[better]] = moved[better]
    return nearest
